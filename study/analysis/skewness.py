"""Skewed seeds: how skewed a family's seeds are, and what that does to a mean's t.

A few seeds do not show their own skewness, and Student's t covers 88% of the means of 5
exponential ones. All cells of a family together show it: each cell's sample skewness is small,
bounded and has a known spread, as variances have that Smyth (2004) pools. What a skewness does to

    T = (mean - mu) / (s / sqrt(k))

is then read off Pearson's (1895) type III law, a gamma law moved and scaled, of which the normal
law is the case without skewness. Its quantiles are simulated once for every k, with a fixed seed.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from study.analysis import special
from study.analysis.intervals import CONFIDENCE

TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
MIN_SEEDS = 3  # of two values there is no skewness
ROUNDING = 1e-9  # relative: values that differ by less are equal
GRID = np.arange(0.0, 3.01, 0.5)
"""Skewness of the reference laws; 2 is the exponential's, and none larger than 3 is believed."""
NUM_DRAWS = 16_384
MAX_SEEDS = 24
"""From here on T is that of as many seeds whose skewness of the mean, g / sqrt(k), is the same."""
REFERENCE_SEED = 0x534B4557  # "SKEW" in ASCII

Array = np.ndarray[Any, np.dtype[np.float64]]


def pooled_skewness(samples: Iterable[Sequence[float]]) -> float:
    """The skewness of seeds that the cells of a family have in common; 0 where none shows it.

    The mean of the cells' m3 / m2^1.5 is turned into the skewness of the type III law that has
    the same mean of it, and then shrunk by 1 - 1/z^2, at least to zero, z the mean in its standard
    errors under normal seeds (James and Stein 1961). Cells that share their data are not quite
    independent, so that z is somewhat too large.

    Args:
        samples: of each cell its seeds' values; of fewer than three values, or of equal ones,
            none is used.
    """
    found: list[tuple[float, int]] = []
    for sample in samples:
        values = np.asarray(sample, dtype=np.float64)
        if values.size >= MIN_SEEDS and np.ptp(values) > ROUNDING * np.abs(values).max():
            left = values - values.mean()
            # A power of two rounds nothing; squares of the smallest numbers would be 0.
            left = np.ldexp(left, -np.frexp(np.abs(left).max())[1])
            found.append((float((left**3).mean() / (left**2).mean() ** 1.5), values.size))
    if not found:
        return 0.0
    mean = math.fsum(value for value, _ in found) / len(found)
    variance = math.fsum(_null_variance(num) for _, num in found) / len(found) ** 2
    z_squared = mean**2 / variance
    if z_squared <= 1.0:
        return 0.0
    sizes, counts = np.unique([num for _, num in found], return_counts=True)
    expected = sum(
        count / len(found) * _expected(int(num)) for num, count in zip(sizes, counts, strict=True)
    )
    pooled = float(np.interp(abs(mean), expected, GRID)) * (1.0 - 1.0 / z_squared)
    return math.copysign(pooled, mean)


def t_quantiles(num_seeds: int, skewness: float) -> tuple[float, float]:
    """The 2.5% and 97.5% quantiles of T over two seeds or more of a given skewness."""
    if skewness == 0.0 or num_seeds < MIN_SEEDS:
        upper = float(special.stdtrit(num_seeds - 1, TAILS[1]))
        return -upper, upper
    num = min(num_seeds, MAX_SEEDS)
    size = abs(skewness) * math.sqrt(num / num_seeds)
    quantiles, _ = _reference(num)
    # in units of the quantiles without skewness, so that a large k has its own
    plain = t_quantiles(num_seeds, 0.0)[1] / quantiles[0, 1]
    lower, upper = (float(np.interp(size, GRID, ends) * plain) for ends in quantiles.T)
    return (lower, upper) if skewness > 0 else (-upper, -lower)


def _null_variance(num: int) -> float:
    """The variance of m3 / m2^1.5 over normal values (Fisher 1930)."""
    return 6.0 * (num - 2) / ((num + 1) * (num + 3))


def _expected(num: int) -> Array:
    """The means of m3 / m2^1.5 over `num` values at every skewness of the grid.

    It grows with the skewness; more seeds than MAX_SEEDS show theirs less biased than here.
    """
    _, means = _reference(min(num, MAX_SEEDS))
    return means


@cache
def _reference(num: int) -> tuple[Array, Array]:
    """Quantiles of T (G, 2) and means of m3 / m2^1.5 (G,) over the grid of skewness."""
    exact = float(special.stdtrit(num - 1, TAILS[1]))
    quantiles, means = [(-exact, exact)], [0.0]
    for skewness in GRID[1:]:
        rng = np.random.default_rng([REFERENCE_SEED, num])
        shape = 4.0 / skewness**2
        drawn = (rng.standard_gamma(shape, size=(NUM_DRAWS, num)) - shape) / math.sqrt(shape)
        centre = drawn.mean(axis=1)
        left = drawn - centre[:, None]
        second = (left**2).mean(axis=1)
        found = np.quantile(centre / np.sqrt(second / (num - 1)), TAILS)
        quantiles.append((float(found[0]), float(found[1])))
        means.append(float(((left**3).mean(axis=1) / second**1.5).mean()))
    return np.array(quantiles), np.maximum.accumulate(np.array(means))
