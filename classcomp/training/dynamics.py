"""How fast a trial learns: numbers taken from its curve of training risk."""

from collections.abc import Sequence

from classcomp.trial import Progress


def area_under_curve(passes: Sequence[Progress]) -> float | None:
    """Mean training risk up to T: the area under the curve over T, in [0, 1].

    The risk after a pass stands for the pass's whole width (a Riemann sum), in steps. Small is
    fast: 0 where the first pass already leaves no error, the final risk where nothing moves.

    Args:
        passes: of a trial, up to the end of its branch to T, oldest first. Stages before the last
            have no training risk and are no part of it.

    Returns:
        None where no pass has a training risk.
    """
    area, width, step = 0.0, 0, 0
    for done in passes:
        if done.train_risk is not None:
            area += done.train_risk * (done.step - step)
            width += done.step - step
        step = done.step
    return area / width if width else None
