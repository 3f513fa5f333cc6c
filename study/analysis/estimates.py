"""The protocol's arithmetic: errors per seed, their means, and 95% intervals.

Rigorous split, per seed s and with U the best rule in its class (PROTOCOL.md):

    approximation = U - R*,  estimation = R_n(inf) - U,  optimization = R_n(T) - R_n(inf)

Their sum is the total R_n(T) - R*. Each keeps its sign; none is clipped at zero.

Intervals: see study.analysis.intervals. U's evaluation noise is common to every n and to all label-noise
levels of a law, so those rows of the landscape move together.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.intervals import (
    UNKNOWN,
    Estimate,
    Interval,
    compare,
    mean,
    seed_interval,
    widen,
)
from study.trials.schema import BEST_IN_CLASS_COLUMNS, SEED_ERROR_COLUMNS
from study.trials.selection import best_restart
from study.trials.trial import CELL_NAMES, UNDISTORTED

__all__ = [
    "CellErrors",
    "Estimate",
    "Interval",
    "Key",
    "best_in_class",
    "build_best_in_class",
    "cell_errors",
    "cell_key",
    "clean_key",
    "compare",
    "current_rows",
    "nominal_approximation",
    "resubstitution",
    "seed_interval",
    "trial_errors",
    "usable",
    "widen",
]

Key = tuple[Any, ...]


# ---------------------------------------------------------------- joins


def cell_key(row: Mapping[str, Any]) -> Key:
    """Return (family, depth, population, distortion, severity, num_train) of a row."""
    return tuple(row[name] for name in CELL_NAMES)


def clean_key(row: Mapping[str, Any]) -> Key:
    """Return the cell's key under its law: label noise corrupts a sample and not the law."""
    family, depth, population, distortion, severity, num_train = cell_key(row)
    if distortion == "label_noise":
        distortion, severity = UNDISTORTED, 0.0
    return (family, depth, population, distortion, severity, num_train)


def best_in_class(trials: pd.DataFrame) -> dict[Key, Row]:
    """Return U by (family, depth, population, distortion, severity): the one at the largest m.

    Each value is a row of `build_best_in_class`.
    """
    found: dict[Key, Row] = {}
    for row in to_rows(build_best_in_class(trials)):
        found[cell_key({**row, "num_train": None})[:-1]] = row  # sorted: the largest m stays
    return found


def build_best_in_class(trials: pd.DataFrame) -> pd.DataFrame:
    """Build the table of U at every m of num_stream, so that a reader sees whether it settled."""
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in to_rows(trials):
        if row["role"] == "best_in_class":
            groups[clean_key(row)].append(row)
    rows = []
    for key in sorted(groups):
        best = best_restart(groups[key])
        if best is None:
            continue
        law = dict(zip(CELL_NAMES, key, strict=True))
        kept = ("risk_se", "excess_risk", "excess_risk_se", "validation_risk", "trial_id")
        rows.append(
            law
            | {name: best[name] for name in kept}
            | {
                "num_stream": law["num_train"],
                "best_in_class_risk": best["risk"],
                "restarts": sum(row["status"] == "done" for row in groups[key]),
            }
        )
    return typed_frame(rows, BEST_IN_CLASS_COLUMNS)


def resubstitution(trials: pd.DataFrame) -> dict[Key, dict[int, float]]:
    """Return L's risk by seed, for each clean cell."""
    found: dict[Key, dict[int, float]] = defaultdict(dict)
    for row in current_rows(trials, "resubstitution")[0]:
        if row["status"] == "done" and row["risk"] is not None:
            found[clean_key(row)][row["seed"]] = row["risk"]
    return dict(found)


def trial_errors(trials: pd.DataFrame) -> pd.DataFrame:
    """Build the errors of every measured seed; columns as SEED_ERROR_COLUMNS.

    Where R* is unknown (real data), total and approximation are null and the others are
    differences of risks; elsewhere they are differences of excess risks, which carry less noise.
    """
    best = best_in_class(trials)
    measured, _ = current_rows(trials, "measure")
    rows = [
        _seed_errors(row, best.get(clean_key(row)[:-1], {}))
        for row in measured
        if row["status"] == "done" and row["risk"] is not None
    ]
    return typed_frame(rows, SEED_ERROR_COLUMNS)


