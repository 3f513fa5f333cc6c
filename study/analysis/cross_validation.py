"""K-fold cross-validation of a cell's winner: what it says of a risk that is known better.

Every fold's rule is scored on the part of the sample that it left out, and on the evaluation
sample, against labels as noisy as those. No unbiased estimate of the variance of a k-fold mean
exists (Bengio and Grandvalet 2004); the intervals take Nadeau and Bengio's (2003) factor
1/k + n_test/n_train. Folds that agree because few of n examples are wrong say nothing of the next
sample: where risks are shares of errors, the interval holds Clopper and Pearson's of all n too.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from study.analysis.candidates import done
from study.analysis.columns import CROSS_VALIDATION_COLUMNS
from study.analysis.frames import Row, Trial, typed_frame
from study.analysis.intervals import Interval, clopper_pearson, mean, mean_known
from study.analysis.joined import Joined
from study.analysis.resampling import resampled_interval
from study.trials.tasks import Task, task_of
from study.trials.trial import Cell


def build_cross_validation(joined: Joined) -> pd.DataFrame:
    """One row per cell of which every fold is done; columns as CROSS_VALIDATION_COLUMNS."""
    rows = [
        {**asdict(cell), "task": joined.tasks[cell.family], **found}
        for cell, held in sorted(joined.current["fold"].items())
        if (found := _cell_columns(cell, joined.tasks[cell.family], done(held))) is not None
    ]
    return typed_frame(rows, CROSS_VALIDATION_COLUMNS)


def _cell_columns(cell: Cell, task: str | None, rows: Sequence[Trial]) -> Row | None:
    left = [row["validation_risk"] for row in rows]
    if not rows or len(rows) != rows[0]["num_folds"] or None in left:
        return None
    known = [_risk(row) for row in rows]
    apart = [a - b for a, b in zip(left, known, strict=True) if b is not None]
    value, risk = mean(left), mean_known(known)
    room = _room(cell, value, task_of(task))
    whole = _joined(_interval(cell, left), room, 0.0)
    error = _joined(_interval(cell, apart), room, risk)
    return {
        "num_folds": len(rows),
        "cross_validation_risk": value,
        "cross_validation_risk_lo": whole.lo,
        "cross_validation_risk_hi": whole.hi,
        "folds_sd": statistics.stdev(left),
        "evaluation_risk": risk,
        "error": mean(apart) if apart else None,
        "error_lo": error.lo,
        "error_hi": error.hi,
    }


def _room(cell: Cell, value: float, task: Task) -> Interval:
    """What the number of wrong ones among all n allows; unknown where risks are no shares."""
    if not task.keeps_decisions:
        return Interval(None, None)
    return clopper_pearson(value * cell.num_train, cell.num_train)


def _joined(first: Interval, room: Interval, risk: float | None) -> Interval:
    """The smallest interval that holds the first and what the room leaves above a risk."""
    if first.lo is None or first.hi is None or room.lo is None or room.hi is None or risk is None:
        return first
    return Interval(min(first.lo, room.lo - risk), max(first.hi, room.hi - risk))


def _risk(row: Trial) -> float | None:
    """On the evaluation sample, against labels as noisy as the fold's own where that is known."""
    noisy: float | None = row.get("noisy_risk")
    risk: float | None = row["risk"]
    return risk if noisy is None else noisy


def _interval(cell: Cell, values: Sequence[float]) -> Interval:
    size = max(1, cell.num_train // max(1, len(values)))
    return resampled_interval(values, num_train=cell.num_train - size, num_test=size)
