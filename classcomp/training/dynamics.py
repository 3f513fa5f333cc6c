"""How fast a trial learns: numbers taken from its curve of training risk."""

from collections.abc import Sequence


def area_under_curve(train_risks: Sequence[float | None], num_epochs: int) -> float | None:
    """Mean training risk over epochs 1 to T: the area under the curve over T, in [0, 1].

    The risk after epoch t stands for the epoch's whole width (a Riemann sum of unit steps). Small
    is fast: 0 where the first epoch already leaves no error, the final risk where nothing moves.

    Args:
        train_risks: 0-1 risk on the training sample after each epoch, oldest first; None where
            it was not computed (a stage before the last).
        num_epochs: T.

    Returns:
        None where fewer than T risks are known.
    """
    known = [risk for risk in train_risks if risk is not None][:num_epochs]
    return sum(known) / num_epochs if len(known) == num_epochs else None
