"""Intervals: over seeds, with the evaluation sample's noise, and of paired differences.

Two kinds of uncertainty meet in an interval. Seeds vary the data, the initialisation and the
order: `seed_interval`. And every rule of a population is scored on one shared evaluation sample,
whose noise no number of seeds averages away: its standard error is added in quadrature, on each
side of the interval by itself (`widen`).
"""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.stats

CONFIDENCE = 0.95
Z = float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2))
BOOTSTRAP_FROM = 10  # seeds; below, Student's t
NUM_RESAMPLES = 9999
# "SEED" in ASCII: the interval of the same values is the same interval, wherever it is computed.
BOOTSTRAP_SEED = 0x53454544


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval; both ends None where it is unknown."""

    lo: float | None
    hi: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval; None where it is unknown."""

    value: float | None
    lo: float | None = None
    hi: float | None = None

    @property
    def interval(self) -> Interval:
        """Its ends."""
        return Interval(self.lo, self.hi)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Paired comparison of two families over the seeds they share; negative: the first errs less.

    `probability_better` is the share of seeds on which the first has the smaller risk, ties
    counting half (Bouthillier et al. 2021, P(A > B)).
    """

    num_pairs: int
    difference: Estimate
    probability_better: float | None


UNKNOWN = Estimate(None)


def mean(values: Sequence[float]) -> float:
    """The mean, summed exactly, so that the order of the rows never matters."""
    return math.fsum(values) / len(values)


def mean_known(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def seed_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The confidence interval of the mean over seeds.

    Fewer than 2 values: unknown. Fewer than 10: Student's t with ddof = 1. From 10 on: BCa (Efron
    1987) at Hesterberg's (2015, "What Teachers Should Know About the Bootstrap", section 4.1)
    expanded level 2 Phi(sqrt(n / (n - 1)) t) - 1, which undoes the bootstrap's use of ddof = 0
    and of normal tails: at n = 10 on normal data plain BCa covers 90.6%, the expanded one 94.7%
    (8,000 draws).
    Constant values give the interval [v, v].

    Args:
        values: one number per seed.
        confidence: nominal coverage, between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}, not between 0 and 1")
    if len(values) < 2:
        return Interval(None, None)
    ordered = sorted(values)
    if ordered[0] == ordered[-1]:
        return Interval(ordered[0], ordered[0])
    if len(values) >= BOOTSTRAP_FROM:
        interval = _bca_interval(np.array(ordered), confidence)
        if interval is not None:
            return interval
    return _t_interval(ordered, confidence)


@cache  # scipy takes a tenth of a millisecond, and a report asks for a few thousand
def _t_quantile(num: int, confidence: float) -> float:
    return float(scipy.stats.t.ppf((1 + confidence) / 2, num - 1))


def _t_interval(values: Sequence[float], confidence: float) -> Interval:
    centre = mean(values)
    half = _t_quantile(len(values), confidence) * _standard_error(values)
    return Interval(centre - half, centre + half)


def _standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean, ddof = 1."""
    centre = mean(values)
    spread = math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))
    return spread / math.sqrt(len(values))


def expanded_level(num: int, confidence: float = CONFIDENCE) -> float:
    """The level at which a bootstrap over `num` values is read; see `seed_interval`."""
    stretch = math.sqrt(num / (num - 1)) * _t_quantile(num, confidence)
    return 2 * float(scipy.stats.norm.cdf(stretch)) - 1


def _bca_interval(values: "np.ndarray[Any, Any]", confidence: float) -> Interval | None:
    """The expanded BCa interval; None where rounding leaves the bootstrap degenerate."""
    with warnings.catch_warnings():
        # values that differ by a rounding error only: the answer is checked below
        warnings.simplefilter("ignore")
        found = scipy.stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=NUM_RESAMPLES,
            confidence_level=expanded_level(len(values), confidence),
            method="BCa",
            rng=np.random.default_rng(BOOTSTRAP_SEED),
        ).confidence_interval
    lo, hi = float(found.low), float(found.high)
    return Interval(lo, hi) if math.isfinite(lo) and math.isfinite(hi) else None


def widen(value: float, interval: Interval, *noises: float | None) -> Estimate:
    """An interval with evaluation noise added, in quadrature and on each side by itself.

    lo = value - sqrt((value - lo)^2 + sum (z se)^2), and likewise hi; z = 1.96. Quadrature takes
    the noises as uncorrelated: for the difference of two rules scored on one sample, which agree
    on most of it, that is an upper bound. A noise that is unknown adds nothing.
    """
    if interval.lo is None or interval.hi is None:
        return Estimate(value)
    added = [Z * noise for noise in noises if noise is not None]
    return Estimate(
        value,
        value - math.hypot(value - interval.lo, *added),
        value + math.hypot(interval.hi - value, *added),
    )


def mean_p_value(values: Sequence[float], *noises: float | None) -> float | None:
    """The two-sided p-value of a mean of zero: Student's t over seeds.

    Evaluation noises are added to the squared standard error, as in `widen`; the degrees of
    freedom stay those of the seeds. Unknown below 2 values, and where nothing varies.
    """
    if len(values) < 2:
        return None
    centre, added = mean(values), [noise for noise in noises if noise is not None]
    error = math.hypot(_standard_error(values), *added)
    if error == 0.0:
        return 1.0 if centre == 0.0 else None
    return 2 * float(scipy.stats.t.sf(abs(centre) / error, len(values) - 1))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted for their number (Holm 1979); unknown ones stay and do not count.

    Rejecting where the adjusted value is below alpha keeps the probability of any false rejection
    below alpha, however the tests depend on each other.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = largest
    return adjusted


def compare(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison:
    """Two families' risks compared seed by seed: families share their data streams.

    Args:
        first: risk by seed; `second` likewise. Seeds only one of them has are left out.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return Comparison(num_pairs=0, difference=UNKNOWN, probability_better=None)
    differences = [first[seed] - second[seed] for seed in seeds]
    better = mean([0.5 if d == 0 else float(d < 0) for d in differences])
    interval = seed_interval(differences)
    return Comparison(
        num_pairs=len(seeds),
        difference=Estimate(mean(differences), interval.lo, interval.hi),
        probability_better=better,
    )
