"""The protocol's arithmetic: errors per seed, their means, and 95% intervals.

Rigorous split, per seed s and with U the best rule in its class (docs/protocol.md):

    approximation = U - R*,  estimation = R_n(inf) - U,  optimization = R_n(T) - R_n(inf)

Their sum is the total R_n(T) - R*. Each keeps its sign; none is clipped at zero.

Intervals: see study.analysis.intervals. U's evaluation noise is common to every n and to all
label-noise levels of a law, so those rows of the landscape move together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.frames import Row
from study.analysis.intervals import (
    UNKNOWN,
    Estimate,
    Interval,
    compare,
    mean,
    mean_known,
    seed_interval,
    widen,
)
from study.trials.trial import CELL_NAMES


@dataclass(frozen=True, kw_only=True, slots=True)
class CellErrors:
    """A cell's errors, and the seeds they are means of."""

    errors: Mapping[str, Estimate]
    num_seeds: int
    estimation_num_seeds: int
    risk: float | None
    converged_risk: float | None
    resubstitution_risk: float | None


def seed_errors(row: Row, best: Mapping[str, Any]) -> Row:
    """The errors of one measured seed; columns as SEED_ERROR_COLUMNS.

    Where R* is unknown (real data), total and approximation are null and the others are
    differences of risks; elsewhere they are differences of excess risks, which carry less noise.

    Args:
        row: the trial's, of the trials table.
        best: U of its law, a row of the table of U; empty where there is none.
    """
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


def usable(rows: Sequence[Row], num_expected: int) -> list[Row]:
    """The rows a mean may be taken of: all the study's seeds, else two or more of them."""
    return list(rows) if len(rows) >= 2 or len(rows) == num_expected else []


def cell_errors(
    rows: Sequence[Row],
    *,
    num_expected: int,
    best: Mapping[str, Any],
    resubstituted: Mapping[int, float],
) -> CellErrors:
    """A cell's errors: means over its seeds.

    All four errors are means over the same seeds, those measured both at T and at convergence, so
    that they telescope exactly; where there are too few of those, the total alone is a mean over
    the seeds measured at T.

    Args:
        rows: the cell's seeds, as `seed_errors` gives them.
        num_expected: how many seeds the study has; see `usable`.
        best: U of its law, a row of the table of U; empty where there is none.
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
        risk=mean_known(row["risk"] for row in measured),
        converged_risk=_seed_mean(split, "converged_risk").value,
        resubstitution_risk=mean_known(lower),
    )


def nominal_approximation(
    resubstituted: Mapping[int, float], bayes_risk: float | None, bayes_risk_se: float | None
) -> Estimate:
    """L - R*, with R*'s own standard error added to the interval over seeds."""
    if not resubstituted or bayes_risk is None:
        return UNKNOWN
    values = [resubstituted[seed] - bayes_risk for seed in sorted(resubstituted)]
    return widen(mean(values), seed_interval(values), bayes_risk_se)


def _seed_mean(rows: Sequence[Row], name: str, *noises: float | None) -> Estimate:
    values = [row[name] for row in rows]
    if not values or any(value is None for value in values):
        return UNKNOWN
    return widen(mean(values), seed_interval(values), *noises)


def _noise(rows: Sequence[Row], name: str) -> float | None:
    """A bound on the evaluation noise of a mean over seeds: the mean of the seeds' noises.

    The seeds share the evaluation sample, so their noises may be fully correlated; the part that
    is not is in their spread already.
    """
    return mean_known(row[name] for row in rows)


def _best_noise(rows: Sequence[Row], best: Mapping[str, Any]) -> float | None:
    known = any(row["total"] is not None for row in rows)
    return best.get("excess_risk_se" if known else "risk_se")


def _approximation(rows: Sequence[Row], best: Mapping[str, Any]) -> Estimate:
    """U - R*, the same for every seed: its only uncertainty is U's evaluation noise."""
    value, noise = best.get("excess_risk"), best.get("excess_risk_se")
    if value is None or (rows and rows[0]["approximation"] is None):
        return UNKNOWN
    return Estimate(value) if noise is None else widen(value, Interval(value, value), noise)


def _nominal_estimation(rows: Sequence[Row], resubstituted: Mapping[int, float]) -> Estimate:
    """R_n(T) - L, paired by seed where L has the same seeds."""
    if not rows or not resubstituted:
        return UNKNOWN
    risks = {row["seed"]: row["risk"] for row in rows}
    lower = list(resubstituted.values())
    up, down = mean(list(risks.values())), mean(lower)
    value = up - down
    if risks.keys() == resubstituted.keys():
        paired = compare(risks, resubstituted).difference
        return Estimate(value, paired.lo, paired.hi)
    above, below = seed_interval(list(risks.values())), seed_interval(lower)
    if above.lo is None or above.hi is None or below.lo is None or below.hi is None:
        return Estimate(value)
    return Estimate(
        value,
        value - math.hypot(up - above.lo, below.hi - down),
        value + math.hypot(above.hi - up, down - below.lo),
    )
