"""Intervals where data are few: counts of errors near zero, and seeds that share their examples."""

import math
from collections.abc import Sequence

import scipy.stats

from study.analysis.intervals import CONFIDENCE, Interval, mean

FEW = 10
"""Errors, or right answers, below which a normal law does not describe their number."""


def clopper_pearson(errors: float, num: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of an error probability that no probability leaves uncovered.

    Clopper and Pearson (1934): the p at which neither `errors` or more nor `errors` or fewer among
    `num` has a chance below (1 - confidence) / 2. No error among num still leaves
    1 - ((1 - confidence) / 2)^(1 / num), about 3.7 / num.

    Args:
        errors: from 0 to `num`; a mean over rules scored on one sample need not be whole, and
            is read as if every rule erred on the same examples, which is the widest reading.
        num: examples.
        confidence: at least this is covered, usually more.
    """
    _check(errors, num)
    tail = (1 - confidence) / 2
    lo = 0.0 if errors == 0 else scipy.stats.beta.ppf(tail, errors, num - errors + 1)
    hi = 1.0 if errors == num else scipy.stats.beta.isf(tail, errors + 1, num - errors)
    return Interval(float(lo), float(hi))


def risk_interval(
    interval: Interval, errors: float, num: int, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of a share of errors: where errors are few, no narrower than they allow.

    The rule: with fewer than 10 errors, or fewer than 10 right answers, among the examples of the
    test sample, `interval` is joined with `clopper_pearson`; it is never [0, 0] then. What
    `interval` says of seeds stays in it.

    Args:
        interval: from the spread over seeds and examples; unknown ends stay unknown on their own.
        errors: mean number over the seeds, each out of `num`.
        num: examples of the test sample.
        confidence: that of both.
    """
    _check(errors, num)
    if min(errors, num - errors) >= FEW:
        return interval
    return _joined(interval, clopper_pearson(errors, num, confidence))


def difference_interval(
    interval: Interval,
    only_first: float,
    only_second: float,
    num: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The interval of R(first) - R(second), two rules on one sample, as `risk_interval` does it.

    Only examples on which exactly one of them errs speak. With fewer than 10 of these, `interval`
    is joined with [lo(first) - hi(second), hi(first) - lo(second)], the ends of two
    Clopper-Pearson intervals at half the error rate each (Bonferroni): covered is at least
    `confidence`, and two rules without an error differ by up to 4.4 / num.

    Args:
        interval: from the spread over seeds and examples.
        only_first: examples on which the first errs and the second does not; means over seeds.
        only_second: likewise.
        num: examples of the test sample.
        confidence: that of both.
    """
    _check(only_first + only_second, num)
    if only_first + only_second >= FEW:
        return interval
    level = (1 + confidence) / 2
    first, second = (clopper_pearson(n, num, level) for n in (only_first, only_second))
    assert first.lo is not None
    assert first.hi is not None
    assert second.lo is not None
    assert second.hi is not None
    return _joined(interval, Interval(first.lo - second.hi, first.hi - second.lo))


def resampled_factor(num: int, *, num_train: int, num_test: int) -> float:
    """What stands in place of 1/k before the variance over `num` = k seeds: 1/k + n_test/n_train.

    Nadeau and Bengio (2003, "Inference for the generalization error", section 3), for seeds that
    divide the same few examples anew. `num_train` is all that is outside the test part, also where
    seeds learn from fewer: what the term stands for is the test examples that seeds share.
    """
    if num < 1 or num_train < 1 or num_test < 1:
        raise ValueError(
            f"{num} divisions of {num_train} + {num_test} examples: must be at least 1 of each"
        )
    return 1 / num + num_test / num_train


def resampled_interval(
    values: Sequence[float],
    *,
    num_train: int,
    num_test: int,
    first_stage: int | None = None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The interval of a mean over seeds that divide the same few examples anew.

    Their values share examples, so that s^2 / k is far too small a variance: it is
    `resampled_factor` times s^2, with Student's t on k - 1 degrees of freedom. For a rule that does
    not depend on its sample that is exact: the mean over all divisions has the variance of one
    test sample of num_train + num_test. It holds for differences of risks too, where both are of
    one division. Rules that hang on their sample share more than test examples and are covered
    less: one nearest neighbour, learning from all 60 of 60 + 30, 93% at 3 seeds, 91% at 10
    (500 simulated studies each); from 30 of them 95% and more.

    Fewer than 2 values: unknown. Values that are all alike give [v, v]: see `risk_interval`.

    Args:
        values: one per seed.
        num_train: examples outside the test part, all of them, also where seeds learn from fewer.
        num_test: examples of the test part.
        first_stage: values whose spread said how many there are (Stein 1945): it stays the
            interval's. None: their number was fixed.
        confidence: nominal.
    """
    told = values[:first_stage]
    if len(told) < 2:
        return Interval(None, None)
    centre, around = mean(values), mean(told)
    variance = math.fsum((value - around) ** 2 for value in told) / (len(told) - 1)
    factor = resampled_factor(len(values), num_train=num_train, num_test=num_test)
    quantile = float(scipy.stats.t.ppf((1 + confidence) / 2, len(told) - 1))
    half = quantile * math.sqrt(factor * variance)
    return Interval(centre - half, centre + half)


def expected_overlap(num: int, num_available: int) -> float:
    """The share of a sample that another one, drawn alike, holds too, on average.

    Samples of `num` without replacement out of `num_available`: hypergeometric, n / N.
    """
    if not 0 <= num <= num_available or num_available == 0:
        raise ValueError(f"{num} examples out of {num_available}: cannot be drawn")
    return num / num_available


def overlap_line(
    population: str, num: int, *, num_shared: int, num_test: int, is_resplit: bool
) -> str:
    """How far two seeds of a population see the same examples, in one line.

    Args:
        population: its label.
        num: examples a sample.
        num_shared: examples that both samples are drawn from.
        num_test: examples of the test part.
        is_resplit: whether every seed divides all `num_shared` examples anew.
    """
    overlap = expected_overlap(num, num_shared)
    if not is_resplit:
        return (
            f"{population}: samples of {num} out of {num_shared} training examples overlap by "
            f"{overlap:.0%} on average; all seeds share {num_test} test examples"
        )
    tested = expected_overlap(num_test, num_shared)
    return (
        f"{population}: {num_shared} examples, divided anew for every seed: samples of {num} "
        f"overlap by {overlap:.0%} on average, test parts of {num_test} by {tested:.0%}"
    )


def _joined(first: Interval, second: Interval) -> Interval:
    """The smallest interval that holds both; one that is unknown adds nothing."""
    los = [lo for lo in (first.lo, second.lo) if lo is not None]
    his = [hi for hi in (first.hi, second.hi) if hi is not None]
    return Interval(min(los, default=None), max(his, default=None))


def _check(errors: float, num: int) -> None:
    if num < 1 or not 0 <= errors <= num:
        raise ValueError(f"{errors} errors among {num} examples: must be from 0 to {num}")
