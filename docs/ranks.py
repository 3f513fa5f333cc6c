"""Whether families rank alike in two studies: `python docs/ranks.py FOLDER FOLDER`.

Cells of the two match in task, size, distortion, severity and n, and differ in their population. In
each, Kendall's tau-b between the families' mean values in one study and in the other (1: the same
order, -1: the reverse), then its mean over matching cells but those in which all families are tied,
each with the same weight however many families it has in common: of the risks R_n(T), R_n(inf) and
U_A, and of estimation and optimization, where both studies have them. A family's mean is over the
seeds that all families of its cell have; how long T is, is not looked at. Intervals are
of the percentile bootstrap over seeds (and restarts of U_A), drawn anew in both studies; within a
study a seed's data are common to all families and cells, so a draw of seeds is too. They are
for these families alone, and rough: of few seeds, and pulled towards zero where families are nearly
tied. Of one seed there is none.

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
QUANTITIES = ("risk", "converged_risk", "limit_risk", "estimation", "optimization")
DECIMALS = 10
"""Of a mean: sums in another order are the same mean."""
NUM_DRAWS = 2_000

Means = dict[str, dict[tuple[object, ...], dict[str, np.ndarray]]]
"""(1 + B,), first of seeds as they are: by population, values of MATCHED, family."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Tau-b over the matching cells of two populations, with its 95% interval.

    Attributes:
        families: that any of the cells have in common.
        by_cell: tau-b of each cell, by its damage and size.
        lo: nan where there is no interval, as `hi`.
    """

    quantity: str
    populations: tuple[str, str]
    families: tuple[str, ...]
    by_cell: dict[str, float]
    tau: float
    lo: float
    hi: float

    @property
    def num_cells(self) -> int:
        """In which not all families are tied."""
        return len(self.by_cell)


def main(first: str, second: str) -> None:
    """Print a line for each pair of populations and quantity."""
    tables = [pd.read_parquet(Path(folder) / "trials.parquet") for folder in (first, second)]
    print("| quantity | populations | families | cells | tau-b | 95% interval | by cell |")
    print("|---|---|---|---|---|---|---|")
    for found in (*agreements(*tables), *self_agreements(tables[0]), *self_agreements(tables[1])):
        names = " against ".join(found.populations)
        print(
            f"| {found.quantity} | {names} | {', '.join(found.families)} | {found.num_cells} | "
            f"{found.tau:.2f} | {_interval(found)} | "
            f"{', '.join(f'{cell}: {tau:.2f}' for cell, tau in found.by_cell.items())} |"
        )


def _interval(found: Agreement) -> str:
    return "none" if np.isnan(found.lo) else f"[{found.lo:.2f}, {found.hi:.2f}]"


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
                taus, families = {}, set()
                for cell in [place for place in ours if place in theirs]:
                    held = ours[cell], theirs[cell]
                    common = sorted(held[0].keys() & held[1].keys())
                    if len(common) > 1:
                        x, y = (np.stack([side[name] for name in common]) for side in held)
                        tau = tau_b(x, y)
                        if not np.isnan(tau[0]):
                            taus[_cell_name(cell)] = tau
                            families |= set(common)
                if taus:
                    stacked = np.stack([*taus.values()])
                    lo, hi = _ends(stacked[:, 1:])
                    yield Agreement(
                        quantity=quantity,
                        populations=(one, other),
                        families=tuple(sorted(families)),
                        by_cell={name: float(held[0]) for name, held in taus.items()},
                        tau=float(stacked[:, 0].mean()),
                        lo=lo,
                        hi=hi,
                    )


def _ends(taus: np.ndarray) -> tuple[float, float]:
    """The interval of the mean over cells, of draws (cells, B); nan where nothing was drawn."""
    drawn = taus[:, ~np.isnan(taus).all(axis=0)]
    if not drawn.size:
        return np.nan, np.nan
    lo, hi = np.quantile(np.nanmean(drawn, axis=0), (0.025, 0.975))
    return float(lo), float(hi)


def self_agreements(trials: pd.DataFrame) -> Iterator[Agreement]:
    """Of the halves of a study's seeds, by population: `lo` and `hi` are the ends of all ways.

    Of U_A and estimation nothing is said: both halves would have the same U_A.
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
        yield replace(
            ways[0],
            populations=(population, "itself, by halves"),
            by_cell={
                cell: float(np.mean([held.by_cell[cell] for held in ways if cell in held.by_cell]))
                for cell in ways[0].by_cell
            },
            tau=float(np.mean(taus)),
            lo=min(taus),
            hi=max(taus),
        )


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
    for (population, *cell), rows in measured.groupby(["population", *MATCHED], dropna=False):
        families = {str(f): _values(own, quantity) for f, own in rows.groupby("family")}
        known = {f: values.dropna() for f, values in families.items() if values.notna().any()}
        shared = sorted(set.intersection(*(set(v.index) for v in known.values()))) if known else []
        for family, values in known.items():
            means = _drawn_means(values.loc[shared].reindex(seeds), drawn, seeds)
            if quantity in ("limit_risk", "estimation"):
                row = rows[rows["family"] == family].iloc[0]
                limit = _limit_means(limits, row, rng, num_draws)
                if limit is None:
                    continue
                means = limit if quantity == "limit_risk" else means - limit
            place = tuple(None if pd.isna(held) else held for held in cell)
            cells = found.setdefault(str(population), {}).setdefault(place, {})
            cells[family] = means.round(DECIMALS) if len(seeds) > 1 else _without_draws(means)
    return found


def _without_draws(means: np.ndarray) -> np.ndarray:
    """Of one seed there is nothing to draw."""
    return np.concatenate([means[:1].round(DECIMALS), np.full(len(means) - 1, np.nan)])


def _cell_name(cell: tuple[object, ...]) -> str:
    held = dict(zip(MATCHED, cell, strict=True))
    damage = "" if held["distortion"] == "none" else f" {held['distortion']}={held['severity']:g}"
    axes = "".join(f" {n}={held[n]:g}" for n in ("latent_dim", "capacity") if held.get(n))
    return f"d{held['depth']} n={held['num_train']}{axes}{damage}"


def _values(rows: pd.DataFrame, quantity: str) -> pd.Series:
    """By seed; of U_A the seeds that are there, of estimation what U_A is to be taken off.

    Raises:
        ValueError: a seed is there twice.
    """
    if rows["seed"].duplicated().any():
        row = rows.iloc[0]
        raise ValueError(f"{row['family']} d{row['depth']}: a seed is in the table twice")
    held = rows.set_index("seed").astype({"risk": float, "converged_risk": float})
    if quantity in ("risk", "limit_risk"):
        return held["risk"]
    converged = held["converged_risk"]
    return held["risk"] - converged if quantity == "optimization" else converged


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
