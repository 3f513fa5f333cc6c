"""What a noisy point says of the clean one: E[x | x + tau N(0, I)], and the least error.

All of it follows from the law of the noisy point alone (Tweedie's formula; Robbins 1956, Efron
2011): E[x | z] = z + tau^2 grad log p(z), Cov[x | z] = tau^2 I + tau^4 grad grad' log p(z). Of a
Gaussian the first is the Wiener filter. Within component c of a mixture with noisy covariance S_c,

    x | z, c ~ N(z - tau^2 S_c^-1 (z - m_c), tau^2 I - tau^4 S_c^-1),

and over components these are mixed by their probabilities given z.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import scipy  # its parts are loaded as they are used
from jaxtyping import Float, Float64

from classcomp.populations.base import BayesRisk, Restored, named_seed
from classcomp.populations.mixture_law import Covariance, MixtureLaw, freeze_matrix
from classcomp.populations.rendering import mean_bumps

NUM_MONTE_CARLO = 2**18
FEWEST_DRAWS = 2**14
GRID_TOLERANCE = 1e-9  # relative; two grids, one twice as fine as the other, agree to this
_REACH = 9.0  # standard deviations; 1e-18 of a component lies beyond
_STEPS = (6, 12, 24)  # nodes in the narrowest component's standard deviation
_MAX_NODES = 400_000
_CHUNK = 8_192


Spread = Callable[[Float64[np.ndarray, "n d"]], Float64[np.ndarray, " n"]]


def restored_points(
    noisy_law: MixtureLaw, tau: float, points: Float[np.ndarray, "n d"]
) -> Restored:
    """Clean points given noisy ones, `noisy_law` the law of these; see the module's formulas."""
    points = np.asarray(points, dtype=np.float64)
    probable = scipy.special.softmax(noisy_law.log_joint(points), axis=1)
    mean = np.zeros_like(points)
    for c in range(len(noisy_law.weights)):
        mean += probable[:, c, None] * _centre(noisy_law, tau, points, c)
    spread = np.zeros(len(points))
    for c in range(len(noisy_law.weights)):
        between = np.square(_centre(noisy_law, tau, points, c) - mean).mean(axis=1)
        within = _left(noisy_law.covariances[c], tau)
        spread += probable[:, c] * (np.diag(within).mean() + between)
    return Restored(mean=mean, spread=spread)


def restored_bumps(
    noisy_law: MixtureLaw,
    tau: float,
    points: Float[np.ndarray, "n 2"],
    box: tuple[tuple[float, float], ...],
    size: int,
) -> Restored:
    """`bump_images` of clean points, one channel, given noisy ones: Gaussian integrals.

    A picture is no affine function of its point, so that its mean is not that of the mean point.
    """
    points = np.asarray(points, dtype=np.float64)
    probable = scipy.special.softmax(noisy_law.log_joint(points), axis=1)
    mean, square = np.zeros((2, len(points), size, size))
    for c in range(len(noisy_law.weights)):
        centre = _centre(noisy_law, tau, points, c)
        within = np.eye(2) * _left(noisy_law.covariances[c], tau)
        weight = probable[:, c, None, None]
        mean += weight * mean_bumps(centre, within, box, size)
        square += weight * mean_bumps(centre, within, box, size, power=2)
    spread = (square - mean**2).mean(axis=(1, 2))
    return Restored(mean=mean[:, None], spread=np.maximum(spread, 0.0))


@lru_cache(maxsize=1024)
def least_error_of_points(noisy_law: MixtureLaw, tau: float) -> BayesRisk:
    """min_f E |f(z) - x|^2 / d, the mean of what `restored_points` leaves.

    By quadrature in two dimensions at most, also where all components are isotropic and equal and
    their means span no more: across that span x is one Gaussian. Else by Monte Carlo.
    """
    if tau == 0.0:
        return BayesRisk(value=0.0, standard_error=0.0)
    flat = _flat(noisy_law)
    found = _expected(flat, lambda z: restored_points(flat, tau, z).spread)
    along = flat.dim / noisy_law.dim
    across = (1 - along) * float(_left(noisy_law.covariances[0], tau)[0, 0])
    return BayesRisk(
        value=across + along * found.value, standard_error=along * found.standard_error
    )


