"""Clopper and Pearson's interval, against its definition and by enumeration."""

import itertools
import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from study.analysis.intervals import Interval, clopper_pearson

PROBABILITIES = np.concatenate([np.logspace(-5, -2, 40), np.linspace(0.01, 0.99, 197)])


def covered(intervals: list[Interval], num: int, truth: float) -> float:
    """Probability that the interval of a binomial count holds `truth`: a sum, no simulation."""
    chances = scipy.stats.binom.pmf(np.arange(num + 1), num, truth)
    inside = [i.lo is not None and i.lo <= truth <= (i.hi or 0.0) for i in intervals]
    return float(chances @ np.array(inside))


@pytest.mark.parametrize(("errors", "num"), [(0, 119), (1, 119), (7, 20), (118, 119), (20, 20)])
def test_the_ends_are_where_a_binomial_tail_is_two_and_a_half_percent(errors, num):
    found = clopper_pearson(errors, num)
    assert (found.lo == 0.0) == (errors == 0)
    assert (found.hi == 1.0) == (errors == num)
    if errors > 0:
        assert scipy.stats.binom.sf(errors - 1, num, found.lo) == pytest.approx(0.025)
    if errors < num:
        assert scipy.stats.binom.cdf(errors, num, found.hi) == pytest.approx(0.025)


def test_no_error_leaves_more_than_three_over_n():
    """No error among n has probability (1 - p)^n: 2.5% at p = 3.05% for 119."""
    assert clopper_pearson(0, 119).hi == pytest.approx(1 - 0.025 ** (1 / 119), rel=1e-12)
    assert clopper_pearson(0, 10_000).hi == pytest.approx(3.69e-4, rel=1e-3)


@pytest.mark.parametrize("num", [1, 20, 119])
def test_no_probability_is_covered_less_than_promised(num):
    """Smallest: .9508 of 119. Wald's interval covers .001 of p = 1e-5, for it is [0, 0]."""
    intervals = [clopper_pearson(errors, num) for errors in range(num + 1)]
    assert min(covered(intervals, num, p) for p in PROBABILITIES) >= 0.95


def test_a_mean_number_of_errors_lies_between_whole_ones():
    ends = [clopper_pearson(errors, 50) for errors in (0, 1 / 3, 2 / 3, 1)]
    for before, after in pairwise(ends):
        assert before.lo < after.lo
        assert before.hi < after.hi


@pytest.mark.parametrize(("errors", "num"), [(-1, 10), (11, 10), (0, 0), (math.nan, 10)])
def test_what_is_no_count_is_refused(errors, num):
    with pytest.raises(ValueError, match=r"errors among \d+ examples: must be from 0 to"):
        clopper_pearson(errors, num)


@pytest.mark.parametrize("num", [3, 5, 10, 20])
def test_shares_are_covered_with_and_without_ties(num):
    """A tie is half a win: by enumeration, with any probabilities, 95% or more."""
    for win, tie in itertools.product(np.linspace(0, 1, 21), (0.0, 0.2, 0.6)):
        if win + tie > 1:
            continue
        inside = 0.0
        for wins in range(num + 1):
            for ties in range(num - wins + 1):
                found = clopper_pearson(wins + ties / 2, num)
                counts = [wins, ties, num - wins - ties]
                law = scipy.stats.multinomial(num, [win, tie, max(0.0, 1 - win - tie)])
                inside += float(law.pmf(counts)) * (found.lo <= win + tie / 2 <= found.hi)
        assert inside >= 0.95 - 1e-9, (win, tie)


def test_it_is_scipys():
    for wins in range(6):
        exact = scipy.stats.binomtest(wins, 5).proportion_ci(0.95, method="exact")
        found = clopper_pearson(wins, 5)
        assert (found.lo, found.hi) == pytest.approx((exact.low, exact.high))
