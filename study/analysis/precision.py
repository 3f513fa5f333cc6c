"""Seeds until an interval is short enough (Stein 1945), with the stopping accounted for.

A rule that looks at the interval after every seed stops where the spread happens to look small, and
its interval then covers too little. Stein's two stages do not: the first k0 seeds alone say how
many there are to be, and the interval goes on using their variance, on k0 - 1 degrees of freedom,
with the mean of all. The mean is independent of that variance for normal seeds, so that the
coverage is exact whatever the number of seeds came to be.

The evaluation examples' part of the variance does not fall with the seeds: it enters as a known
component, and a target below what it alone leaves is out of reach.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from study.analysis.crossed import combine, known, rows_component


def seeds_needed(
    values: Sequence[float],
    target_half_width: float,
    *,
    examples_variance: float = 0.0,
    at_most: int = 10_000,
) -> int | None:
    """How many seeds make the half-width of Stein's (1945) interval at most the target.

    Args:
        values: of the seeds of the first stage, two or more.
        target_half_width: of the 95% interval.
        examples_variance: of the mean over the evaluation examples, the square of its standard
            error; it is taken as known.
        at_most: the largest number that is considered.

    Returns:
        At least as many as the first stage has; None where `at_most` are too few, which is so too
        where the examples alone make the interval too long.
    """
    if len(values) < 2 or target_half_width <= 0.0:
        raise ValueError("a target above 0 and a first stage of two seeds or more are needed")
    spread = rows_component(np.asarray(values, dtype=np.float64))
    assert spread is not None

    def half_width(num: int) -> float:
        share = spread.variance * len(values) / num
        scaled = replace(spread, variance=share)
        found = combine(0.0, [scaled, known(examples_variance)])
        assert found.hi is not None
        return found.hi

    low, high = len(values), max(at_most, len(values))
    if half_width(low) <= target_half_width:
        return low
    if at_most < low or half_width(high) > target_half_width:
        return None
    while high - low > 1:  # the half-width falls with the number of seeds
        middle = (low + high) // 2
        low, high = (low, middle) if half_width(middle) <= target_half_width else (middle, high)
    return high
