"""Intervals of few real examples: seeds that divide them anew, and rules that all decide alike."""

import math
import statistics
from collections.abc import Sequence

from study.analysis import special
from study.analysis.frames import Trial
from study.analysis.intervals import CONFIDENCE, Interval, clopper_pearson, mean


def room_for_none(num: int) -> float:
    """By how much R(first) and R(second) may differ where all `num` examples find them alike.

    The upper ends of two Clopper-Pearson intervals of no error, at half the error rate each
    (Bonferroni): about 4.4 / num either way.
    """
    most = clopper_pearson(0, num, (1 + CONFIDENCE) / 2).hi
    assert most is not None
    return most


def room_around(value: float, num: int) -> Interval:
    """The interval of a difference that all seeds agree on, each tested on `num` examples."""
    room = room_for_none(num)
    return Interval(min(value, -room), max(value, room))


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


def seeds_interval(values: Sequence[float], row: Trial) -> Interval:
    """Student's over seeds on one evaluation sample; wider where each has one of its own.

    Args:
        values: one per seed.
        row: any of their trials, which says how the set was divided.
    """
    if row["is_resplit"]:
        num_train, num_test = row["num_available"], row["num_test"]
        return resampled_interval(values, num_train=num_train, num_test=num_test)
    if len(values) < 2:
        return Interval(None, None)
    quantile = float(special.stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean(values) - half, mean(values) + half)


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

    Fewer than 2 values: unknown. Values that are all alike give [v, v]; see `room_for_none`.

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
    quantile = float(special.stdtrit(len(told) - 1, (1 + confidence) / 2))
    half = quantile * math.sqrt(factor * variance)
    return Interval(centre - half, centre + half)
