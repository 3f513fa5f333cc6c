"""Prints the tables of docs/findings.md from a study's folder.

    python docs/findings.py ray_results/reference/quickstart

Errors and their intervals are the landscape's and the comparisons'; differences between cells are
taken seed by seed and come without any.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.columns import ERRORS
from study.analysis.joined import join, trial_errors
from study.analysis.reading import read_study
from study.analysis.results import build_results

CELL = ("num_train", "family", "depth")


def shown(row: dict[str, Any], term: str) -> str:
    """A term of the landscape with its interval, in percentage points."""
    marks = {"approximation": "≤ "}
    is_bound = not pd.isna(row["approximation"]) and row["approximation_is_bound"]
    bound = marks.get(term, "") if is_bound else ""
    if pd.isna(row[term]):
        return "–"
    value = f"{bound}{100 * row[term]:.2f}"
    if pd.isna(row[f"{term}_lo"]):
        return value
    return f"{value} [{100 * row[f'{term}_lo']:.2f}, {100 * row[f'{term}_hi']:.2f}]"


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
    for (law, family, num), group in rows.groupby(["population", "family", "num_train"]):
        area = 100 * group["area_under_curve"].mean()
        found.append(
            {
                "population": law,
                "n": num,
                "family": family,
                "area under the training-risk curve, points": f"{area:.2f}",
                "training risk at T, points": f"{100 * group['train_risk'].mean():.2f}",
                "share settled": f"{100 * group['converged'].mean():.0f}%",
                "seconds a trial": f"{group['wall_s'].mean():.1f}",
                "order": area,
            }
        )
    return pd.DataFrame(found).sort_values(["population", "n", "order"]).drop(columns="order")


def in_short(landscape: pd.DataFrame) -> pd.DataFrame:
    """How much of the landscape says something."""
    settled = landscape["share_converged"].astype(float)
    told = [
        (row[f"{term}_lo"] > 0)
        or (row[f"{term}_hi"] < 0)
        or (row[f"{term}_hi"] - row[f"{term}_lo"] < 0.02)
        for row in landscape.to_dict("records")
        for term in ERRORS
        if not pd.isna(row[term])
    ]
    known = [bool(value) for value in told if not pd.isna(value)]
    return pd.DataFrame(
        [
            {
                "cells": len(landscape),
                "every seed settled": f"{100 * (settled == 1).mean():.0f}%",
                "seeds settled": f"{100 * settled.mean():.1f}%",
                "errors": len(told),
                "interval without 0, or half-width below a point": f"{sum(known)} "
                f"({100 * sum(known) / len(told):.0f}%)",
            }
        ]
    )


def by_depth(landscape: pd.DataFrame, rho: float) -> pd.DataFrame:
    """Every error of the cells at one level of label noise, by depth."""
    rows = landscape[(landscape["distortion"] == "label_noise") & (landscape["severity"] == rho)]
    found = []
    for row in rows.sort_values(["population", *CELL]).to_dict("records"):
        slack = "" if pd.isna(row["slack"]) else f"{100 * row['slack']:.2f}"
        found.append(
            {name: row[name] for name in ("population", *CELL)}
            | {term: shown(row, term) for term in ERRORS}
            | {"slack": slack}
        )
    return pd.DataFrame(found)


def depth_trend(errors: pd.DataFrame) -> pd.DataFrame:
    """Deepest minus shallowest, undistorted: the change of each error, per family and n."""
    rows = errors[errors["distortion"] == "none"]
    shallow, deep = rows["depth"].min(), rows["depth"].max()
    found = []
    for (law, num, family), group in rows.groupby(["population", "num_train", "family"]):
        wide = group.pivot_table(index="seed", columns="depth", values=list(ERRORS))
        line = {"population": law, "n": num, "family": family}
        for term in ERRORS:
            change = wide[term][deep] - wide[term][shallow]
            line[f"{term}, {deep} − {shallow}"] = f"{100 * change.mean():.2f}"
        found.append(line)
    return pd.DataFrame(found)


def damage(errors: pd.DataFrame) -> pd.DataFrame:
    """Distorted minus undistorted, mean over depths and seeds; no intervals."""
    key = ["population", "family", "depth", "num_train", "seed"]
    base = errors[errors["distortion"] == "none"].set_index(key)[list(ERRORS)]
    found = []
    hurt = errors[errors["distortion"] != "none"]
    axes = ["population", "num_train", "family", "distortion", "severity"]
    for (law, num, family, name, severity), group in hurt.groupby(axes):
        change = (group.set_index(key)[list(ERRORS)] - base).dropna(how="all")
        change = change.groupby("seed").mean().dropna(subset="optimization")
        line = {"population": law, "n": num, "family": family, "distortion": f"{name} {severity:g}"}
        means = 100 * change.mean()
        known = change.notna().all()
        found.append(line | {t: f"{means[t]:.2f}" if known[t] else "–" for t in ERRORS})
    return pd.DataFrame(found)


def clustering(landscape: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """How often VAE and k-means ends below each other family, over all cells."""
    found = []
    cells = comparisons[comparisons["scope"] == "cell"]
    for other in sorted(set(landscape["family"]) - {"vae_kmeans"}):
        pairs = cells[
            (cells[["first", "second"]] == "vae_kmeans").any(axis=1)
            & (cells[["first", "second"]] == other).any(axis=1)
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


def over_cells(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Two families over all cells of the population."""
    rows = comparisons[comparisons["scope"] == "population"]
    rows = rows.dropna(subset="difference_lo").sort_values(["population", "difference"])
    return pd.DataFrame(
        {
            "population": rows["population"],
            "first": rows["first"],
            "second": rows["second"],
            "first minus second, points": [
                f"{100 * row.difference:.2f} "
                f"[{100 * row.difference_lo:.2f}, {100 * row.difference_hi:.2f}]"
                for row in rows.itertuples()
            ],
            "p, after Holm": [f"{p:.2g}" for p in rows["p_holm"]],
        }
    )


def by_term(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The terms by which two families differ significantly, over all cells of the population."""
    rows = comparisons[comparisons["scope"] == "population"]
    rows = rows[rows["significant"].fillna(False).astype(bool)]
    found = over_cells(rows)
    found.insert(0, "term", list(rows["error"].loc[found.index]))
    return found.sort_values("term", key=lambda terms: terms.map(ERRORS.index), kind="stable")


def main() -> None:
    """Prints every table."""
    study = read_study(Path(sys.argv[1]))
    first_stage = None if study.stopping is None else study.stopping.first_seeds
    if other := set(study.trials["task"].dropna()) - {"classification"}:
        sys.exit(f"{sys.argv[1]}: tables in points are of classifiers alone, not of {min(other)}")
    results = build_results(study.trials, study.levels, study.decisions, first_stage=first_stage)
    landscape, errors = results.landscape, trial_errors(join(study.trials, study.decisions))
    print_table("In short", in_short(landscape))
    noises = sorted(landscape.loc[landscape["distortion"] == "label_noise", "severity"].unique())
    for rho in noises:
        print_table(f"Errors at label noise {rho:g}", by_depth(landscape, rho))
    if len(set(errors["depth"])) > 1:
        print_table("Deeper against shallower", depth_trend(errors))
    print_table("What each distortion adds", damage(errors))
    print_table("Families over all cells", over_cells(results.comparisons))
    print_table("Families that differ by a term", by_term(results.term_comparisons))
    if "vae_kmeans" in set(landscape["family"]):
        print_table("VAE and k-means, cell by cell", clustering(landscape, results.comparisons))
    print_table("How fast empirical risk falls", speed(study.trials))


if __name__ == "__main__":
    main()
