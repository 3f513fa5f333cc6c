"""Learning curves: how R_n(inf) falls with the sample size n, fitted as c + a n^-b.

Weighted least squares on a cell's means, the weights one over their squared standard errors. For
a given b the model is linear in c and a, so that only b is searched for. A bootstrap over seeds
gives the intervals: a seed is resampled with all its sample sizes, since they share their data
stream, and every replicate is fitted again.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.completeness import shown_as
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import BOOTSTRAP_SEED, expanded_level, mean_known
from study.analysis.joined import Joined
from study.analysis.table import Levels
from study.trials.schema import LEARNING_CURVE_COLUMNS
from study.trials.trial import Cell

MIN_SIZES = 3
RATES = (0.05, 4.0)  # where b is looked for
NUM_RATES = 400
NUM_REPLICATES = 1999

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerLaw:
    """c + a (n / reference)^-b, one fit for each row of means: every field is `(B,)`."""

    c: Array
    a: Array
    b: Array


def build_learning_curves(joined: Joined, levels: Levels) -> pd.DataFrame:
    """The table of fitted learning curves; columns as LEARNING_CURVE_COLUMNS.

    One row per family, depth, population and distortion level with three sample sizes or more at
    which the same seeds were trained to the end.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    curves: dict[Cell, dict[int, dict[int, Row]]] = defaultdict(dict)
    for cell, errors in joined.errors.items():
        settled = {row["seed"]: row for row in errors if row["converged_risk"] is not None}
        if settled:
            curves[replace(cell, num_train=0)][cell.num_train] = settled
    rows = []
    for cell, sizes in sorted(curves.items()):
        fitted = _fit_cell(sizes, joined.best_of(cell))
        if fitted is not None:
            rows += [{**asdict(cell), **fitted, **shown} for shown in shown_as(cell, levels)]
    return typed_frame(rows, LEARNING_CURVE_COLUMNS)


def fit_power_law(
    sizes: Array, means: Array, weights: Array, *, asymptote: Array | None = None
) -> PowerLaw:
    """Fits c + a (n / reference)^-b to every row of means, reference the sizes' geometric mean.

    Args:
        sizes: (S,) sample sizes n.
        means: (B, S) mean risks.
        weights: (S,) of the squares.
        asymptote: (B,) c where it is known; None: it is fitted.

    Returns:
        The least squares fit with b within RATES.
    """
    scaled = sizes / np.exp(np.log(sizes).mean())
    grid = np.geomspace(*RATES, NUM_RATES)
    centre = means.mean(axis=1) if asymptote is None else asymptote
    losses = _losses(grid, scaled, means - centre[:, None], weights, is_free=asymptote is None)
    rate = _minimiser(np.log(grid), losses)
    c, a = _solve(rate, scaled, means, weights, asymptote)
    return PowerLaw(c=c, a=a, b=rate)


def _losses(grid: Array, scaled: Array, y: Array, weights: Array, *, is_free: bool) -> Array:
    """The weighted sums of squares (G, B) left over at every rate of the grid."""
    root = np.sqrt(weights)
    x = scaled ** -grid[:, None] * root
    design = np.stack([np.broadcast_to(root, x.shape), x] if is_free else [x], axis=-1)
    basis = np.linalg.qr(design).Q
    weighted = y * root
    explained: Array = ((weighted @ basis) ** 2).sum(axis=2)
    total: Array = (weighted**2).sum(axis=1)
    return total - explained


def _minimiser(log_grid: Array, losses: Array) -> Array:
    """The rates (B,) of least loss: of the grid, moved to the parabola's vertex."""
    nearest = losses.argmin(axis=0)
    inner = np.clip(nearest, 1, len(log_grid) - 2)
    left, middle, right = (
        np.take_along_axis(losses, (inner + step)[None], axis=0)[0] for step in (-1, 0, 1)
    )
    curvature = left - 2 * middle + right
    is_vertex = (nearest == inner) & (curvature > 0)
    shift = np.where(is_vertex, (left - right) / np.where(is_vertex, 2 * curvature, 1.0), 0.0)
    rate: Array = np.exp(log_grid[nearest] + shift * (log_grid[1] - log_grid[0]))
    return rate


