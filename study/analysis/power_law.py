"""The power law c + a n^-b through means of R_n(inf): least squares, and tests turned around.

For given b the law is linear in c and a, so that only b is searched for. U_A, where it is known,
is a mean at n = infinity, at which the law is c: one more point with noise of its own.

An interval holds the values that a test does not reject. A test of b = b0, or of the distance
between c and the point at infinity, fits whatever else there is and looks at the one contrast of
the means that sees the tested value and is blind, to first order, to all the rest: a score test
with a variance that comes from the seeds and from no model (Boos 1992). A contrast is a mean over
seeds. Seeds that share their data between sample sizes, variances that differ from size to size
and the shared evaluation sample are in its variance as they are. For b the contrast is blind to c
and a whatever they are, so that normal seeds make the test exact; for c it hangs on b's estimate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis import special
from study.analysis.intervals import CONFIDENCE
from study.analysis.moments import Part, half_widths

RATES = (0.05, 4.0)  # where b is looked for
NUM_RATES = 320
NUM_CANDIDATES = 100  # of a distance, on each side of its estimate

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """Mean risks by sample size.

    Attributes:
        sizes: (M,) n; a last one of infinity is U_A's.
        risks: (M,) the means.
        weights: (M,) of their squares in a fit.
        parts: of their noise; None where it is unknown.
    """

    sizes: Array
    risks: Array
    weights: Array
    parts: Sequence[Part] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerLaw:
    """c + a (n / reference)^-b, one fit for each row of means: every field is `(B,)`."""

    c: Array
    a: Array
    b: Array


@dataclass(frozen=True, slots=True)
class Accepted:
    """From the smallest to the largest value that is not rejected.

    An end is None where the search's range ended first. Where every value is rejected both are
    the one that is least so.
    """

    lo: float | None
    hi: float | None


def reference(sizes: Array) -> float:
    """The geometric mean of the finite sizes."""
    return float(np.exp(np.log(sizes[np.isfinite(sizes)]).mean()))


def fit_power_law(
    sizes: Array, values: Array, weights: Array, *, floor: float = -np.inf
) -> PowerLaw:
    """Fits c + a (n / reference)^-b to every row of values.

    Args:
        sizes: (M,) sample sizes n; infinity: a point of c.
        values: (B, M) mean risks.
        weights: (M,) of the squares.
        floor: what c is at least.

    Returns:
        The least squares fit with b within RATES.
    """
    scaled = sizes / reference(sizes)
    log_grid = _log_rates()
    x = scaled ** -np.exp(log_grid)[:, None, None]
    c, a = _solve(x, values, weights, floor)
    left = values - c[..., None] - a[..., None] * x
    rate = _minimiser(log_grid, (weights * left**2).sum(axis=2))
    c, a = _solve(scaled ** -rate[:, None], values, weights, floor)
    return PowerLaw(c=c, a=a, b=rate)


def _log_rates() -> Array:
    return np.linspace(math.log(RATES[0]), math.log(RATES[1]), NUM_RATES)


def _solve(x: Array, values: Array, weights: Array, floor: float) -> tuple[Array, Array]:
    """c and a by weighted least squares on x = scaled^-b, over the last axis."""
    shares = weights / weights.sum()
    x_in = x - (shares * x).sum(axis=-1, keepdims=True)
    slope = (weights * x_in * values).sum(axis=-1) / (weights * x_in**2).sum(axis=-1)
    c = np.maximum((shares * (values - slope[..., None] * x)).sum(axis=-1), floor)
    left = values - c[..., None]
    a: Array = (weights * x * left).sum(axis=-1) / (weights * x**2).sum(axis=-1)
    return c, a


def _minimiser(log_grid: Array, losses: Array) -> Array:
    """The rates (B,) of least loss (G, B): of the grid, moved to the parabola's vertex."""
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


def rate_interval(means: Means, confidence: float = CONFIDENCE) -> Accepted | None:
    """The rates b that are not rejected; None where the means' noise is unknown."""
    if means.parts is None:
        return None
    log_rates = _log_rates()
    x, slope = _powers(means.sizes, np.exp(log_rates))
    contrasts = _blind(slope, np.stack([np.ones_like(x), x], axis=2), means.weights)
    excess = _excess(contrasts @ means.risks, contrasts, means.parts, confidence)
    found = _hull(log_rates, excess)
    return Accepted(*(None if end is None else float(np.exp(end)) for end in (found.lo, found.hi)))


