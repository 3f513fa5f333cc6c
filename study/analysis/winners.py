"""The hyperparameters that every cell was measured with, and where they came from."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from study.analysis.columns import WINNER_COLUMNS
from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.trials.seeds import decode_search_seed
from study.trials.selection import best_row
from study.trials.trial import Cell


def build_winners(joined: Joined) -> pd.DataFrame:
    """One row per measured cell and search: WINNER_COLUMNS, then the hp_ columns of the trials.

    Measured trials are those of the cell's current configuration; the proposal that won is the
    one that they took their hyperparameters from, which a search that goes on may outdo. Where a
    cell has several independent searches, seed s is measured with the winner of search s mod R.
    """
    rows = [
        _winner(joined, cell, repeat, held)
        for cell, measured in sorted(joined.current["measure"].items())
        for num in [joined.repeats if cell in joined.rows["search"] else 1]
        for repeat in range(num)
        if (held := [row for row in measured if row["seed"] % num == repeat])
    ]
    return typed_frame(rows, (*WINNER_COLUMNS, *joined.hyperparameters))


def _winner(joined: Joined, cell: Cell, repeat: int, measured: Sequence[Row]) -> Row:
    used = {column.name: measured[0][column.name] for column in joined.hyperparameters}
    proposals = [
        row
        for row in joined.rows["search"].get(cell, [])
        if decode_search_seed(row["seed"])[0] == repeat
    ]
    taken = [row for row in proposals if {name: row[name] for name in used} == used]
    best = best_row(taken) or {}
    return {
        **asdict(cell),
        "repeat": repeat,
        "task": joined.tasks[cell.family],
        "is_searched": bool(proposals),
        "num_proposals": len(proposals),
        "num_stopped": sum(row["status"] == "stopped" for row in proposals),
        "num_failed": sum(row["status"] == "failed" for row in proposals),
        "validation_risk": best.get("validation_risk"),
        "trial_id": best.get("trial_id"),
        **used,
    }
