"""When a training trajectory counts as settled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

WINDOW_STEPS = 256
"""Two windows of this many optimizer steps are compared: steps and not epochs, since an epoch of a
small sample is a few steps only, within which nothing can move."""
MIN_WINDOW = 4
"""Passes that a window holds at least, so that it is a mean."""
RISK_TOLERANCE = 0.005
FALL_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass of the trunk showed.

    Attributes:
        steps: of the pass.
        loss: mean objective over the pass.
        risk: the task's risk on the training sample after it.
    """

    steps: int
    loss: float
    risk: float


def has_settled(readings: Sequence[Reading], scale: float = 1.0) -> bool:
    """Whether neither the objective nor the training risk still moves, up or down.

    The means of the last two windows of `WINDOW_STEPS` are compared. The risk has settled where
    they differ by less than `RISK_TOLERANCE` of `scale`; the objective, where they differ by less
    than `FALL_TOLERANCE` of what lies between its highest and its lowest window, or by less than
    two standard errors of the difference, from the passes' scatter. The second lets an objective
    settle that had nothing to learn; a steady trend exceeds it. Neither depends on the
    objective's unit or zero. Two-sided: a risk that rises has not settled.

    Args:
        readings: of the trunk so far, oldest first.
        scale: what counts as a large risk.
    """
    windows = _windows(readings)
    if len(windows) < 2:
        return False
    late, early = windows[:2]
    means = [fmean(reading.loss for reading in window) for window in windows]
    noise = math.hypot(*(_standard_error(window) for window in (late, early)))
    allowed = max(FALL_TOLERANCE * (max(means) - min(means)), 2 * noise)
    risks = [fmean(reading.risk for reading in window) for window in (late, early)]
    return abs(means[0] - means[1]) <= allowed and abs(risks[0] - risks[1]) < RISK_TOLERANCE * scale


def _windows(readings: Sequence[Reading]) -> list[Sequence[Reading]]:
    """Whole windows one before the other, the last first."""
    windows, end, steps = [], len(readings), 0
    for begin in reversed(range(len(readings))):
        steps += readings[begin].steps
        if steps >= WINDOW_STEPS and end - begin >= MIN_WINDOW:
            windows.append(readings[begin:end])
            end, steps = begin, 0
    return windows


def _standard_error(window: Sequence[Reading]) -> float:
    """Of a window's mean objective."""
    return stdev(reading.loss for reading in window) / math.sqrt(len(window))
