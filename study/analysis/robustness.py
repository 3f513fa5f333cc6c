"""Families against the one that a study names first, where training images are corrupted.

Of a study that corrupts images: how much less, or more, a family errs at every share of them, on
clean images and where all of them are corrupted in the same way; under label noise as well. Tests
are those of study.analysis.comparisons: of the risk on clean images they are its very rows.
Where every seed divides the set anew the seeds count for as many as Nadeau and Bengio (2003) say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import ROBUSTNESS_COLUMNS
from study.analysis.comparisons import Meeting, difference_terms, meetings_of, moderated_tests
from study.analysis.completeness import shown_as
from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.analysis.moments import Part, crossed_parts
from study.analysis.resampling import resampled_factor
from study.analysis.table import Levels
from study.trials.schema import under
from study.trials.trial import CORRUPTIONS, OF_A_SAMPLE

RISK, CORRUPTED_RISK, RESTORED_MSE, ACCURACY = MEASURES = (
    *("risk", "corrupted_risk", "restored_mse", "knn_accuracy"),
)
"""What families are compared by."""
NO_EXAMPLES = Part(covariance=np.zeros((1, 1)), degrees_of_freedom=np.inf)
"""Of a variance to which examples add nothing, or nobody kept what each of them adds."""

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Test:
    """Two families in one cell by one measure.

    Attributes:
        column: of the trials table.
        kind: of corruption that the evaluation images have; None: they are clean.
    """

    meeting: Meeting
    column: str
    kind: str | None

    @property
    def seeds(self) -> list[int]:
        """Those whose two trials both know the measure."""
        pairs = self.meeting.rows.items()
        return sorted(s for s, pair in pairs if all(row[self.column] is not None for row in pair))

    def noise(self, joined: Joined) -> Part | None:
        """The examples' part of the variance; None: it is unknown, and the interval with it."""
        has_terms = self.column == RISK or (self.kind and self.column == under(self.kind))
        if self.is_resplit or not has_terms:
            return NO_EXAMPLES
        terms = difference_terms(joined, self.meeting, self.seeds, self.kind)
        parts = None if terms is None else crossed_parts([terms[None]])
        return None if parts is None else parts[1]

    @property
    def is_resplit(self) -> bool:
        return bool(self._first["is_resplit"])

    @property
    def worth(self) -> float:
        """How many independent values the seeds are worth."""
        num, row = len(self.seeds), self._first
        if not self.is_resplit:
            return num
        sizes = {"num_train": row["num_available"], "num_test": row["num_test"]}
        return 1 / resampled_factor(num, **sizes)

    @property
    def _first(self) -> Row:
        return self.meeting.rows[self.seeds[0]][0]


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
                tests = [test for test in _tests(measure, held, damages) if test.seeds]
                for test, found in zip(tests, _results(joined, tests), strict=True):
                    rows += _rows(test, found, reference or "", measure, levels)
    return typed_frame(rows, ROBUSTNESS_COLUMNS)


def _tests(measure: str, meetings: Sequence[Meeting], damages: Sequence[str]) -> Iterator[_Test]:
    """Each once, whatever it is shown under: their variances are shrunk over all of them."""
    for meeting in meetings:
        if measure in (RISK, ACCURACY):
            yield _Test(meeting=meeting, column=measure, kind=None)
            continue
        name = "risk" if measure == CORRUPTED_RISK else measure
        for kind in damages:
            column = under(kind, name)
            if all(column in row for pair in meeting.rows.values() for row in pair):
                yield _Test(meeting=meeting, column=column, kind=kind)


def _results(joined: Joined, tests: Sequence[_Test]) -> list[Row]:
    """Differences, first minus second, with intervals where there are two seeds and all terms."""
    found: list[Row] = []
    for test in tests:
        differences = test.meeting.differences(test.seeds, test.column)
        found.append({"difference": float(differences.mean()), "num_pairs": len(differences)})
    noises = [test.noise(joined) for test in tests]
    held = [
        (row, test, noise)
        for row, test, noise in zip(found, tests, noises, strict=True)
        if noise is not None and row["num_pairs"] > 1
    ]
    if held:
        columns = moderated_tests(
            [test.meeting.differences(test.seeds, test.column) for _, test, _ in held],
            [noise for _, _, noise in held],
            np.array([test.meeting.cell.num_train for _, test, _ in held], dtype=np.float64),
            [test.worth for _, test, _ in held],
        )
        for (row, _, _), more in zip(held, columns, strict=True):
            row |= {name: more[name] for name in ("difference_lo", "difference_hi")}
    return found


def _rows(test: _Test, found: Row, reference: str, measure: str, levels: Levels) -> Iterator[Row]:
    """A test as the table has it: of the other family less the reference, where it is shown."""
    names = (test.meeting.first, test.meeting.second)
    if reference not in names:
        return
    place = 1 if names[0] == reference else 0
    values = [test.meeting.rows[seed][place][test.column] for seed in test.seeds]
    row = {
        **asdict(test.meeting.cell),
        "family": names[place],
        "task": test.meeting.task,
        "reference": reference,
        "measure": measure,
        "value": float(np.mean(values)),
        **(found if place == 0 else _turned(found)),
    }
    for shown in shown_as(test.meeting.cell, levels):
        if shown["distortion"] in OF_A_SAMPLE and test.kind in (None, shown["distortion"]):
            yield {**row, **shown}


def _turned(found: Row) -> Row:
    """The same, of the second minus the first."""
    turned: Row = {**found, "difference": -found["difference"]}
    if "difference_lo" in found:
        turned |= {"difference_lo": -found["difference_hi"]}
        turned |= {"difference_hi": -found["difference_lo"]}
    return turned
