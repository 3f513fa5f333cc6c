"""Who wins: on validation data only, and only among trials that ran their full budget."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.trials.roles import ROLES
from study.trials.seeds import decode_search_seed
from study.trials.trial import Cell

Search = tuple[Cell, int]
"""A cell, and which of its independent searches."""
Scored = tuple[float | None, Mapping[str, Any]]


def search_of(cell: Cell, seed: int) -> Search:
    """The search that a cell's proposal with this seed belongs to."""
    return cell, decode_search_seed(seed)[0]


def winner(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The winner of one search of a cell, or None where no search trial is done.

    Args:
        records: the ledger's records of one search. Only searched roles with status "done" compete:
            a stopped trial never had its full budget, and measuring data must not select.

    Returns:
        The record with the smallest validation risk; of equals, the smaller seed (the number of
        the search trial), so that the order of the records never matters.
    """
    done = [r for r in records if ROLES[r["role"]].is_searched and r["status"] == "done"]
    return _smallest([(_score(record.get("metrics") or {}), record) for record in done])


def best_row(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The best of rows of the trials table, as `winner` has it; None where none is done.

    Args:
        rows: that compete: a cell's proposals.
    """
    return _smallest([(_score(row), row) for row in rows if row["status"] == "done"])


def _score(metrics: Mapping[str, Any]) -> float | None:
    value = metrics.get("validation_risk")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _smallest(scored: Sequence[Scored]) -> Mapping[str, Any] | None:
    known = [(score, record) for score, record in scored if score is not None]
    if not known:
        return None
    return min(known, key=lambda pair: (pair[0], pair[1]["seed"], pair[1]["trial_id"]))[1]
