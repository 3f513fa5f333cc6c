"""Variances of several means at once, of crossed seeds, restarts and evaluation examples.

study.analysis.crossed has the variance of one difference. Here are the matrices that it is a
quadratic form of: any contrast of the risks at several sample sizes, and of U_A, has its variance
from them without another look at the examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A source's covariance (M, M) of M means, and the degrees of freedom it is known to."""

    covariance: Array
    degrees_of_freedom: float


def half_widths(parts: Sequence[Part], contrasts: Array, confidence: float) -> Array:
    """Half-widths (B,) of the intervals of contrasts (B, M), as study.analysis.crossed has them.

    Squared, the mean of Satterthwaite's (1946) and Banerjee's (1960); a source whose part comes
    out below zero counts as zero.
    """
    level = (1 + confidence) / 2
    variances = [np.maximum(_forms(part.covariance, contrasts), 0.0) for part in parts]
    freedoms = [part.degrees_of_freedom for part in parts]
    total = np.sum(variances, axis=0)
    below = np.sum([v**2 / d for v, d in zip(variances, freedoms, strict=True)], axis=0)
    pooled = np.where(below > 0, total**2 / np.where(below > 0, below, 1.0), np.inf)
    apart = np.sum(
        [v * stdtrit(d, level) ** 2 for v, d in zip(variances, freedoms, strict=True)], axis=0
    )
    widths: Array = np.sqrt((total * stdtrit(pooled, level) ** 2 + apart) / 2)
    return widths


def crossed_parts(groups: Sequence[Array]) -> list[Part] | None:
    """The parts of the means of all groups' terms, in order; None where a spread is unknown.

    Args:
        groups: terms (S, k, N) of S means over the same k rows; rows of different groups (seeds,
            restarts) are independent, the N columns are the same examples throughout.
    """
    columns = np.concatenate([terms.mean(axis=1) for terms in groups])
    size, num = columns.shape
    if num < 2 or any(terms.shape[1] < 2 for terms in groups):
        return None
    parts, first = [], 0
    for terms in groups:
        last = first + len(terms)
        covariance = np.zeros((size, size))
        covariance[first:last, first:last] = _rows_covariance(terms)
        parts.append(Part(covariance=covariance, degrees_of_freedom=terms.shape[1] - 1))
        first = last
    examples = np.atleast_2d(np.cov(columns, ddof=1)) / num
    return [*parts, Part(covariance=examples, degrees_of_freedom=num - 1)]


def _rows_covariance(terms: Array) -> Array:
    """What rows add to the covariance (S, S) beyond their interaction with the columns."""
    size, k, num = terms.shape
    means = terms.mean(axis=2)
    left = terms - terms.mean(axis=1, keepdims=True)
    left -= left.mean(axis=2, keepdims=True)
    flat = left.reshape(size, k * num)
    interaction = flat @ flat.T / ((k - 1) * (num - 1))
    covariance: Array = np.atleast_2d(np.cov(means, ddof=1)) / k - interaction / (k * num)
    return covariance


def _forms(matrix: Array, vectors: Array) -> Array:
    """v' M v for every row v of (B, M)."""
    values: Array = ((vectors @ matrix) * vectors).sum(axis=1)
    return values
