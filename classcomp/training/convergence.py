"""When a training trajectory counts as settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

WINDOW_STEPS = 256
"""Two windows of this many optimizer steps are compared: steps and not epochs, since an epoch of a
small sample is a few steps only, within which nothing can move."""
MIN_WINDOW = 4
"""Passes that a window holds at least, so that it is a mean."""
RISK_TOLERANCE = 0.005
FALL_TOLERANCE = 0.01
LEVEL_TOLERANCE = 0.003


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
    than `FALL_TOLERANCE` of how far it has moved in all, or than `LEVEL_TOLERANCE` of where it
    stands. The first makes the rule blind to the objective's units and zero, the second lets an
    objective settle that had nothing to learn. Two-sided: a risk that rises has not settled.

    Args:
        readings: of the trunk so far, oldest first.
        scale: what counts as a large risk.
    """
    split = _begin_of_window(readings, len(readings))
    begin = None if split is None else _begin_of_window(readings, split)
    if split is None or begin is None:
        return False
    late, early = readings[split:], readings[begin:split]
    loss, risk = fmean(r.loss for r in late), fmean(r.risk for r in late)
    losses = [r.loss for r in readings]
    moved = max(losses) - min(losses)
    allowed = max(FALL_TOLERANCE * moved, LEVEL_TOLERANCE * abs(loss))
    return (
        abs(loss - fmean(r.loss for r in early)) <= allowed
        and abs(risk - fmean(r.risk for r in early)) < RISK_TOLERANCE * scale
    )


def _begin_of_window(readings: Sequence[Reading], end: int) -> int | None:
    """Where the window begins that ends before `end`; None where there are too few passes."""
    begin, steps = end, 0
    while steps < WINDOW_STEPS or end - begin < MIN_WINDOW:
        if begin == 0:
            return None
        begin -= 1
        steps += readings[begin].steps
    return begin
