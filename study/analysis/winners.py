"""The hyperparameters that every cell was measured with, and where they came from."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from study.analysis.columns import WINNER_COLUMNS
from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.analysis.rows import Rows
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
        if len(held := measured.at(measured.numbers("seed") % num == repeat))
    ]
    return typed_frame(rows, (*WINNER_COLUMNS, *joined.hyperparameters))


def _winner(joined: Joined, cell: Cell, repeat: int, measured: Rows) -> Row:
    used = {column.name: measured[0][column.name] for column in joined.hyperparameters}
    proposals = joined.rows["search"].get(cell, joined.none)
    searches = [decode_search_seed(seed)[0] for seed in proposals.values("seed")]
    proposals = proposals.at(np.array(searches, dtype=np.int64) == repeat)
    taken = proposals.at(proposals.alike(measured[0], list(used)))
    best = best_row(taken) or {}
    return {
        **asdict(cell),
        "repeat": repeat,
        "task": joined.tasks[cell.family],
        "is_searched": bool(len(proposals)),
        "num_proposals": len(proposals),
        "num_stopped": int(proposals.say("status", "stopped").sum()),
        "num_failed": int(proposals.say("status", "failed").sum()),
        "validation_risk": best.get("validation_risk"),
        "trial_id": best.get("trial_id"),
        **used,
    }
