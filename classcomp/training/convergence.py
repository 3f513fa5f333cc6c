"""When a training trajectory counts as settled."""

from collections.abc import Sequence

WINDOW = 10
TOLERANCE = 0.005


def has_settled(train_risks: Sequence[float], scale: float = 1.0) -> bool:
    """Whether the training risk has stopped falling.

    Settled means that the mean training risk of the last `WINDOW` epochs lies less than
    `TOLERANCE` below the mean of the `WINDOW` epochs before, or that the training risk has been
    exactly zero for `WINDOW` // 2 epochs: no epoch to come can then lower it. Means over windows,
    since the risk of a single epoch under minibatch noise moves by more than it improves.

    Args:
        train_risks: training risk after each epoch so far, oldest first.
        scale: what counts as a large risk; the tolerance is a share of it.
    """
    zeros = train_risks[-(WINDOW // 2) :]
    if len(zeros) == WINDOW // 2 and max(zeros) == 0.0 == min(zeros):
        return True
    if len(train_risks) < 2 * WINDOW:
        return False
    before = sum(train_risks[-2 * WINDOW : -WINDOW]) / WINDOW
    after = sum(train_risks[-WINDOW:]) / WINDOW
    return before - after < TOLERANCE * scale