def _solve(
    rate: Array, scaled: Array, means: Array, weights: Array, asymptote: Array | None
) -> tuple[Array, Array]:
    """c and a, each (B,), by weighted least squares at given rates (B,)."""
    x = scaled ** -rate[:, None]
    if asymptote is not None:
        y = means - asymptote[:, None]
        return asymptote, (weights * x * y).sum(axis=1) / (weights * x**2).sum(axis=1)
    x_mean = (x * weights).sum(axis=1, keepdims=True) / weights.sum()
    y_mean = (means * weights).sum(axis=1, keepdims=True) / weights.sum()
    x_in, y_in = x - x_mean, means - y_mean
    a: Array = (weights * x_in * y_in).sum(axis=1) / (weights * x_in**2).sum(axis=1)
    return (y_mean - a[:, None] * x_mean)[:, 0], a


def _fit_cell(held: Mapping[int, Mapping[int, Row]], best: Mapping[str, Any]) -> Row | None:
    sizes = sorted(held)
    seeds = sorted(set.intersection(*(set(held[size]) for size in sizes)))
    if len(sizes) < MIN_SIZES or not seeds:
        return None
    risks = np.array([[held[n][seed]["converged_risk"] for n in sizes] for seed in seeds])
    noises = np.array(
        [mean_known(held[n][seed]["converged_noise"] for seed in seeds) or 0.0 for n in sizes]
    )
    upper = best.get("best_in_class_risk")
    known = best.get("excess_risk_se")
    upper_noise = (best.get("risk_se") if known is None else known) or 0.0
    replicates = _replicates(risks, noises)
    upper_draws = None
    if upper is not None:
        shifts = np.random.default_rng([BOOTSTRAP_SEED, 2]).standard_normal(len(replicates))
        shifts[0] = 0.0
        upper_draws = upper + upper_noise * shifts
    found = _fitted(np.array(sizes, dtype=float), replicates, _weights(risks), upper_draws)
    row: Row = {"num_sizes": len(sizes), "num_seeds": len(seeds), "best_in_class_risk": upper}
    for name, values in found.items():
        row |= _interval(name, values, len(seeds))
    if row.get("c_minus_best_lo") is not None:
        row["agrees"] = row["c_minus_best_lo"] <= 0.0 <= row["c_minus_best_hi"]
    return row


def _fitted(
    sizes: Array, replicates: Array, weights: Array, upper: Array | None
) -> dict[str, Array]:
    """Every fitted quantity by replicate, the first of which is the data's own."""
    fit = fit_power_law(sizes, replicates, weights)
    reference = np.exp(np.log(sizes).mean())
    found = {"c": fit.c, "a": fit.a * reference**fit.b, "b": fit.b}
    if upper is not None:
        anchored = fit_power_law(sizes, replicates, weights, asymptote=upper)
        found |= {"c_minus_best": fit.c - upper, "rate": anchored.b}
    return found


def _replicates(risks: Array, noises: Array) -> Array:
    """(1 + replicates, S) means: the data's own first, then of seeds drawn with repeats.

    The evaluation sample is common to all seeds and sizes: a replicate's noise is one draw, taken
    to move every size by its own standard error in the same direction.
    """
    num = len(risks)
    own: Array = risks.mean(axis=0, keepdims=True)
    if num < 2:
        return own
    rng = np.random.default_rng([BOOTSTRAP_SEED, 1])
    drawn = rng.integers(num, size=(NUM_REPLICATES, num))
    shifts = rng.standard_normal((NUM_REPLICATES, 1)) * noises
    return np.concatenate([own, risks[drawn].mean(axis=1) + shifts])


def _weights(risks: Array) -> Array:
    """One over the squared standard errors; equal ones where some size shows none."""
    if len(risks) < 2:
        return np.ones(risks.shape[1])
    variances: Array = risks.var(axis=0, ddof=1) / len(risks)
    smallest = float(variances.min())
    return np.ones_like(variances) if smallest <= 0 else smallest / variances


def _interval(name: str, values: Array, num_seeds: int) -> Row:
    """The first value, and percentiles of the others at the expanded level."""
    row: Row = {name: float(values[0])}
    if num_seeds > 1:
        tail = (1 - expanded_level(num_seeds)) / 2
        lo, hi = np.quantile(values[1:], [tail, 1 - tail])
        row |= {f"{name}_lo": float(lo), f"{name}_hi": float(hi)}
    return row