def distance_interval(
    means: Means, centre: float, confidence: float = CONFIDENCE
) -> Accepted | None:
    """The c - U_A that are not rejected, or None where the means' noise is unknown.

    Args:
        means: the last at infinity; see `with_exact_zero` for c itself.
        centre: near which to look most closely.
        confidence: nominal coverage.
    """
    if means.parts is None:
        return None
    reach = 4 * max(float(np.ptp(means.risks[:-1])), 1e-9)
    steps = reach * np.geomspace(1e-5, 1.0, NUM_CANDIDATES)
    grid = centre + np.concatenate([-steps[::-1], [0.0], steps])
    values = np.broadcast_to(means.risks, (len(grid), len(means.risks))).copy()
    values[:, -1] += grid
    x, slope = _powers(means.sizes, fit_power_law(means.sizes, values, means.weights).b)
    seeing = np.zeros_like(x)
    seeing[:, -1] = 1.0
    contrasts = _blind(seeing, np.stack([np.ones_like(x), x, slope], axis=2), means.weights)
    found = (contrasts * values).sum(axis=1)
    return _hull(grid, _excess(found, contrasts, means.parts, confidence))


def with_exact_zero(means: Means) -> Means:
    """Finite sizes with a point at infinity that is known to be 0: its distance from c is c."""
    parts = means.parts and [
        Part(covariance=np.pad(p.covariance, (0, 1)), degrees_of_freedom=p.degrees_of_freedom)
        for p in means.parts
    ]
    return Means(
        sizes=np.append(means.sizes, np.inf),
        risks=np.append(means.risks, 0.0),
        weights=np.append(means.weights, 1e6 * means.weights.max()),
        parts=parts,
    )


def lack_of_fit(means: Means, rate: float) -> float | None:
    """The p-value of the law: what it leaves of the means, against what noise leaves of them.

    An F test on the M - 3 contrasts that are blind to c, a and b at the fit, each of weight one;
    their correlations shrink both degrees of freedom (Box 1954). None: nothing is left to test,
    or its noise is unknown.
    """
    if means.parts is None or len(means.sizes) < 4:
        return None
    root = np.sqrt(means.weights)
    x, slope = _powers(means.sizes, np.array([rate]))
    tangents = np.stack([np.ones_like(x[0]), x[0], slope[0]], axis=1)
    basis = np.linalg.svd(tangents * root[:, None])[0][:, 3:].T * root
    noises = [basis @ part.covariance @ basis.T for part in means.parts]
    whole = np.sum(noises, axis=0)
    variance = float(np.trace(whole))
    if variance <= 0.0:
        return None
    left = float(((basis @ means.risks) ** 2).sum())
    above = variance**2 / float((whole**2).sum())
    below = variance**2 / sum(
        float((noise**2).sum()) / part.degrees_of_freedom
        for noise, part in zip(noises, means.parts, strict=True)
    )
    return float(special.fdtrc(above, below, left / variance))


def _powers(sizes: Array, rates: Array) -> tuple[Array, Array]:
    """x = scaled^-b and, but for its sign, dx / db, each (B, M); both 0 at infinity."""
    logs = np.log(sizes / reference(sizes))
    x = np.exp(-rates[:, None] * logs)
    return x, x * np.where(np.isfinite(logs), logs, 0.0)


def _blind(seeing: Array, others: Array, weights: Array) -> Array:
    """Contrasts (B, M) along `seeing` (B, M) that change nothing with `others` (B, M, P)."""
    root = np.sqrt(weights)
    basis = np.linalg.qr(others * root[:, None]).Q
    seen = (seeing * root)[..., None]
    contrasts: Array = (seen - basis @ (np.swapaxes(basis, 1, 2) @ seen))[..., 0] * root
    return contrasts


def _excess(values: Array, contrasts: Array, parts: Sequence[Part], confidence: float) -> Array:
    """How far values (B,) are outside intervals around 0, in half-widths; inside: at most 0."""
    widths = np.maximum(half_widths(parts, contrasts, confidence), np.finfo(float).tiny)
    outside: Array = np.abs(values) / widths - 1
    return outside


def _hull(grid: Array, excess: Array) -> Accepted:
    """From the first to the last accepted value, between grid points by a straight line."""
    held = np.flatnonzero(excess <= 0)
    if not len(held):
        best = float(grid[excess.argmin()])
        return Accepted(best, best)
    first, last = int(held[0]), int(held[-1])
    lo = None if first == 0 else _crossing(grid, excess, first - 1, first)
    hi = None if last == len(grid) - 1 else _crossing(grid, excess, last + 1, last)
    return Accepted(lo, hi)


def _crossing(grid: Array, excess: Array, outside: int, inside: int) -> float:
    share = excess[inside] / (excess[inside] - excess[outside])
    return float(grid[inside] + share * (grid[outside] - grid[inside]))
