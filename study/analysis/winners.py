"""The hyperparameters that every cell was measured with, and where they came from."""

from dataclasses import asdict

import pandas as pd

from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.trials.schema import WINNER_COLUMNS
from study.trials.selection import best_row
from study.trials.trial import Cell


def build_winners(joined: Joined) -> pd.DataFrame:
    """One row per measured cell: WINNER_COLUMNS, then the hp_ columns of the trials table.

    Measured trials are those of the cell's current configuration; the proposal that won is the
    one that they took their hyperparameters from, which a search that goes on may outdo.
    """
    rows = [_winner(joined, cell) for cell in sorted(joined.current["measure"])]
    return typed_frame(rows, (*WINNER_COLUMNS, *joined.hyperparameters))


def _winner(joined: Joined, cell: Cell) -> Row:
    measured = joined.current["measure"][cell][0]
    used = {column.name: measured[column.name] for column in joined.hyperparameters}
    proposals = joined.rows["search"].get(cell, [])
    taken = [row for row in proposals if {name: row[name] for name in used} == used]
    best = best_row(taken) or {}
    return {
        **asdict(cell),
        "task": joined.tasks[cell.family],
        "is_searched": bool(proposals),
        "num_proposals": len(proposals),
        "num_stopped": sum(row["status"] == "stopped" for row in proposals),
        "num_failed": sum(row["status"] == "failed" for row in proposals),
        "validation_risk": best.get("validation_risk"),
        "trial_id": best.get("trial_id"),
        **used,
    }
