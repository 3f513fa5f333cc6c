"""The peak of a curve between its ends, and whether its noise leaves one.

**The rule.** The peak is where the largest mean of those between the two ends is; it rises from the
smallest mean to its left, and falls to the smallest to its right. Every curve of three points has
such a place, a monotone one too: there `rise` or `fall` is not above zero.

**Its candidates** are the points between the ends than which no other of them is significantly
higher (multiple comparisons with the best, Hsu 1984, by Bonferroni).

**Intervals of rise and fall.** Both are differences of two means of one covariance (seeds and
evaluation examples are common to all points), and which two was chosen by the same data that they
are computed from. So each has Bonferroni's confidence over all pairs that could have been chosen:
every two points but the two ends, K (K - 1) / 2 - 1 of K points. With a probability of 95% all of
these intervals hold their difference at once, whichever was chosen. A curve has a peak where both
lie above zero: of one that has none, because it is flat, or falls or rises everywhere, at most 5%
are called peaked (1 to 2% of curves that are flat beside one large step, fewer of others:
`tests/statistical/test_peak.py`). Bonferroni, and not max-t: the seeds' covariance of K points has
no full rank where seeds are no more than K, and a max-t from it is not at its level; where seeds
are many, it would save 3% of the width at most (four to eight points; Tukey's range). What the
choice costs is seeds: of five points half-widths are 2.8 standard errors with many, 3.9 with eight,
5.4 with five, and 13 with three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis.intervals import CONFIDENCE, Estimate
from study.analysis.knee import not_outdone
from study.analysis.moments import Part, half_widths

MIN_POINTS = 3

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Peak:
    """The largest mean between a curve's ends.

    Attributes:
        place: its, among the curve's points; `left` and `right` are those of the smallest means on
            its sides.
        candidates: first and last place that it is not told apart from; None: unknown.
        rise: its mean less that at `left`; ends None where they are unknown.
        fall: its mean less that at `right`.
        is_told: both are above zero; None: unknown.
    """

    place: int
    left: int
    right: int
    candidates: tuple[int, int] | None
    rise: Estimate
    fall: Estimate
    is_told: bool | None


def find_peak(means: Array, parts: Sequence[Part] | None) -> Peak | None:
    """The peak of a curve; None where it has fewer than three points.

    Args:
        means: (K,) along the curve.
        parts: covariances of the means, by source; None: unknown, and so is every interval.
    """
    num = len(means)
    if num < MIN_POINTS:
        return None
    place = 1 + int(means[1:-1].argmax())
    left, right = int(means[:place].argmin()), place + 1 + int(means[place + 1 :].argmin())
    contrasts = np.eye(num)[[place, place]] - np.eye(num)[[left, right]]
    rise, fall = (contrasts @ means).tolist()
    if parts is None:
        unknown = {"candidates": None, "is_told": None}
        return Peak(
            place=place, left=left, right=right, rise=Estimate(rise), fall=Estimate(fall), **unknown
        )
    reach = half_widths(parts, contrasts, 1 - (1 - CONFIDENCE) / num_pairs(num)).tolist()
    between = np.eye(num)[1:-1]
    held = not_outdone(between, between @ means, parts)
    return Peak(
        place=place,
        left=left,
        right=right,
        candidates=(min(held) + 1, max(held) + 1),
        rise=Estimate(rise, rise - reach[0], rise + reach[0]),
        fall=Estimate(fall, fall - reach[1], fall + reach[1]),
        is_told=rise > reach[0] and fall > reach[1],
    )


def num_pairs(num_points: int) -> int:
    """How many pairs of a peak and a point beside it a curve has: all but that of the two ends."""
    return num_points * (num_points - 1) // 2 - 1
