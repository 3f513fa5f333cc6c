"""Whether families rank alike in two studies: `python docs/ranks.py FOLDER FOLDER`.

Cells of the two match in task, size, distortion, severity and n, and differ in their population. In
each, Kendall's tau-b between the families' mean values in one study and in the other (1: the same
order, -1: the reverse), then its mean over matching cells but those in which all families are tied:
of the risk R_n(T), and of estimation and optimization where both studies have them. Intervals are
of the percentile bootstrap over seeds (and restarts of U_A), drawn anew in both studies; within a
study a seed's data are common to all families and cells, so a draw of seeds is too. Of few seeds
they are rough.

What can be hoped for is how far a study agrees with itself: half of its seeds against the others,
the mean over all ways to halve them, with the smallest and largest in place of an interval.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from study.trials.trial import CELL_NAMES

MATCHED = ["task", *(name for name in CELL_NAMES if name not in ("family", "population"))]
QUANTITIES = ("risk", "estimation", "optimization")
NUM_DRAWS = 2_000

Means = dict[str, dict[tuple[object, ...], dict[str, np.ndarray]]]
"""(1 + B,), first of seeds as they are: by population, values of MATCHED, family."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Tau-b over the matching cells of two populations, with its 95% interval."""

    quantity: str
    populations: tuple[str, str]
    num_cells: int
    families: tuple[str, ...]
    tau: float
    lo: float
    hi: float


def main(first: str, second: str) -> None:
    """Print a line for each pair of populations and quantity."""
    tables = [pd.read_parquet(Path(folder) / "trials.parquet") for folder in (first, second)]
    print("| quantity | populations | families | cells | tau-b | 95% interval |")
    print("|---|---|---|---|---|---|")
    for found in (*agreements(*tables), *self_agreements(tables[0]), *self_agreements(tables[1])):
        names = " against ".join(found.populations)
        print(
            f"| {found.quantity} | {names} | {', '.join(found.families)} | {found.num_cells} | "
            f"{found.tau:.2f} | [{found.lo:.2f}, {found.hi:.2f}] |"
        )


def agreements(
    first: pd.DataFrame, second: pd.DataFrame, num_draws: int = NUM_DRAWS
) -> Iterator[Agreement]:
    """Every pair of populations and quantity in which two families or more match in a cell."""
    for quantity in QUANTITIES:
        studies = [
            _means(trials, quantity, np.random.default_rng([number, num_draws]), num_draws)
            for number, trials in enumerate((first, second))
        ]
        for one, ours in studies[0].items():
            for other, theirs in studies[1].items():
                taus, families = [], set()
                for cell in ours.keys() & theirs.keys():
                    held = ours[cell], theirs[cell]
                    common = sorted(held[0].keys() & held[1].keys())
                    if len(common) > 1:
                        x, y = (np.stack([side[name] for name in common]) for side in held)
                        tau = tau_b(x, y)
                        if not np.isnan(tau[0]):
                            taus.append(tau)
                            families |= set(common)
                if taus:
                    tau = np.nanmean(taus, axis=0)
                    lo, hi = np.nanquantile(tau[1:], (0.025, 0.975))
                    yield Agreement(
                        quantity=quantity,
                        populations=(one, other),
                        num_cells=len(taus),
                        families=tuple(sorted(families)),
                        tau=float(tau[0]),
                        lo=float(lo),
                        hi=float(hi),
                    )


def self_agreements(trials: pd.DataFrame) -> Iterator[Agreement]:
    """Of the halves of a study's seeds, by population: `lo` and `hi` are the ends of all ways.

    Of estimation nothing is said: both halves would take off the same U_A.
    """
    measured = trials[trials["role"] == "measure"]
    seeds = sorted(measured["seed"].unique())
    found: dict[tuple[str, str], list[Agreement]] = defaultdict(list)
    for half in combinations(seeds, len(seeds) // 2):
        is_in = measured["seed"].isin(half)
        for held in agreements(measured[is_in], measured[~is_in], num_draws=1):
            if held.populations[0] == held.populations[1]:
                found[held.quantity, held.populations[0]].append(held)
    for (_, population), ways in found.items():
        taus = [held.tau for held in ways]
        populations = (population, "itself, by halves")
        ends = {"tau": float(np.mean(taus)), "lo": min(taus), "hi": max(taus)}
        yield replace(ways[0], populations=populations, **ends)


def tau_b(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (B,) of B pairs of columns of (F, B); nan where all of one are tied."""
    a, b = (np.sign(held[:, None] - held[None]) for held in (x, y))
    ties = (np.square(a).sum(axis=(0, 1)) * np.square(b).sum(axis=(0, 1))) ** 0.5
    with np.errstate(invalid="ignore"):
        found: np.ndarray = (a * b).sum(axis=(0, 1)) / ties
    return found


def _means(trials: pd.DataFrame, quantity: str, rng: np.random.Generator, num_draws: int) -> Means:
    """Of the families of every cell that know the quantity."""
    lacking = {name: None for name in MATCHED if name not in trials}  # from before an axis
    done = trials[trials["status"] == "done"].assign(**lacking)
    measured, limits = (done[done["role"] == role] for role in ("measure", "limit"))
    seeds = np.sort(measured["seed"].unique())
    drawn = np.concatenate([[seeds], rng.choice(seeds, size=(num_draws, len(seeds)))])
    found: Means = {}
    keys = ["population", "family", *MATCHED]
    for (population, family, *cell), rows in measured.groupby(keys, dropna=False):
        values = _values(rows, quantity).reindex(seeds)
        if values.isna().all():
            continue
        means = _drawn_means(values, drawn, seeds)
        if quantity == "estimation":
            subtracted = _limit_means(limits, rows.iloc[0], rng, num_draws)
            if subtracted is None:
                continue
            means = means - subtracted
        place = tuple(None if pd.isna(held) else held for held in cell)
        found.setdefault(population, {}).setdefault(place, {})[family] = means
    return found


def _values(rows: pd.DataFrame, quantity: str) -> pd.Series:
    """By seed; of estimation what U_A is to be taken off."""
    held = rows.set_index("seed").astype({"risk": float, "converged_risk": float})
    if quantity == "risk":
        return held["risk"]
    converged = held["converged_risk"]
    return converged if quantity == "estimation" else held["risk"] - converged


def _drawn_means(values: pd.Series, drawn: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Means (1 + B,) over drawn seeds; nan where a draw has none that was measured."""
    held = values.to_numpy()[np.searchsorted(seeds, drawn)]
    known = ~np.isnan(held)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = np.where(known, held, 0).sum(axis=1) / known.sum(axis=1)
    return means


def _limit_means(
    limits: pd.DataFrame, row: pd.Series, rng: np.random.Generator, num_draws: int
) -> np.ndarray | None:
    """U_A (1 + B,) of a row's family and law at the longest stream; None where there is none."""
    same = [name for name in ("population", "family", *MATCHED) if name != "num_train"]
    mine = limits
    for name in same:
        is_null = pd.isna(row[name])
        mine = mine[mine[name].isna() if is_null else mine[name] == row[name]]
    mine = mine[mine["num_train"] == mine["num_train"].max()]
    risks = mine["risk"].dropna().to_numpy(dtype=float)
    if not len(risks):
        return None
    drawn = rng.choice(risks, size=(num_draws, len(risks))).mean(axis=1)
    return np.concatenate([[risks.mean()], drawn])


if __name__ == "__main__":
    main(*sys.argv[1:])
