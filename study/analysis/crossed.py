"""Means over crossed random factors: seeds and restarts by evaluation examples.

Every rule of a population is scored on one evaluation sample, so that a mean over seeds and
examples has two sources of noise that neither averages the other's away. With A_si the terms of
seed s at example i, B_ji those of restart j, and D_i the mean over seeds of A less that of B,

    V = s2(A_s.)/k + s2(B_j.)/K + s2(D_i)/N - s2_int(A)/(kN) - s2_int(B)/(KN)

is unbiased for the variance of mean(A) - mean(B): each of the first three holds the interactions
once, and they count once for A and once for B (Searle, Casella and McCulloch 1992, chapter 4). The
interactions are taken off the examples' part, which thousands of examples tell well, and at most
all of it: the seeds' part stays as wide as their spread, however small it came out by chance.

The half-width squared is the mean of two: Satterthwaite's (1946), t^2 of the pooled degrees of
freedom times V, which falls short where three seeds meet many examples, and Banerjee's (1960), the
sum of every component times its own t^2, which covers at least 95% whatever the mixture. Skewed
seeds stretch one side and shrink the other, as far as they are of the sum (Zou and Donner 2008).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis import special
from study.analysis.intervals import CONFIDENCE
from study.analysis.skewness import t_quantiles

FEW_EXAMPLES = 20
"""That differ: with fewer, their own spread says little of the examples' noise."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossed:
    """A mean over crossed factors; all but the value None where a factor's spread is unknown.

    Attributes:
        degrees_of_freedom: Satterthwaite's (1946) of the variance; infinite where nothing varies.
    """

    value: float
    standard_error: float | None = None
    degrees_of_freedom: float | None = None
    lo: float | None = None
    hi: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A part of a mean's variance.

    Attributes:
        degrees_of_freedom: that the variance is known to; infinite where it is known.
        below: how far, in standard errors, the mean may lie above the truth; `above` likewise.
    """

    variance: float
    degrees_of_freedom: float
    below: float
    above: float


def known(variance: float) -> Component:
    """A component whose variance is known."""
    return symmetric(variance, math.inf)


def symmetric(variance: float, degrees_of_freedom: float) -> Component:
    """A component of a normal mean whose variance is known to so many degrees of freedom."""
    reach = t_quantile(degrees_of_freedom)
    return Component(
        variance=variance, degrees_of_freedom=degrees_of_freedom, below=reach, above=reach
    )


def t_quantile(degrees_of_freedom: float, outside: float = 1 - CONFIDENCE) -> float:
    """Student's t that is exceeded on either side, both together, with probability `outside`."""
    if math.isinf(degrees_of_freedom):
        return -float(special.ndtri(outside / 2))
    return -float(special.stdtrit(degrees_of_freedom, outside / 2))  # scipy.stats.t, and fast


def rows_component(
    values: Array,
    *,
    skewness: float = 0.0,
    first_stage: int | None = None,
) -> Component | None:
    """What seeds add to the variance of their mean; None where their spread is unknown.

    Args:
        values: (k,) one mean a seed.
        skewness: of the seeds; see study.analysis.skewness.
        first_stage: the number of seeds, the first ones, whose spread decided how many there are
            (Stein 1945): the variance is theirs, and the skewness is not asked.
    """
    k = len(values)
    spread = values if first_stage is None else values[:first_stage]
    num = len(spread)
    if num < 2:
        return None
    variance = float(spread.var(ddof=1)) / k
    lower, upper = t_quantiles(num, skewness if num == k else 0.0)
    return Component(variance=variance, degrees_of_freedom=num - 1, below=upper, above=-lower)


