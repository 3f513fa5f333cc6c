"""The hyperparameters that every cell was measured with, and where they came from."""

from collections import defaultdict
from dataclasses import asdict

import pandas as pd

from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.trials.schema import WINNER_COLUMNS
from study.trials.seeds import decode_search_seed
from study.trials.selection import best_row
from study.trials.trial import Cell


def build_winners(joined: Joined) -> pd.DataFrame:
    """One row per measured cell and independent search: WINNER_COLUMNS, then the hp_ columns.

    Of the seeds that take a search's winner those count that finished last; the proposal that won
    is the one that they took their hyperparameters from, which a search that goes on may outdo.
    """
    proposals = [row for held in joined.rows["search"].values() for row in held]
    num_searches = max((decode_search_seed(row["seed"])[0] for row in proposals), default=0) + 1
    rows = [
        row
        for cell in sorted(joined.rows["measure"])
        for row in _winners(joined, cell, num_searches)
    ]
    return typed_frame(rows, (*WINNER_COLUMNS, *joined.hyperparameters))


def _winners(joined: Joined, cell: Cell, num_searches: int) -> list[Row]:
    proposals: dict[int, list[Row]] = defaultdict(list)
    for row in joined.rows["search"].get(cell, []):
        proposals[decode_search_seed(row["seed"])[0]].append(row)
    measured: dict[int, list[Row]] = defaultdict(list)
    for row in joined.rows["measure"][cell]:
        measured[row["seed"] % num_searches if proposals else 0].append(row)
    return [
        {**asdict(cell), "repeat": repeat, **_winner(joined, measured[repeat], proposals[repeat])}
        for repeat in sorted(measured)
    ]


def _winner(joined: Joined, measured: list[Row], proposals: list[Row]) -> Row:
    last = max(measured, key=lambda row: (row["finished_at"] or "", row["trial_id"]))
    used = {column.name: last[column.name] for column in joined.hyperparameters}
    taken = [row for row in proposals if {name: row[name] for name in used} == used]
    best = best_row(taken) or {}
    return {
        "task": joined.tasks[last["family"]],
        "is_searched": bool(proposals),
        "num_proposals": len(proposals),
        "num_stopped": sum(row["status"] == "stopped" for row in proposals),
        "num_failed": sum(row["status"] == "failed" for row in proposals),
        "validation_risk": best.get("validation_risk"),
        "trial_id": best.get("trial_id"),
        **used,
    }
