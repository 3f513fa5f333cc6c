"""Families against the one that a study names first, where training images are corrupted.

Of a study that corrupts images: how much less, or more, a family errs at every share of them, on
clean images and where all of them are corrupted in the same way; under label noise as well. Tests
are those of study.analysis.comparisons: of the risk on clean images they are its very rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from study.analysis.columns import ROBUSTNESS_COLUMNS
from study.analysis.completeness import shown_as
from study.analysis.contrasts import Contrast, Meeting, meetings_of, tested
from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.analysis.table import Levels
from study.trials.schema import under
from study.trials.trial import CORRUPTIONS, OF_A_SAMPLE

RISK, CORRUPTED_RISK, RESTORED_MSE, ACCURACY = MEASURES = (
    *("risk", "corrupted_risk", "restored_mse", "knn_accuracy"),
)
"""What families are compared by."""


def build_robustness(joined: Joined, levels: Levels, families: Sequence[str]) -> pd.DataFrame:
    """The table against the reference; columns as ROBUSTNESS_COLUMNS.

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
        for task in sorted({meeting.task for meeting in meetings}, key=str):
            reference = next((name for name in families if joined.tasks.get(name) == task), None)
            held = [meeting for meeting in meetings if meeting.task == task]
            for measure in MEASURES if reference is not None else ():
                contrasts = [one for one in _contrasts(measure, held, damages) if one.seeds]
                for contrast, found in zip(contrasts, tested(joined, contrasts), strict=True):
                    rows += _rows(contrast, found, reference or "", measure, levels)
    return typed_frame(rows, ROBUSTNESS_COLUMNS)


def _contrasts(
    measure: str, meetings: Sequence[Meeting], damages: Sequence[str]
) -> Iterator[Contrast]:
    """Each once, whatever it is shown under: their variances are shrunk over all of them."""
    for meeting in meetings:
        if measure in (RISK, ACCURACY):
            yield Contrast(meeting=meeting, column=measure, has_terms=measure == RISK)
            continue
        is_risk = measure == CORRUPTED_RISK
        for kind in damages:
            column = under(kind, "risk" if is_risk else measure)
            if all(column in row for pair in meeting.rows.values() for row in pair):
                yield Contrast(meeting=meeting, column=column, kind=kind, has_terms=is_risk)


def _rows(
    contrast: Contrast, found: Row, reference: str, measure: str, levels: Levels
) -> Iterator[Row]:
    """A contrast as the table has it: of the other family less the reference, where it is shown."""
    names = (contrast.meeting.first, contrast.meeting.second)
    if reference not in names:
        return
    place = 1 if names[0] == reference else 0
    values = [contrast.meeting.rows[seed][place][contrast.column] for seed in contrast.seeds]
    row = {
        **asdict(contrast.meeting.cell),
        "family": names[place],
        "task": contrast.meeting.task,
        "reference": reference,
        "measure": measure,
        "value": float(np.mean(values)),
        **(found if place == 0 else _turned(found)),
    }
    for shown in shown_as(contrast.meeting.cell, levels):
        if shown["distortion"] in OF_A_SAMPLE and contrast.kind in (None, shown["distortion"]):
            yield {**row, **shown}


def _turned(found: Row) -> Row:
    """The same, of the second minus the first."""
    turned: Row = {**found, "difference": -found["difference"]}
    if "difference_lo" in found:
        turned |= {"difference_lo": -found["difference_hi"]}
        turned |= {"difference_hi": -found["difference_lo"]}
    return turned
