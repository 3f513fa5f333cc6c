"""The knee of a falling curve, by a stated rule, and how surely it is there.

**The rule.** On a logarithmic axis of k, the knee is the k whose risk lies furthest below the chord
from the first point to the last: Kneedle (Satopaa, Albrecht, Irwin and Raghavan 2011, "Finding a
'Kneedle' in a Haystack", sections 2 and 3, offline, no smoothing) on log k. There is none where no
k lies below the chord, nor where that k's risk is not below the first's. The rule does not ask for
a curve that falls everywhere, has no threshold to be chosen, and is the same in any unit of the
risk and of k. It depends on the two ends: they are part of what it says.

**Its interval.** How far each k lies below the chord is a contrast of the means, so that the knee
is where the largest of a few correlated means is. The set of all k that no other lies further below
the chord than, significantly, holds it with a probability of at least 95% (multiple comparisons
with the best, Hsu 1984, by Bonferroni: one-sided tests of a k against each other one). Seeds are
common to all k, so that a curve varies as a whole; a bootstrap of the curves of three seeds would
have ten resamples, too few for any interval. The interval is from the smallest of the set to the
largest.

**Its sharpness**: how far below the chord, as a share of the range of the risks: 0 of a straight
line, near 1 of a step at the first k. A ratio of two contrasts of one set of means: its interval
holds every share s for which "below the chord less s times the range" may be 0 (Fieller 1954), at
Bonferroni's confidence over the k that might have been the knee. Where that reaches 0, which is a
test of the first contrast alone, the curve may be straight and have none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analysis.intervals import CONFIDENCE
from study.analysis.moments import Part, half_widths

MIN_POINTS = 3

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Knee:
    """Where a curve has its knee; None: it has none, or what is asked is not known.

    Attributes:
        place: of the knee, among the curve's points.
        lo: the first place of the interval; `hi` the last.
        sharpness: how far below the chord, as a share of the risks' range.
        sharpness_lo: its interval's lower end; `sharpness_hi` the upper, at most 1.
    """

    place: int | None = None
    lo: int | None = None
    hi: int | None = None
    sharpness: float | None = None
    sharpness_lo: float | None = None
    sharpness_hi: float | None = None


def find_knee(dims: Array, means: Array, parts: Sequence[Part] | None) -> Knee:
    """The knee of a curve.

    Args:
        dims: (K,) above zero, rising; with fewer than three there is no knee.
        means: (K,) risks.
        parts: covariances of the means, by source; None: unknown, and so is every interval.
    """
    if len(dims) < MIN_POINTS:
        return Knee()
    contrasts = below_chord(dims)
    below, scale = contrasts @ means, float(np.ptp(means))
    found = int(below.argmax())
    if below[found] <= 0 or means[found + 1] >= means[0]:
        return Knee()
    sharpness = float(below[found]) / scale
    if parts is None:
        return Knee(place=found + 1, sharpness=sharpness)
    held = not_outdone(contrasts, below, parts)
    spread = np.eye(len(means))[means.argmax()] - np.eye(len(means))[means.argmin()]
    confidence = 1 - (1 - CONFIDENCE) / len(contrasts)
    lo, hi = _shares(contrasts[found], spread, means, parts, confidence)
    return Knee(
        place=found + 1,
        lo=min(held) + 1,
        hi=max(held) + 1,
        sharpness=sharpness,
        sharpness_lo=lo,
        sharpness_hi=hi,
    )


def below_chord(dims: Array) -> Array:
    """The contrasts (K - 2, K): how far points between the ends lie below the chord over log k."""
    logs = np.log(dims)
    along = (logs[1:-1] - logs[0]) / (logs[-1] - logs[0])
    contrasts = np.zeros((len(dims) - 2, len(dims)))
    contrasts[:, 0], contrasts[:, -1] = 1 - along, along
    contrasts[:, 1:-1] -= np.eye(len(along))
    return contrasts


def _shares(
    below: Array, spread: Array, means: Array, parts: Sequence[Part], confidence: float
) -> tuple[float, float]:
    """Fieller's interval of a ratio of two contrasts (K,) of the means; it lies within [-1, 1]."""
    from scipy.optimize import brentq

    scale = float(spread @ means)
    found = float(below @ means) / scale

    def outside(share: float) -> float:
        """Above 0 of a share that the means do not leave open."""
        half = half_widths(parts, (below - share * spread)[None], confidence)[0]
        return abs(found - share) * scale - float(half)

    def end(inner: float, outer: float) -> float:
        return outer if outside(outer) <= 0 else float(brentq(outside, inner, outer))

    lo = end(found, 0.0)
    return (lo if lo > 0 else end(0.0, -1.0)), end(found, 1.0)


def not_outdone(contrasts: Array, values: Array, parts: Sequence[Part]) -> list[int]:
    """Places than which none is significantly higher; the highest is one.

    Args:
        contrasts: (B, K) of the means.
        values: (B,) theirs.
        parts: covariances of the means.
    """
    num = len(contrasts)
    confidence = 1 - 2 * (1 - CONFIDENCE) / max(1, num - 1)  # one-sided, against each other one
    return [
        place
        for place in range(num)
        if (
            values - values[place] <= half_widths(parts, contrasts - contrasts[place], confidence)
        ).all()
    ]
