"""Means over crossed random factors: seeds and restarts by evaluation examples.

Every rule of a population is scored on one evaluation sample, so that a mean over seeds and
examples has two sources of noise that neither averages the other's away. With A_si the terms of
seed s at example i, B_ji those of restart j, and D_i the mean over seeds of A less that of B,

    V = s2(A_s.)/k + s2(B_j.)/K + s2(D_i)/N - s2_int(A)/(kN) - s2_int(B)/(KN)

is unbiased for the variance of mean(A) - mean(B): each of the first three holds the interactions
once, and they count once for A and once for B (Searle, Casella and McCulloch 1992, chapter 4).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats

CONFIDENCE = 0.95

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
class _Component:
    """A part of the variance of a mean, and the degrees of freedom it is known to."""

    variance: float
    degrees_of_freedom: float


def crossed_mean(
    first: Array,
    second: Array | None = None,
    *,
    fixed_first: bool = False,
    fixed_second: bool = False,
) -> Crossed:
    """mean(first) - mean(second) with its interval over rows and columns.

    Columns are evaluation examples, common to both, and random; a whole test split is a sample of
    its law too. Rows are seeds (or restarts) of a rule, random and independent between first and
    second. Where rows are paired (two families on the same data), hand over their differences as
    `first` alone.

    Args:
        first: (k, N) terms, by seed and example.
        second: (K, N) terms of what is subtracted; None: nothing.
        fixed_first: the rows of first are the rules that are meant, and no sample of others.
        fixed_second: likewise of second, such as the one rule that was chosen.

    Returns:
        The difference. Of a random factor of one row the spread is unknown, and so is the interval.
    """
    if first.ndim != 2 or (second is not None and second.shape[1:] != first.shape[1:]):
        raise ValueError("terms are (seeds, examples), of the same examples")
    parts = [(np.asarray(first, dtype=np.float64), fixed_first)]
    if second is not None:
        parts.append((np.asarray(second, dtype=np.float64), fixed_second))
    columns = [terms.mean(axis=0) for terms, _ in parts]
    value = math.fsum(columns[0]) - (math.fsum(columns[1]) if second is not None else 0.0)
    value /= first.shape[1]
    rows = [_row_component(terms) for terms, is_fixed in parts if not is_fixed]
    difference = columns[0] - columns[1] if second is not None else columns[0]
    if None in rows or difference.size < 2:
        return Crossed(value=value)
    num = difference.size
    examples = _Component(variance=float(difference.var(ddof=1)) / num, degrees_of_freedom=num - 1)
    return _interval(value, [component for component in rows if component], examples)


def _row_component(terms: Array) -> _Component | None:
    """What rows add to the variance beyond their interaction with the columns; None: unknown.

    A negative estimate says that rows differ by no more than their interaction makes them, which
    the examples' part holds already: it counts as zero, so that V is never below that part.
    """
    k, num = terms.shape
    if k < 2 or num < 2:
        return None
    means = terms.mean(axis=1)
    left = terms - means[:, None] - terms.mean(axis=0) + means.mean()
    interaction = float((left**2).sum()) / ((k - 1) * (num - 1))
    between = float(means.var(ddof=1)) / k
    return _Component(
        variance=max(0.0, between - interaction / (k * num)), degrees_of_freedom=k - 1
    )


def _interval(value: float, rows: list[_Component], examples: _Component) -> Crossed:
    components = [*rows, examples]
    variance = math.fsum(component.variance for component in components)
    if variance == 0.0:
        return Crossed(
            value=value, standard_error=0.0, degrees_of_freedom=math.inf, lo=value, hi=value
        )
    freedom = variance**2 / math.fsum(c.variance**2 / c.degrees_of_freedom for c in components)
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(variance)
    return Crossed(
        value=value,
        standard_error=math.sqrt(variance),
        degrees_of_freedom=freedom,
        lo=value - half,
        hi=value + half,
    )
