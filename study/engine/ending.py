"""Why a sweep ends before everything is done."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

FEWEST_FINISHED = 10
"""Finished trials before the share of failed ones can end a study."""


class Interrupted(Exception):
    """A signal came."""


class TooManyFailed(Exception):
    """More trials failed than the study file allows; the message is one line."""


def too_many_failed(
    max_failed_share: float, records: Mapping[str, Mapping[str, Any]]
) -> TooManyFailed | None:
    """Whether more of the finished trials failed than `max_failed_share` allows."""
    errors = [str(r.get("error")) for r in records.values() if r["status"] == "failed"]
    if len(records) < FEWEST_FINISHED or len(errors) <= max_failed_share * len(records):
        return None
    ((most_often, _),) = Counter(errors).most_common(1)
    return TooManyFailed(
        f"max_failed_share = {max_failed_share:g}: {len(errors)} of {len(records)} finished "
        f"trials failed, most often with: {most_often[:200]}"
    )
