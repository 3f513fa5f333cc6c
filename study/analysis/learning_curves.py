"""Learning curves: how R_n(inf) falls with the sample size n, fitted as c + a n^-b.

Weighted least squares on a cell's means (study.analysis.power_law). Two fits: with c free, where
there are five sizes or more; and with U_A as a point at n = infinity, from three sizes on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from study.analysis.columns import LEARNING_CURVE_COLUMNS
from study.analysis.completeness import shown_as
from study.analysis.decisions import BUDGET, CONVERGED
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import mean_known
from study.analysis.joined import Joined
from study.analysis.moments import crossed_parts
from study.analysis.power_law import (
    RATES,
    Accepted,
    Array,
    Means,
    PowerLaw,
    distance_interval,
    fit_power_law,
    lack_of_fit,
    rate_interval,
    reference,
    with_exact_zero,
)
from study.analysis.rows import Rows
from study.analysis.table import Levels
from study.trials.tasks import task_of
from study.trials.trial import Cell

MIN_SIZES = 3
MIN_FREE_SIZES = 5  # three parameters, and something left to see whether the law holds
TWO_ONE_SIDED = 0.90
"""Confidence of the interval that two one-sided tests at 5% are (Schuirmann 1987)."""
LARGEST_WEIGHT = 1e4  # of U_A's point, in that of the best known mean: more changes nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Curve:
    """What a learning curve is fitted to.

    Attributes:
        measured: (S) by sample size, k trials of the same seeds.
        limit: the restarts of U_A.
        bayes_risk: R*; None where it is unknown.
        margin: of c - U_A; None: the task has none.
    """

    sizes: Array
    measured: Sequence[Rows]
    limit: Rows
    bayes_risk: float | None
    margin: float | None

    @property
    def risks(self) -> Array:
        """R_n(inf), (S, k)."""
        return np.array([rows.numbers("converged_risk") for rows in self.measured])


def build_learning_curves(joined: Joined, levels: Levels) -> pd.DataFrame:
    """The table of fitted learning curves; columns as LEARNING_CURVE_COLUMNS.

    One row per family, depth, population and distortion level with three sample sizes or more at
    which the same seeds were trained to the end.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    held: dict[Cell, dict[int, Rows]] = defaultdict(dict)
    for cell in joined.current["measure"]:
        settled = joined.measured(cell).known("converged_risk")
        if len(settled):
            held[replace(cell, num_train=0)][cell.num_train] = settled
    rows = []
    for cell, by_size in sorted(held.items()):
        task = joined.tasks[cell.family]
        curve = _curve(by_size, joined.limit_of(cell), task_of(task).margin)
        fitted = None if curve is None else _fit(joined, curve)
        if fitted is not None:
            named = {**asdict(cell), "task": task}
            rows += [{**named, **fitted, **shown} for shown in shown_as(cell, levels)]
    return typed_frame(rows, LEARNING_CURVE_COLUMNS)


def _curve(held: Mapping[int, Rows], limit: Rows, margin: float | None) -> _Curve | None:
    sizes = sorted(held)
    if len(sizes) < MIN_SIZES:
        return None
    places = [{s: at for at, s in enumerate(held[size].values("seed"))} for size in sizes]
    seeds = sorted(set.intersection(*map(set, places)))
    if not seeds:
        return None
    measured = [
        held[size].at(np.array([of[seed] for seed in seeds]))
        for size, of in zip(sizes, places, strict=True)
    ]
    return _Curve(
        sizes=np.array(sizes, dtype=np.float64),
        measured=measured,
        limit=limit,
        bayes_risk=mean_known(value for rows in measured for value in rows.values("bayes_risk")),
        margin=margin,
    )


def _fit(joined: Joined, curve: _Curve) -> Row | None:
    if len(curve.sizes) < MIN_FREE_SIZES and not len(curve.limit):
        return None
    found: Row = {
        "num_sizes": len(curve.sizes),
        "num_seeds": len(curve.measured[0]),
        "bayes_risk": curve.bayes_risk,
        "limit_risk": mean_known(curve.limit.values("risk")),
    }
    terms = _terms(joined, curve.measured, CONVERGED)
    limit_terms = _terms(joined, [curve.limit], BUDGET) if len(curve.limit) else None
    risks = curve.risks
    free = Means(
        sizes=curve.sizes,
        risks=risks.mean(axis=1),
        weights=mean_weights(curve.sizes, risks),
        parts=None if terms is None else crossed_parts([terms]),
    )
    if len(curve.sizes) >= MIN_FREE_SIZES:
        found |= _free_columns(free, _floor(curve))
    if len(curve.limit):
        parts = None
        if terms is not None and limit_terms is not None:
            parts = crossed_parts([terms, limit_terms])
        anchored = _with_limit(free, curve.limit.numbers("risk"))
        anchored = replace(anchored, parts=parts)
        found |= _anchored_columns(anchored, found.get("c"), curve.margin)
    return found