def current_rows(trials: pd.DataFrame, role: str) -> tuple[list[Row], list[Row]]:
    """Split a role's rows into those of their cell's current configuration and superseded ones.

    A study that is extended by more search may find another winner and measure again; its ledger
    keeps the old rows. A mean over two configurations means nothing, so each cell keeps the one
    (hyperparameters, budget_epochs, max_epochs) that finished a trial last.
    """
    names = [name for name in map(str, trials.columns) if name.startswith("hp_")]
    names += ["budget_epochs", "max_epochs"]
    groups: dict[Key, dict[Key, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in to_rows(trials):
        if row["role"] == role:
            groups[cell_key(row)][tuple(row[name] for name in names)].append(row)
    current: list[Row] = []
    superseded: list[Row] = []
    for configurations in groups.values():
        ranked = sorted(configurations.values(), key=_last_finished)
        current += ranked[-1]
        superseded += [row for rows in ranked[:-1] for row in rows]
    return current, superseded


def _last_finished(rows: Sequence[Row]) -> Key:
    return max((row["finished_at"] or "", row["trial_id"]) for row in rows)


def _seed_errors(row: Row, best: Mapping[str, Any]) -> Row:
    known = row["excess_risk"] is not None
    budgeted = row["excess_risk"] if known else row["risk"]
    converged = row["converged_excess_risk"] if known else row["converged_risk"]
    floor = best.get("excess_risk") if known else best.get("best_in_class_risk")
    # no column holds converged_risk's own noise on real data: risk's, of the same sample, is near
    noise = row["excess_risk_se"] if known else row["risk_se"]
    return {name: row[name] for name in ("trial_id", *CELL_NAMES, "seed", "risk")} | {
        "converged_risk": row["converged_risk"],
        "risk_noise": noise,
        "converged_noise": row["converged_excess_risk_se"] if known else noise,
        "total": budgeted if known else None,
        "approximation": floor if known else None,
        "estimation": _minus(converged, floor),
        "optimization": _minus(budgeted, converged),
    }


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


# ---------------------------------------------------------------- a cell


@dataclass(frozen=True, kw_only=True, slots=True)
class CellErrors:
    """A cell's errors, and the seeds they are means of."""

    errors: Mapping[str, Estimate]
    num_seeds: int
    estimation_num_seeds: int
    risk: float | None
    converged_risk: float | None
    resubstitution_risk: float | None


def usable(rows: Sequence[Row], num_expected: int) -> list[Row]:
    """Return the rows a mean may be taken of: all the study's seeds, else two or more of them."""
    return list(rows) if len(rows) >= 2 or len(rows) == num_expected else []


def cell_errors(
    rows: Sequence[Row],
    *,
    num_expected: int,
    best: Mapping[str, Any],
    resubstituted: Mapping[int, float],
) -> CellErrors:
    """Average a cell's seeds into its errors.

    All four errors are means over the same seeds, those measured both at T and at convergence, so
    that they telescope exactly; where there are too few of those, the total alone is a mean over
    the seeds measured at T.

    Args:
        rows: the cell's rows of `trial_errors`.
        num_expected: how many seeds the study has; see `usable`.
        best: the law's row of `best_in_class`; empty where there is none.
        resubstituted: L's risk by seed; empty where there is none.
    """
    if any(row["total"] is not None for row in rows):  # R* is known: a seed must know its excess
        rows = [row for row in rows if row["total"] is not None]
    split = usable([row for row in rows if row["optimization"] is not None], num_expected)
    measured = split or usable(rows, num_expected)
    lower = [resubstituted[seed] for seed in sorted(resubstituted)]
    errors = {
        "total": _seed_mean(measured, "total", _noise(measured, "risk_noise")),
        "approximation": _approximation(rows, best),
        "estimation": _seed_mean(
            split, "estimation", _noise(split, "converged_noise"), _best_noise(rows, best)
        ),
        "optimization": _seed_mean(split, "optimization"),
        "nominal_estimation": _nominal_estimation(measured, resubstituted),
    }
    return CellErrors(
        errors=errors,
        num_seeds=len(rows),
        estimation_num_seeds=len(split),
        risk=mean([row["risk"] for row in measured]) if measured else None,
        converged_risk=_known_mean(split, "converged_risk"),
        resubstitution_risk=mean(lower) if lower else None,
    )


def nominal_approximation(
    resubstituted: Mapping[int, float], bayes_risk: float | None, bayes_risk_se: float | None
) -> Estimate:
    """Return L - R*, with R*'s own standard error added to the interval over seeds."""
    if not resubstituted or bayes_risk is None:
        return UNKNOWN
    values = [resubstituted[seed] - bayes_risk for seed in sorted(resubstituted)]
    return widen(mean(values), seed_interval(values), bayes_risk_se)


def _seed_mean(rows: Sequence[Row], name: str, *noises: float | None) -> Estimate:
    values = [row[name] for row in rows]
    if not values or any(value is None for value in values):
        return UNKNOWN
    return widen(mean(values), seed_interval(values), *noises)


def _known_mean(rows: Iterable[Row], name: str) -> float | None:
    values = [row[name] for row in rows]
    return None if not values or any(value is None for value in values) else mean(values)


def _noise(rows: Sequence[Row], name: str) -> float | None:
    """Bound the evaluation noise of a mean over seeds by the mean of the seeds' noises.

    The seeds share the evaluation sample, so their noises may be fully correlated; the part that
    is not is in their spread already.
    """
    known = [row[name] for row in rows if row[name] is not None]
    return mean(known) if known else None


def _best_noise(rows: Sequence[Row], best: Mapping[str, Any]) -> float | None:
    known = any(row["total"] is not None for row in rows)
    return best.get("excess_risk_se" if known else "risk_se")


def _approximation(rows: Sequence[Row], best: Mapping[str, Any]) -> Estimate:
    """Return U - R*, the same for every seed: its only uncertainty is U's evaluation noise."""
    value, noise = best.get("excess_risk"), best.get("excess_risk_se")
    if value is None or (rows and rows[0]["approximation"] is None):
        return UNKNOWN
    return Estimate(value) if noise is None else widen(value, Interval(value, value), noise)


def _nominal_estimation(rows: Sequence[Row], resubstituted: Mapping[int, float]) -> Estimate:
    """Return R_n(T) - L, paired by seed where L has the same seeds."""
    if not rows or not resubstituted:
        return UNKNOWN
    risks = {row["seed"]: row["risk"] for row in rows}
    lower = list(resubstituted.values())
    value = mean(list(risks.values())) - mean(lower)
    if risks.keys() == resubstituted.keys():
        paired = compare(risks, resubstituted).difference
        return Estimate(value, paired.lo, paired.hi)
    above, below = seed_interval(list(risks.values())), seed_interval(lower)
    if above.lo is None or above.hi is None or below.lo is None or below.hi is None:
        return Estimate(value)
    up, down = mean(list(risks.values())), mean(lower)
    return Estimate(
        value,
        value - math.hypot(up - above.lo, below.hi - down),
        value + math.hypot(above.hi - up, down - below.lo),
    )
