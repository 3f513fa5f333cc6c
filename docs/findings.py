"""Prints the tables of docs/findings.md from a study's trials alone.

    python docs/findings.py ray_results/reference/gaussian-small/trials.parquet

Differences between cells are taken seed by seed, averaged over families and depths within a seed,
and then given Student-t intervals over the seeds (`study.analysis.intervals.seed_interval`):
trials of one seed share their data.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from study.analysis.comparisons import build_comparisons
from study.analysis.files import read_trials
from study.analysis.intervals import seed_interval
from study.analysis.joined import join, trial_errors
from study.analysis.landscape import build_landscape

TERMS = ("total", "approximation", "estimation", "optimization")


def points(values: Iterable[float]) -> str:
    """Mean and interval over seeds, in percentage points."""
    held = [float(v) for v in values]
    interval = seed_interval(held)
    mean = 100 * sum(held) / len(held)
    if interval.lo is None or interval.hi is None:
        return f"{mean:.2f}"
    return f"{mean:.2f} [{100 * interval.lo:.2f}, {100 * interval.hi:.2f}]"


def print_table(title: str, frame: pd.DataFrame) -> None:
    """A Markdown table below its title."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(frame.columns) + " |")
    print("|" + "---|" * len(frame.columns))
    for row in frame.itertuples(index=False):
        print("| " + " | ".join(str(value) for value in row) + " |")


def speed(trials: pd.DataFrame) -> pd.DataFrame:
    """Area under the training-risk curve over the budget, undistorted, mean over depths."""
    rows = trials[(trials["role"] == "measure") & (trials["distortion"] == "none")]
    found = []
    for (family, num), group in rows.groupby(["family", "num_train"]):
        area = group.groupby("seed")["area_under_curve"].mean()
        found.append(
            {
                "n": num,
                "family": family,
                "area under the training-risk curve, points": points(area),
                "training risk at T, points": points(group.groupby("seed")["train_risk"].mean()),
                "share settled": f"{100 * group['converged'].mean():.0f}%",
                "seconds a trial": f"{group['wall_s'].mean():.1f}",
                "order": area.mean(),
            }
        )
    return pd.DataFrame(found).sort_values(["n", "order"]).drop(columns="order")


def by_depth(landscape: pd.DataFrame) -> pd.DataFrame:
    """Approximation and estimation of the undistorted cells by depth."""
    rows = landscape[(landscape["distortion"] == "label_noise") & (landscape["severity"] == 0)]
    found = []
    for row in rows.sort_values(["num_train", "family", "depth"]).to_dict("records"):
        shown = {"n": row["num_train"], "family": row["family"], "depth": row["depth"]}
        for term in TERMS:
            low, high = 100 * row[f"{term}_lo"], 100 * row[f"{term}_hi"]
            shown[term] = f"{100 * row[term]:.2f} [{low:.2f}, {high:.2f}]"
        found.append(shown)
    return pd.DataFrame(found)


def depth_trend(errors: pd.DataFrame) -> pd.DataFrame:
    """Deepest minus shallowest, undistorted: the change of each term, per family and n."""
    rows = errors[errors["distortion"] == "none"]
    shallow, deep = rows["depth"].min(), rows["depth"].max()
    found = []
    for (num, family), group in rows.groupby(["num_train", "family"]):
        wide = group.pivot_table(index="seed", columns="depth", values=list(TERMS))
        shown = {"n": num, "family": family}
        for term in TERMS:
            change = wide[term][deep] - wide[term][shallow]
            alone = f"{100 * change.mean():.2f}"
            shown[f"{term}, depth {deep} − {shallow}"] = (
                alone if term == "approximation" else points(change)
            )
        found.append(shown)
    return pd.DataFrame(found)


def damage(errors: pd.DataFrame) -> pd.DataFrame:
    """Distorted minus undistorted, mean over families and depths within a seed."""
    key = ["family", "depth", "num_train", "seed"]
    base = errors[errors["distortion"] == "none"].set_index(key)[list(TERMS)]
    found = []
    hurt = errors[errors["distortion"] != "none"]
    for (num, name, severity), group in hurt.groupby(["num_train", "distortion", "severity"]):
        change = (group.set_index(key)[list(TERMS)] - base).dropna().groupby("seed").mean()
        shown = {"n": num, "distortion": f"{name} {severity:g}"}
        found.append(shown | {term: points(change[term]) for term in TERMS})
    return pd.DataFrame(found)


def clustering(landscape: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """How often VAE and k-means ends below each other family, over all cells."""
    found = []
    for other in sorted(set(landscape["family"]) - {"vae_kmeans"}):
        pairs = comparisons[
            (comparisons[["first", "second"]] == "vae_kmeans").any(axis=1)
            & (comparisons[["first", "second"]] == other).any(axis=1)
        ]
        sign = pairs["first"].eq("vae_kmeans").map({True: 1.0, False: -1.0})
        difference = pairs["difference"].astype(float) * sign
        certain = pairs["significant"].fillna(False).astype(bool)
        found.append(
            {
                "against": other,
                "cells": len(pairs),
                "lower risk": int((difference < 0).sum()),
                "lower, after Holm": int(((difference < 0) & certain).sum()),
                "higher, after Holm": int(((difference > 0) & certain).sum()),
                "smallest difference, points": f"{100 * difference.min():.2f}",
                "median, points": f"{100 * difference.median():.2f}",
            }
        )
    return pd.DataFrame(found)


def main() -> None:
    """Prints every table."""
    trials, levels = read_trials(Path(sys.argv[1]))
    joined = join(trials)
    landscape, errors = build_landscape(joined, levels), trial_errors(joined)
    comparisons = build_comparisons(joined)
    print_table("How fast empirical risk falls", speed(trials))
    print_table("Terms by depth, undistorted", by_depth(landscape))
    print_table("Deeper against shallower", depth_trend(errors))
    print_table("What each distortion adds", damage(errors))
    print_table("VAE and k-means against the others", clustering(landscape, comparisons))


if __name__ == "__main__":
    main()
