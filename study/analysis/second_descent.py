"""A peak of a curve that falls, rises and falls once more, and how surely it is there.

**The rule.** A point's height as a peak is the smaller of its rise, from the smallest point before
it, and its fall, to the smallest point after it. The peak is the highest point by that. Curves that
only fall, only rise, or fall and then rise have none: every height is 0 or below.

**Is it one?** In a sample some point is always a little higher than its neighbours. So half of the
seeds choose peak and valleys and the others judge them (study.analysis.cross_fitting): a peak is
told where the mean over divisions of the judges' smaller number, rise or fall, is above 0 by a
one-sided test at 5%. Without a peak one of the two chosen contrasts is 0 or below whatever was
chosen, the smaller of both on average too, and the longer interval of the two bounds its spread:
one is told in at most 5%. The mean of each division's smaller number, not the smaller of two means:
divisions might find a rise in one place and a fall in another, of a valley.

A trace has dozens of points, so that intervals over all pairs of them, which a peak over a few
capacities has (study.analysis.peak), would be of no use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from study.analysis.cross_fitting import MIN_SEEDS, cross_fit, one_over
from study.analysis.intervals import CONFIDENCE, Estimate
from study.analysis.peak import MIN_POINTS

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondDescent:
    """The highest peak of a curve, places among its points.

    Attributes:
        before: of the smallest point before the peak.
        place: of the peak.
        after: of the smallest point after the peak.
        rise: from `before`, chosen by some seeds and judged by others; `fall` likewise to `after`.
        is_peak: whether both are above 0, significantly.
    """

    before: int
    place: int
    after: int
    rise: Estimate
    fall: Estimate
    is_peak: bool


def find_second_descent(
    values: Array, *, noise: Array | None = None, factor: Callable[[int], float] = one_over
) -> SecondDescent | None:
    """The highest peak; None where there are fewer than three points or seeds.

    Args:
        values: (S, P) of seeds at points, in their order.
        noise: as in `cross_fit`; `factor` likewise.
    """
    num_seeds, num_points = values.shape
    if num_points < MIN_POINTS or num_seeds < MIN_SEEDS:
        return None
    pairs = comb(num_points, 2)
    judged = cross_fit(values, _rise_and_fall, num_choices=pairs, noise=noise, factor=factor)
    height, one_sided = judged.means.min(axis=1).mean(), 1 - 2 * (1 - CONFIDENCE)
    before, place, after = _highest(values.mean(axis=0))
    rise, fall = judged.estimates
    return SecondDescent(
        before=before,
        place=place,
        after=after,
        rise=rise,
        fall=fall,
        is_peak=bool(height > judged.half_widths(one_sided).max()),
    )


def _rise_and_fall(means: Array) -> Array:
    """The contrasts (2, P) of the highest peak."""
    points = np.eye(len(means))
    before, place, after = _highest(means)
    return np.stack([points[place] - points[before], points[place] - points[after]])


def _highest(means: Array) -> tuple[int, int, int]:
    """Places of the highest peak (P,) with the smallest points before and after it."""
    least_before = np.minimum.accumulate(means)[:-2]
    least_after = np.minimum.accumulate(means[::-1])[::-1][2:]
    heights = means[1:-1] - np.maximum(least_before, least_after)
    place = 1 + int(heights.argmax())
    after = place + 1 + int(means[place + 1 :].argmin())
    return int(means[:place].argmin()), place, after
