"""How far a study is, as numbers: what is planned and finished, how fast, what failed and why."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.planning.forecast import Forecast
from study.planning.plan import enumerate_cells, is_complete, seeds_by_cell
from study.planning.stretch import Stretch, last_stretch, spans_of
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.schema import STATUSES
from study.trials.trial import Cell, cell_of

RUNNING, IDLE, FINISHED = "running", "idle", "finished"
LEAST = ("validation_risk", "excess_risk")
"""Of a cell's finished trials the smallest is told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellStanding:
    """How far a cell's own trials are.

    Attributes:
        least: the smallest value so far of each of LEAST; None where none is known.
        task: of its finished trials; None: none has finished, or they do not say.
    """

    cell: Cell
    planned: int
    finished: int
    least: Mapping[str, float | None]
    task: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far a study is.

    Attributes:
        planned: trials by role.
        counts: finished trials by role and status.
        is_stuck: trials are left that cannot start, since all proposals of a search failed.
        began: when the driver at work did, in seconds since 1970; None: nobody is at work.
        last: when the last trial finished; None: none has, or nobody noted it.
        stretch: the latest work without a pause; None as for `last`.
        is_new: the driver at work has not finished a trial yet.
        seconds_left: None where nobody can say; 0 where nothing is left.
        failures: failed trials by their message, the most frequent first.
        cells: those that trials are planned in or were, in the order of the plan.
    """

    state: str
    planned: Mapping[str, int]
    counts: Mapping[tuple[str, str], int]
    is_stuck: bool
    began: float | None
    last: float | None
    stretch: Stretch | None
    is_new: bool
    seconds_left: float | None
    failures: Mapping[str, Sequence[Record]]
    cells: Sequence[CellStanding]

    def finished(self, role: str) -> int:
        """A role's finished trials."""
        return sum(self.counts.get((role, status), 0) for status in STATUSES)


def standing_of(
    spec: StudySpec, records: Sequence[Record], began: float | None, now: float
) -> Standing:
    """How far a study is.

    Args:
        spec: what is asked.
        records: what is finished.
        began: when the driver that holds the ledger did, in seconds since 1970; None: none does.
        now: seconds since 1970.
    """
    outlook = Forecast(spec).look(records, None, None if began is None else now)
    counts = Counter((record["role"], record["status"]) for record in records)
    done = Counter(record["role"] for record in records)
    is_over = began is None and is_complete(spec, records)
    spans = spans_of(records)
    last = spans[-1].finished if spans else None
    is_new = began is not None and (last or 0.0) < began  # the pause before its trials is no work
    return Standing(
        state=RUNNING if began is not None else FINISHED if is_over else IDLE,
        planned=outlook.totals,
        counts=counts,
        is_stuck=is_over and any(done[role] < total for role, total in outlook.totals.items()),
        began=began,
        last=last,
        stretch=last_stretch(spans, None if began is None or is_new else now),
        is_new=is_new,
        seconds_left=0.0 if is_over else outlook.seconds_left,
        failures=_failures(records),
        cells=_cells(spec, records),
    )


def as_json(
    name: str, standing: Standing, num_finished: int, warnings: Sequence[str]
) -> dict[str, Any]:
    """The same for a program; docs/operations.md has the keys. What is unknown is null."""
    stretch = standing.stretch
    pace = None if stretch is None else 60 * stretch.num_trials / stretch.seconds
    roles = {
        role: {
            "planned": standing.planned.get(role, 0),
            **{status: standing.counts.get((role, status), 0) for status in STATUSES},
        }
        for role in ROLES
        if standing.planned.get(role) or standing.finished(role)
    }
    return {
        "name": name,
        "state": standing.state,
        "is_stuck": standing.is_stuck,
        "num_finished": num_finished,
        "num_planned": sum(standing.planned.values()),
        "began": standing.began,
        "last_finished": standing.last,
        "worked_s": None if stretch is None else stretch.seconds,
        "trials_per_minute": None if standing.is_new else pace,
        "seconds_left": standing.seconds_left,
        "roles": roles,
        "failures": [
            {"message": message, "trials": [record["trial_id"] for record in failed]}
            for message, failed in standing.failures.items()
        ],
        "cells": [
            {
                **held.cell.known,
                "task": held.task,
                "planned": held.planned,
                "finished": held.finished,
                **{f"least_{measure}": value for measure, value in held.least.items()},
            }
            for held in standing.cells
        ],
        "warnings": list(warnings),
    }


def _failures(records: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["status"] == "failed":
            found[str(record.get("error") or "no message")].append(record)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _cells(spec: StudySpec, records: Sequence[Record]) -> list[CellStanding]:
    by_cell: dict[Cell, list[Record]] = defaultdict(list)
    for record in records:
        if ROLES[record["role"]].is_in_grid:
            by_cell[cell_of(record)].append(record)
    cells = list(dict.fromkeys([*enumerate_cells(spec), *by_cell]))
    planned = _num_planned(spec, records, cells)
    return [
        CellStanding(
            cell=cell,
            planned=planned[cell],
            finished=len(by_cell.get(cell, ())),
            least={name: _least(by_cell.get(cell, ()), name) for name in LEAST},
            task=next((record.get("task") for record in by_cell.get(cell, ())), None),
        )
        for cell in cells
    ]


def _num_planned(
    spec: StudySpec, records: Sequence[Record], cells: Sequence[Cell]
) -> dict[Cell, int]:
    """Trials of each cell; a family in which everything is fixed has no search."""
    searched = {cell: bool(spec.space_at(cell).space) for cell in enumerate_cells(spec)}
    grid = [role for role in ROLES.values() if role.is_in_grid]
    seeds = seeds_by_cell(spec, records) if spec.precision is not None else {}
    return {
        cell: sum(
            seeds.get(cell, len(role.seeds(spec))) if role.is_measured else len(role.seeds(spec))
            for role in grid
            if searched.get(cell, True) or not role.is_searched
        )
        for cell in cells
    }


def _least(records: Sequence[Record], name: str) -> float | None:
    known = [r["metrics"][name] for r in records if r["metrics"].get(name) is not None]
    return min(known) if known else None
