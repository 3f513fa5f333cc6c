"""Intervals where data are few, against the definitions they have and against enumeration."""

import math
from itertools import combinations, pairwise, product

import numpy as np
import pytest
import scipy.stats

from study.analysis.intervals import Interval
from study.analysis.resampling import (
    FEW,
    clopper_pearson,
    difference_interval,
    expected_overlap,
    overlap_line,
    resampled_interval,
    risk_interval,
)

UNKNOWN = Interval(None, None)
PROBABILITIES = np.concatenate([np.logspace(-5, -2, 40), np.linspace(0.01, 0.99, 197)])


def covered(intervals: list[Interval], num: int, truth: float) -> float:
    """Probability that the interval of a binomial count holds `truth`: a sum, no simulation."""
    chances = scipy.stats.binom.pmf(np.arange(num + 1), num, truth)
    inside = [i.lo is not None and i.lo <= truth <= (i.hi or 0.0) for i in intervals]
    return float(chances @ np.array(inside))


# --- shares


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


def test_few_errors_never_print_nothing():
    nothing = Interval(0.0, 0.0)
    assert risk_interval(nothing, 0, 119) == clopper_pearson(0, 119)
    assert risk_interval(UNKNOWN, 3, 119) == clopper_pearson(3, 119)
    assert risk_interval(Interval(1.0, 1.0), 119, 119) == clopper_pearson(119, 119)
    seeds_say_more = Interval(-0.01, 0.2)
    assert risk_interval(seeds_say_more, 2, 119) == seeds_say_more


@pytest.mark.parametrize("errors", [FEW, 60, 119 - FEW])
def test_many_errors_and_many_right_answers_keep_their_interval(errors):
    narrow = Interval(0.3, 0.3001)
    assert risk_interval(narrow, errors, 119) == narrow
    assert risk_interval(narrow, FEW - 0.5, 119) != narrow


def test_the_rule_covers_where_a_normal_interval_does_not():
    """119 examples, every p: Wald's covers .001 at worst, joined where errors are few .925."""
    num = 119
    wald = []
    for errors in range(num + 1):
        share = errors / num
        half = 1.96 * math.sqrt(share * (1 - share) / num)
        wald.append(Interval(share - half, share + half))
    joined = [risk_interval(interval, errors, num) for errors, interval in enumerate(wald)]
    assert min(covered(wald, num, p) for p in PROBABILITIES) < 0.01
    assert min(covered(joined, num, p) for p in PROBABILITIES) > 0.92


# --- differences


def test_differences_of_few_examples_are_covered():
    """Nine examples, every pair of probabilities on a grid: a sum over the trinomial law."""
    num = 9
    counts = [(a, b) for a in range(num + 1) for b in range(num + 1 - a)]
    ends = [difference_interval(UNKNOWN, a, b, num) for a, b in counts]
    lo, hi = (np.array([getattr(i, end) for i in ends]) for end in ("lo", "hi"))
    grid = [0.001, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8]
    outcomes = np.array([(a, b, num - a - b) for a, b in counts])
    for first, second in product(grid, grid):
        if first + second > 0.999:
            continue
        law = [first, second, 1 - first - second]
        chances = scipy.stats.multinomial.pmf(outcomes, num, law)
        truth = first - second
        assert chances @ ((lo <= truth) & (truth <= hi)) >= 0.95


def test_two_rules_without_an_error_may_still_differ():
    found = difference_interval(Interval(0.0, 0.0), 0, 0, 119)
    assert found.lo == -found.hi
    assert found.hi == pytest.approx(1 - 0.0125 ** (1 / 119))
    assert difference_interval(UNKNOWN, 0, 4, 119).lo < -4 / 119
    swapped = difference_interval(UNKNOWN, 4, 0, 119)
    assert difference_interval(UNKNOWN, 0, 4, 119) == Interval(-swapped.hi, -swapped.lo)
    narrow = Interval(0.1, 0.1)
    assert difference_interval(narrow, FEW - 3, 3, 119) == narrow


# --- the same few examples divided anew


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


def test_overlap_is_what_two_draws_share():
    """128 of 199: 64.3%; 2,000 pairs leave .06% on the mean, 5 standard deviations."""
    rng = np.random.default_rng(0)
    shared = [
        len(np.intersect1d(*(rng.choice(199, 128, replace=False) for _ in "ab"))) / 128
        for _ in range(2_000)
    ]
    assert np.mean(shared) == pytest.approx(expected_overlap(128, 199), abs=0.003)
    assert expected_overlap(128, 238) == pytest.approx(0.538, abs=5e-4)
    assert (expected_overlap(7, 7), expected_overlap(0, 7)) == (1.0, 0.0)


def test_overlap_is_told_in_one_line():
    assert overlap_line("mine", 128, num_shared=199, num_test=119, is_resplit=False) == (
        "mine: samples of 128 out of 199 training examples overlap by 64% on average; all seeds "
        "share 119 test examples"
    )
    assert overlap_line("mine", 128, num_shared=357, num_test=119, is_resplit=True) == (
        "mine: 357 examples, divided anew for every seed: samples of 128 overlap by 36% on "
        "average, test parts of 119 by 33%"
    )


@pytest.mark.parametrize(("num", "num_available"), [(8, 7), (-1, 7), (0, 0)])
def test_samples_that_cannot_be_drawn_are_refused(num, num_available):
    with pytest.raises(ValueError, match="cannot be drawn"):
        expected_overlap(num, num_available)