def _terms(joined: Joined, groups: Sequence[Rows], branch: str) -> Array | None:
    """Terms, less the Bayes rule's where that is known, (S, k, N); None where one is unknown."""
    if joined.decisions is None:
        return None
    found = []
    for rows in groups:
        held = [joined.decisions.terms(row, branch) for row in joined.deciding(rows)]
        known = [terms for terms in held if terms is not None]
        if len(known) < len(rows) or len({len(terms) for terms in known}) > 1:
            return None
        found.append(np.array(known))
    return np.array(found)


def mean_weights(sizes: Array, risks: Array) -> Array:
    """One over the squared standard errors (S,) of the means of risks (S, k).

    The logs of the variances are put on a straight line over log n: a variance from three seeds
    is wrong by factors, and a mean that looks exact by luck would draw the curve to itself. Equal
    weights where a size shows no variance.
    """
    num = risks.shape[1]
    variances = risks.var(axis=1, ddof=1) / num if num > 1 else np.zeros(len(sizes))
    if variances.min() <= 0.0:
        return np.ones(len(sizes))
    logs = np.log(sizes / reference(sizes))
    slope = float(logs @ np.log(variances) / (logs @ logs))
    weights: Array = np.exp(-np.log(variances).mean() - slope * logs)
    return weights


def _with_limit(free: Means, restarts: Array) -> Means:
    """The means with U_A as one more, at infinity; their noise is still to come."""
    most = float(free.weights.max())
    variance = float(restarts.var(ddof=1)) / len(restarts) if len(restarts) > 1 else 0.0
    is_known = variance > 0.0 and np.ptp(free.weights) > 0.0
    weight = min(1 / variance, LARGEST_WEIGHT * most) if is_known else most
    return Means(
        sizes=np.append(free.sizes, np.inf),
        risks=np.append(free.risks, restarts.mean()),
        weights=np.append(free.weights, weight),
        parts=None,
    )


def _floor(curve: _Curve) -> float:
    """What no c is below: R*, or else 0, which no task's risk is below."""
    return 0.0 if curve.bayes_risk is None else curve.bayes_risk


def _free_columns(means: Means, floor: float) -> Row:
    fit = fit_power_law(means.sizes, means.risks[None], means.weights, floor=floor)
    c, b = float(fit.c[0]), float(fit.b[0])
    row = {
        "c": c,
        "a": _scale_at_one(fit, means),
        "b": b,
        "boundary": ", ".join([*["c"] * (c <= floor), *["b"] * _is_at_end(b)]) or None,
        "lack_of_fit_p": lack_of_fit(means, b),
    }
    rates, held = rate_interval(means), distance_interval(with_exact_zero(means), c)
    if rates is not None and held is not None:
        row |= _rate_ends("b", rates)
        row["c_lo"] = floor if held.lo is None else max(held.lo, floor)
        row["c_hi"] = None if held.hi is None else max(held.hi, floor)
    return row


def _anchored_columns(means: Means, c: float | None, margin: float | None) -> Row:
    fit = fit_power_law(means.sizes, means.risks[None], means.weights)
    b, limit = float(fit.b[0]), float(means.risks[-1])
    row = {
        "rate": b,
        "rate_c": float(fit.c[0]),
        "rate_a": _scale_at_one(fit, means),
        "rate_boundary": "b" if _is_at_end(b) else None,
        "rate_lack_of_fit_p": lack_of_fit(means, b),
    }
    rates = rate_interval(means)
    row |= {} if rates is None else _rate_ends("rate", rates)
    if c is None:
        return row
    row |= {"c_minus_limit": c - limit, "margin": margin}
    wide = distance_interval(means, c - limit)
    narrow = distance_interval(means, c - limit, TWO_ONE_SIDED)
    if wide is not None and narrow is not None:
        row |= {"c_minus_limit_lo": wide.lo, "c_minus_limit_hi": wide.hi}
        row["equivalent"] = None if margin is None else _is_within(narrow, margin)
    return row


def _is_within(found: Accepted, margin: float) -> bool:
    return found.lo is not None and found.hi is not None and -margin < found.lo <= found.hi < margin


def _scale_at_one(fit: PowerLaw, means: Means) -> float:
    return float(fit.a[0] * reference(means.sizes) ** fit.b[0])


def _is_at_end(rate: float) -> bool:
    return not RATES[0] * (1 + 1e-6) < rate < RATES[1] * (1 - 1e-6)


def _rate_ends(name: str, found: Accepted) -> Row:
    lo, hi = (end if end is not None else RATES[i] for i, end in enumerate((found.lo, found.hi)))
    return {f"{name}_lo": lo, f"{name}_hi": hi}
