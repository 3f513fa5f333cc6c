"""Variances of several means at once, of crossed seeds, restarts and evaluation examples.

study.analysis.crossed has the variance of one difference. Here are matrices of which it is a
quadratic form: any contrast of the risks at several sample sizes, and of U_A, has its variance
from them without another look at the examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis import special
from study.analysis.frames import Trial
from study.analysis.resampling import resampled_factor

MIN_SEEDS = 3
"""Seeds from which a curve's knee or peak is told: two say next to nothing of how they spread."""

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A source's covariance (M, M) of M means, and the degrees of freedom it is known to."""

    covariance: Array
    degrees_of_freedom: float


def half_widths(parts: Sequence[Part], contrasts: Array, confidence: float) -> Array:
    """Half-widths (B,) of the intervals of contrasts (B, M), around their values.

    As in study.analysis.crossed they are, squared, the mean of Satterthwaite's (1946) and
    Banerjee's (1960), and a source whose part comes out below zero counts as zero.
    """
    level = (1 + confidence) / 2
    variances = [np.maximum(_forms(part.covariance, contrasts), 0.0) for part in parts]
    freedoms = [part.degrees_of_freedom for part in parts]
    total = np.sum(variances, axis=0)
    below = np.sum([v**2 / d for v, d in zip(variances, freedoms, strict=True)], axis=0)
    pooled = np.where(below > 0, total**2 / np.where(below > 0, below, 1.0), np.inf)
    apart = np.sum(
        [v * special.stdtrit(d, level) ** 2 for v, d in zip(variances, freedoms, strict=True)],
        axis=0,
    )
    widths: Array = np.sqrt((total * special.stdtrit(pooled, level) ** 2 + apart) / 2)
    return widths


def crossed_parts(groups: Sequence[Array]) -> list[Part] | None:
    """The parts of the means of all groups' terms, and the examples'; None: a spread is unknown.

    They add up to study.analysis.crossed's V. Here the rows' parts hold the interactions, and what
    is left of the examples' does not: rows are few, and so the part that is known to their few
    degrees of freedom is whole. Taking interactions off it instead, and leaving it those degrees,
    made false discoveries in 12% of simulated studies at a level of 5%.

    Args:
        groups: terms (S, k, N) of S means over the same k rows; rows of different groups (seeds,
            restarts) are independent, the N columns are the same examples throughout.
    """
    columns = np.concatenate([terms.mean(axis=1) for terms in groups])
    size, num = columns.shape
    if num < 2 or any(terms.shape[1] < 2 for terms in groups):
        return None
    parts, first = [], 0
    examples = np.atleast_2d(np.cov(columns, ddof=1)) / num
    for terms in groups:
        last, k = first + len(terms), terms.shape[1]
        covariance = np.zeros((size, size))
        means = terms.mean(axis=2)
        covariance[first:last, first:last] = np.atleast_2d(np.cov(means, ddof=1)) / k
        examples[first:last, first:last] -= _interaction(terms) / (k * num)
        parts.append(Part(covariance=covariance, degrees_of_freedom=k - 1))
        first = last
    return [*parts, Part(covariance=examples, degrees_of_freedom=num - 1)]


def resampled_parts(values: Array, row: Trial) -> list[Part] | None:
    """The covariance of means (M, k) over seeds that divide one set anew; None: of one seed.

    Args:
        values: by seed.
        row: of one of them, which says how large the parts are.
    """
    num = values.shape[1]
    if num < 2:
        return None
    factor = resampled_factor(num, num_train=row["num_available"], num_test=row["num_test"])
    covariance = factor * np.atleast_2d(np.cov(values, ddof=1))
    return [Part(covariance=covariance, degrees_of_freedom=num - 1)]


def _interaction(terms: Array) -> Array:
    """The mean squares and products (S, S) of what rows and columns together leave of terms."""
    size, k, num = terms.shape
    left = terms - terms.mean(axis=1, keepdims=True)
    left -= left.mean(axis=2, keepdims=True)
    flat = left.reshape(size, k * num)
    products: Array = flat @ flat.T / ((k - 1) * (num - 1))
    return products


def _forms(matrix: Array, vectors: Array) -> Array:
    """v' M v for every row v of (B, M)."""
    values: Array = ((vectors @ matrix) * vectors).sum(axis=1)
    return values
