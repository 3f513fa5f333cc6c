"""Who wins: on validation data only, and only among trials that ran their full budget."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def winner(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the winner of one cell's search, or None where no search trial is done.

    Args:
        records: the ledger's records of one cell. Only role "search" with status "done" compete:
            a stopped trial never had its full budget, and measuring data must not select.

    Returns:
        The record with the smallest validation risk; of equals, the smaller seed (the number of
        the search trial), so that the order of the records never matters.
    """
    done = [r for r in records if r["role"] == "search" and r["status"] == "done"]
    scored = [(_score(record.get("metrics") or {}), record) for record in done]
    return _smallest(scored)


def best_restart(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the best restart among rows of the trials table, or None where none is done.

    Args:
        rows: best_in_class rows of one family, depth and law, at one m.
    """
    done = [r for r in rows if r["role"] == "best_in_class" and r["status"] == "done"]
    return _smallest([(_score(row), row) for row in done])


def _score(metrics: Mapping[str, Any]) -> float | None:
    value = metrics.get("validation_risk")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _smallest(
    scored: Sequence[tuple[float | None, Mapping[str, Any]]],
) -> Mapping[str, Any] | None:
    known = [(score, record) for score, record in scored if score is not None]
    if not known:
        return None
    return min(known, key=lambda pair: (pair[0], pair[1]["seed"], pair[1]["trial_id"]))[1]
