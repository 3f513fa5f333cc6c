"""Families where training images are corrupted, beside the one that a study names first.

Of a study that corrupts images: how much a family errs at every share of them, on clean images and
where all of them are corrupted in the same way, and how much less, or more, than the reference;
under label noise as well. Tests are those of study.analysis.contrasts: of the risk on clean images
they are the very rows of the comparisons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from study.analysis.columns import ROBUSTNESS_COLUMNS
from study.analysis.completeness import shown_as
from study.analysis.contrasts import (
    Contrast,
    Meeting,
    correct,
    loss_terms,
    meetings_of,
    tested,
    worth_of,
)
from study.analysis.frames import Row, turned, typed_frame
from study.analysis.intervals import CONFIDENCE
from study.analysis.joined import Joined
from study.analysis.moments import Part, crossed_parts, half_widths
from study.analysis.rows import Rows
from study.analysis.table import Levels
from study.trials.schema import under
from study.trials.trial import CORRUPTIONS, OF_A_SAMPLE, Cell

RISK, CORRUPTED_RISK, RESTORED_MSE, ACCURACY = MEASURES = (
    *("risk", "corrupted_risk", "restored_mse", "knn_accuracy"),
)
"""What families are compared by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measured:
    """A measure, where a column of the trials table has it.

    Attributes:
        kind: of corruption that the evaluation images have; None: they are clean.
        has_terms: whether what each example adds to it is kept.
    """

    column: str
    kind: str | None
    has_terms: bool


def build_robustness(joined: Joined, levels: Levels, families: Sequence[str]) -> pd.DataFrame:
    """The table of all families, the reference too; columns as ROBUSTNESS_COLUMNS.

    Empty where the study corrupts no images, or nobody knows which family it names first.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
        families: in the order in which the study names them.
    """
    rows: list[Row] = []
    damages = [name for name in levels if name in OF_A_SAMPLE]
    if any(name in CORRUPTIONS for name in damages):
        meetings = meetings_of(joined)
        for task in sorted(set(joined.tasks.values()), key=str):
            reference = next((name for name in families if joined.tasks.get(name) == task), None)
            held = [meeting for meeting in meetings if meeting.task == task]
            for measure in MEASURES if reference is not None else ():
                known = _measured(measure, damages)
                apart = _differences(joined, held, known, reference or "")
                named = {"task": task, "reference": reference, "measure": measure}
                rows += [named | row for row in _rows(joined, task, known, apart, levels)]
    return typed_frame(rows, ROBUSTNESS_COLUMNS)


def _measured(measure: str, damages: Sequence[str]) -> list[_Measured]:
    if measure in (RISK, ACCURACY):
        return [_Measured(column=measure, kind=None, has_terms=measure == RISK)]
    is_risk = measure == CORRUPTED_RISK
    return [
        _Measured(column=under(kind, "risk" if is_risk else measure), kind=kind, has_terms=is_risk)
        for kind in damages
    ]


def _differences(
    joined: Joined, meetings: Sequence[Meeting], known: Sequence[_Measured], reference: str
) -> dict[tuple[Cell, str], Row]:
    """Every other family less the reference, by its cell and column.

    All families' differences are tested: variances are shrunk over all of them. P-values are
    corrected for those that are returned.
    """
    contrasts = [
        Contrast(meeting=meeting, **asdict(one))
        for meeting in meetings
        for one in known
        if one.column in meeting.rows[0].names
    ]
    contrasts = [contrast for contrast in contrasts if contrast.seeds]
    found = {}
    for contrast, columns in zip(contrasts, tested(joined, contrasts), strict=True):
        names = (contrast.meeting.first, contrast.meeting.second)
        if reference in names:
            place = 1 if names[0] == reference else 0
            cell = replace(contrast.meeting.cell, family=names[place])
            found[cell, contrast.column] = columns if place == 0 else turned(columns, "difference")
    correct(found.values())
    return found


def _rows(
    joined: Joined,
    task: str | None,
    known: Sequence[_Measured],
    apart: dict[tuple[Cell, str], Row],
    levels: Levels,
) -> Iterator[Row]:
    """A measure of every family of a task, wherever a cell of it is shown."""
    for cell in sorted(joined.current["measure"]):
        if joined.tasks[cell.family] != task:
            continue
        for one in known:
            held = joined.measured(cell).known(one.column)
            if not len(held):
                continue
            row = asdict(cell) | _value(joined, held, one) | apart.get((cell, one.column), {})
            for shown in shown_as(cell, levels):
                if shown["distortion"] in OF_A_SAMPLE and one.kind in (None, shown["distortion"]):
                    yield row | shown


def _value(joined: Joined, rows: Rows, one: _Measured) -> Row:
    """The mean over a cell's seeds, with its interval where two or more and all terms are known."""
    values = rows.numbers(one.column)
    found = {"num_seeds": len(rows), "value": float(values.mean())}
    if len(rows) < 2:
        return found
    parts: list[Part] | None = None
    if rows[0]["is_resplit"] or not one.has_terms:
        worth = worth_of(len(rows), rows[0] if rows[0]["is_resplit"] else None)
        variance = np.array([[values.var(ddof=1) / worth]])
        parts = [Part(covariance=variance, degrees_of_freedom=len(rows) - 1)]
    elif (terms := loss_terms(joined, rows, one.kind)) is not None:
        parts = crossed_parts([terms[None]])
    if parts is not None:
        half = float(half_widths(parts, np.eye(1), CONFIDENCE)[0])
        found |= {"value_lo": found["value"] - half, "value_hi": found["value"] + half}
    return found
