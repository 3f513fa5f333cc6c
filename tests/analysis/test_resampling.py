"""Intervals of few real examples, by enumeration and against what they stand for."""

from itertools import combinations, product

import numpy as np
import pytest
import scipy.stats

from study.analysis.intervals import Interval
from study.analysis.resampling import resampled_interval, room_for_none

UNKNOWN = Interval(None, None)


@pytest.mark.parametrize("num", [9, 119])
def test_rules_found_alike_may_still_differ_by_so_much(num):
    """Whatever the chances of either erring alone, all of 97.5% of studies that see none allow it.

    That none of `num` is seen where one rule errs alone with probability p and the other with q
    has probability (1 - p - q)^num.
    """
    room = room_for_none(num)
    assert room == pytest.approx(1 - 0.0125 ** (1 / num))
    for only_one in np.linspace(room, 0.99, 50):
        assert (1 - only_one) ** num <= 0.0125 + 1e-12


def test_the_variance_is_the_true_one_where_rules_ignore_their_sample():
    """Every outcome of five examples, divided 3 + 2 by two seeds, weighted with its probability.

    The mean square of half-widths over t is the variance of the mean: nothing is simulated, and
    nothing assumed of how Nadeau and Bengio come to their factor.
    """
    p, t = 0.3, scipy.stats.t.ppf(0.975, 1)
    divisions = list(combinations(range(5), 2))
    chances, centres, squares = [], [], []
    for wrong in product((0, 1), repeat=5):
        chance = p ** sum(wrong) * (1 - p) ** (5 - sum(wrong)) / len(divisions) ** 2
        for tests in product(divisions, repeat=2):
            values = [sum(wrong[i] for i in test) / 2 for test in tests]
            found = resampled_interval(values, num_train=3, num_test=2)
            chances.append(chance)
            centres.append(sum(values) / 2)
            squares.append(((found.hi - found.lo) / 2 / t) ** 2)
    mean, square = np.dot(chances, centres), np.dot(chances, np.square(centres))
    assert mean == pytest.approx(p)
    assert np.dot(chances, squares) == pytest.approx(square - mean**2, rel=1e-9)


def test_one_seed_says_nothing_of_the_others():
    assert resampled_interval([0.1], num_train=238, num_test=119) == UNKNOWN
    assert resampled_interval([], num_train=238, num_test=119) == UNKNOWN
    assert resampled_interval([0.1, 0.1], num_train=238, num_test=119) == Interval(0.1, 0.1)


def test_parts_without_examples_are_refused():
    with pytest.raises(ValueError, match="must be at least 1 of each"):
        resampled_interval([0.1, 0.2], num_train=238, num_test=0)
