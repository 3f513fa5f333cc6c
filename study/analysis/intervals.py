"""What every table's numbers share: estimates with their ends, exact means, Holm's correction.

Intervals over seeds, restarts and evaluation examples are study.analysis.crossed's; those of few
real examples study.analysis.resampling's.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from study.analysis import special

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The normal law's, beyond which 2.5% of it lie on either side."""


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


UNKNOWN = Estimate(None)


def named_ends(name: str, found: Estimate) -> dict[str, float | None]:
    """A row's columns of an estimate: its name, and that with _lo and _hi."""
    return {name: found.value, f"{name}_lo": found.lo, f"{name}_hi": found.hi}


def clopper_pearson(errors: float, num: float, confidence: float = CONFIDENCE) -> Interval:
    """The interval of an error probability that no probability leaves uncovered.

    Clopper and Pearson (1934): the p at which neither `errors` or more nor `errors` or fewer among
    `num` has a chance below (1 - confidence) / 2. No error among num still leaves
    1 - ((1 - confidence) / 2)^(1 / num), about 3.7 / num.

    Args:
        errors: from 0 to `num`; a mean over rules scored on one sample need not be whole, and
            is read as if every rule erred on the same examples, which is the widest reading.
        num: examples; of ones that depend on each other as many as they are worth, at least 1.
        confidence: at least this is covered, usually more.
    """
    if num < 1 or not 0 <= errors <= num:
        raise ValueError(f"{errors} errors among {num} examples: must be from 0 to {num}")
    tail = (1 - confidence) / 2
    lo = 0.0 if errors == 0 else special.betaincinv(errors, num - errors + 1, tail)
    hi = 1.0 if errors == num else special.betainccinv(errors + 1, num - errors, tail)
    return Interval(float(lo), float(hi))


def mean(values: Sequence[float]) -> float:
    """The mean, summed exactly, so that the order of the rows never matters."""
    return math.fsum(values) / len(values)


def mean_known(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return mean(known) if known else None


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
