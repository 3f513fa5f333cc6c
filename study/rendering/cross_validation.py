"""What k-fold cross-validation says of the winners, in words: a line for each cell."""

import pandas as pd

from study.analysis.frames import Row, to_rows
from study.rendering.units import UNKNOWN, Unit
from study.rendering.words import damage_words, network_words, split_by_task, told


def cross_validation_lines(table: pd.DataFrame) -> list[str]:
    """Return a line for each cell: the folds' mean risk, and what it is wrong by."""
    return [
        f"{task.title}{_line(row, task.unit)}"
        for task in split_by_task(to_rows(table))
        for row in task.rows
    ]


def _line(row: Row, unit: Unit) -> str:
    where = f"{row['population']} · {damage_words(row)}, n = {row['num_train']}"
    shown = _number(row, "cross_validation_risk", unit)
    text = f"{network_words(row)} on {where}: {row['num_folds']} folds {shown} {unit.sign}"
    if row["evaluation_risk"] is None:
        return f"{text}; the same rules’ risk on the evaluation sample is not known"
    off = _number(row, "error", unit)
    return f"{text}; on the evaluation sample {unit.show(row['evaluation_risk'])}: off by {off}"


def _number(row: Row, name: str, unit: Unit) -> str:
    return UNKNOWN if row[name] is None else told(row, name, unit)