@lru_cache(maxsize=1024)
def least_error_of_bumps(
    noisy_law: MixtureLaw, tau: float, box: tuple[tuple[float, float], ...], size: int
) -> BayesRisk:
    """The same of their pictures, a pixel."""
    if tau == 0.0:
        return BayesRisk(value=0.0, standard_error=0.0)
    return _expected(noisy_law, lambda z: restored_bumps(noisy_law, tau, z, box, size).spread)


def _expected(law: MixtureLaw, spread: Spread) -> BayesRisk:
    """E spread(z): by grids of which two agree, in two dimensions at most; else by drawing.

    Draws are of a fixed seed; many dimensions need fewer, since their spreads differ less.
    On smooth functions that have died away at its ends the trapezoid rule converges geometrically
    (Trefethen and Weideman 2014).
    """
    previous = None
    for steps in _STEPS if law.dim <= 2 else ():
        value = _on_a_grid(law, spread, steps)
        if value is None:
            break
        if previous is not None and abs(value - previous) <= GRID_TOLERANCE * value:
            return BayesRisk(value=value, standard_error=0.0)
        previous = value
    rng = np.random.default_rng(named_seed("classcomp", "least_error", "monte_carlo"))
    whole = min(NUM_MONTE_CARLO, max(FEWEST_DRAWS, 2**27 // law.dim))
    size = max(1, 2**22 // max(law.dim, len(law.weights)))
    sizes = [min(size, whole - begin) for begin in range(0, whole, size)]
    terms = np.concatenate([spread(law.sample(num, rng)[0]) for num in sizes])
    error = terms.std(ddof=1) / math.sqrt(len(terms))
    return BayesRisk(value=float(terms.mean()), standard_error=float(error))


def _on_a_grid(law: MixtureLaw, spread: Spread, steps: int) -> float | None:
    """The sum over a grid around all components; None where that has too many nodes."""
    means, covariances = np.array(law.means), law.covariance_matrices()
    step = math.sqrt(np.linalg.eigvalsh(covariances).min()) / steps
    reach = _REACH * np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    low, high = (means - reach).min(axis=0), (means + reach).max(axis=0)
    if np.prod((high - low) / step + 1) > _MAX_NODES:
        return None
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, law.dim)
    density = np.exp(law.log_density(nodes))
    there = density > density.max() * 1e-18
    nodes, density = nodes[there], density[there]
    cuts = range(_CHUNK, len(nodes), _CHUNK)
    parts = zip(np.split(nodes, cuts), np.split(density, cuts), strict=True)
    return float(sum(d @ spread(z) for z, d in parts) / density.sum())


def _flat(law: MixtureLaw) -> MixtureLaw:
    """The law in the span of its means, where components are isotropic and equal; else itself."""
    isotropic = {c for c in law.covariances if isinstance(c, float)}
    if law.dim <= 2 or len(set(law.covariances)) > 1 or not isotropic:
        return law
    offsets = np.array(law.means) - law.means[0]
    _, lengths, basis = np.linalg.svd(offsets, full_matrices=False)
    rank = max(1, int((lengths > 1e-10 * lengths[0]).sum()))
    return replace(law, means=freeze_matrix(offsets @ basis[:rank].T))


def _centre(law: MixtureLaw, tau: float, points: np.ndarray, c: int) -> np.ndarray:
    """E[x | z, c] of component c."""
    covariance, centred = law.covariances[c], points - np.array(law.means[c])
    if isinstance(covariance, float):
        shrunk: np.ndarray = points - tau**2 / covariance * centred
    else:
        shrunk = points - tau**2 * np.linalg.solve(np.array(covariance), centred.T).T
    return shrunk


def _left(covariance: Covariance, tau: float) -> Float64[np.ndarray, "k k"]:
    """Cov[x | z, c] of a component's noisy covariance; `(1, 1)` where that is isotropic."""
    noisy = np.atleast_2d(covariance)
    left: np.ndarray = tau**2 * (np.eye(len(noisy)) - tau**2 * np.linalg.inv(noisy))
    return left
