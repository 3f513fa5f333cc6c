"""Why a sweep ends before everything is done."""

from collections import Counter

FEWEST_FINISHED = 10
"""Finished trials before the share of failed ones can end a study."""


class Interrupted(Exception):
    """A signal came."""


class TooManyFailed(Exception):
    """More trials failed than the study file allows; the message is one line."""


def too_many_failed(
    max_failed_share: float, errors: Counter[str], num_finished: int
) -> TooManyFailed | None:
    """Whether more of the finished trials failed than `max_failed_share` allows.

    Args:
        max_failed_share: of the study file.
        errors: what failed trials failed with, and how often.
        num_finished: trials, the failed ones among them.
    """
    num_failed = errors.total()
    if num_finished < FEWEST_FINISHED or num_failed <= max_failed_share * num_finished:
        return None
    ((most_often, _),) = errors.most_common(1)
    return TooManyFailed(
        f"max_failed_share = {max_failed_share:g}: {num_failed} of {num_finished} finished "
        f"trials failed, most often with: {most_often[:200]}"
    )