def crossed_mean(
    first: Array,
    second: Array | None = None,
    *,
    fixed_first: bool = False,
    fixed_second: bool = False,
    skewness: float = 0.0,
    first_stage: int | None = None,
    largest: float = 0.0,
    others: Sequence[Component] = (),
) -> Crossed:
    """mean(first) - mean(second) with its interval over rows and columns.

    Columns are evaluation examples, common to both, and random; a whole test split is a sample of
    its law too. Rows are seeds (or restarts) of a rule, random and independent between first and
    second. Where rows are paired (two families on the same data), hand over their differences as
    `first` alone. A number that is added to a row changes that row's mean and nothing else.

    Args:
        first: (k, N) terms, by seed and example.
        second: (K, N) terms of what is subtracted; None: nothing.
        fixed_first: the rows of first are the rules that are meant, and no sample of others.
        fixed_second: likewise of second, such as the one rule that was chosen.
        skewness: of the rows of first.
        first_stage: of the rows of first; see `rows_component`.
        largest: by how much an example can differ. Where fewer than FEW_EXAMPLES do, two more are
            supposed to, as in Agresti and Coull's (1998) interval: 0 of N is no proof of 0.
        others: further components of the variance.

    Returns:
        The difference. Of a random factor of one row the spread is unknown, and so is the interval.
    """
    if first.ndim != 2 or (second is not None and second.shape[1:] != first.shape[1:]):
        raise ValueError("terms are (seeds, examples), of the same examples")
    parts = [first] if second is None else [first, second]
    columns = [terms.mean(axis=0, dtype=np.float64) for terms in parts]
    difference = columns[0] if second is None else columns[0] - columns[1]
    num = difference.size
    value = math.fsum(difference) / num
    rows, interactions = [], 0.0
    if not fixed_first:
        rows.append(rows_component(_means(first), skewness=skewness, first_stage=first_stage))
        interactions += interaction_variance(first, columns[0])
    if second is not None and not fixed_second:
        rows.append(rows_component(_means(second)))
        interactions += interaction_variance(second, columns[1])
    if None in rows or num < 2:
        return Crossed(value=value)
    examples = symmetric(examples_variance(difference, interactions, largest), num - 1)
    return combine(value, [*(row for row in rows if row is not None), examples, *others])


def examples_variance(difference: Array, interactions: float, largest: float = 0.0) -> float:
    """What examples add to the variance of a mean over rows and columns.

    Args:
        difference: (N,) of two examples or more, what each adds to the mean.
        interactions: of rows and columns, `interaction_variance` of all that are in it.
        largest: see `crossed_mean`.
    """
    num = difference.size
    variance = max(0.0, float(difference.var(ddof=1)) / num - interactions)
    if np.count_nonzero(difference - np.median(difference)) < FEW_EXAMPLES:
        variance += 2 * (largest / num) ** 2
    return variance


def combine(value: float, components: Sequence[Component]) -> Crossed:
    """A value with the interval of its variance's components; see the module."""
    held = [component for component in components if component.variance > 0.0]
    if not held:
        return Crossed(
            value=value, standard_error=0.0, degrees_of_freedom=math.inf, lo=value, hi=value
        )
    variance = math.fsum(component.variance for component in held)
    inverse = math.fsum(c.variance**2 / c.degrees_of_freedom for c in held) / variance**2
    freedom = 1 / inverse if inverse > 0 else math.inf
    apart = math.fsum(c.variance * t_quantile(c.degrees_of_freedom) ** 2 for c in held)
    # a half-width squared, and the share of it that each side has more or less
    half = (variance * t_quantile(freedom) ** 2 + apart) / 2
    below = math.fsum(c.variance * c.below**2 for c in held) / apart
    above = math.fsum(c.variance * c.above**2 for c in held) / apart
    return Crossed(
        value=value,
        standard_error=math.sqrt(variance),
        degrees_of_freedom=freedom,
        lo=value - math.sqrt(half * below),
        hi=value + math.sqrt(half * above),
    )


def _means(terms: Array) -> Array:
    return np.asarray(terms.mean(axis=1, dtype=np.float64))


def interaction_variance(terms: Array, columns: Array) -> float:
    """What the interaction of rows and columns makes the mean of terms (k, N) vary by.

    Args:
        terms: by row and column.
        columns: (N,) their means over rows.
    """
    k, num = terms.shape
    if k < 2 or num < 2:
        return 0.0
    left = terms - _means(terms)[:, None] - columns + columns.mean()
    return float((left**2).sum() / ((k - 1) * (num - 1) * k * num))
