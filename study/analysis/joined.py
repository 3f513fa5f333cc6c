"""The trials as every table asks for them: turned into rows, grouped and matched once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pandas as pd

from study.analysis.estimates import seed_errors
from study.analysis.frames import Row, to_rows, typed_frame
from study.trials.roles import ROLES, Role, Scope
from study.trials.schema import BEST_IN_CLASS_COLUMNS, SEED_ERROR_COLUMNS, Column
from study.trials.selection import best_row
from study.trials.trial import Cell, cell_of, law_of

CONFIGURATION = ("source", "budget_epochs", "max_epochs")
"""With the hyperparameters: what trials of one mean have in common besides their cell."""

ByCell = Mapping[Cell, list[Row]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """A study's trials, joined. A cell at any sample size is the cell with `num_train` 0.

    Attributes:
        rows: every row, by role and cell.
        current: those of their cell's current configuration, by role and cell; of the roles in
            which a cell has one.
        tasks: by family.
        hyperparameters: the hp_ columns.
        streams: rows of the table of U, by law and m.
        best: U of a law, which is the one at the largest m: a row of `streams`.
        resubstituted: L by law and sample size, then by seed.
        errors: errors of every measured seed that is done, by cell.
    """

    rows: Mapping[str, ByCell]
    current: Mapping[str, ByCell]
    tasks: Mapping[str, str | None]
    hyperparameters: Sequence[Column]
    streams: Sequence[Row]
    best: Mapping[Cell, Row]
    resubstituted: Mapping[Cell, Mapping[int, float]]
    errors: ByCell

    @property
    def grid_cells(self) -> list[Cell]:
        """The cells that the study's grid is read from."""
        return [cell for name, held in self.rows.items() if ROLES[name].is_in_grid for cell in held]

    @property
    def num_superseded(self) -> int:
        """Trials of a configuration that is no longer their cell's."""
        return sum(
            len(rows) - len(cells[cell])
            for name, cells in self.current.items()
            for cell, rows in self.rows[name].items()
        )

    def best_of(self, cell: Cell) -> Row:
        """U of the cell's law; empty where there is none."""
        return self.best.get(replace(law_of(cell), num_train=0), {})

    def lower_of(self, cell: Cell) -> Mapping[int, float]:
        """L of the cell's law by seed; empty where there is none."""
        return self.resubstituted.get(law_of(cell), {})


def join(trials: pd.DataFrame) -> Joined:
    """Join a trials table."""
    rows: dict[str, dict[Cell, list[Row]]] = {name: {} for name in ROLES}
    tasks: dict[str, str | None] = {}
    for row in to_rows(trials):
        rows[row["role"]].setdefault(cell_of(row), []).append(row)
        tasks[row["family"]] = tasks.get(row["family"]) or row["task"]
    hyperparameters = [
        Column(name, str(trials[name].dtype), "", f"hyperparameter {name.removeprefix('hp_')}")
        for name in map(str, trials.columns)
        if name.startswith("hp_")
    ]
    compared = (*CONFIGURATION, *(column.name for column in hyperparameters))
    current = {
        name: {cell: _current(held, compared) for cell, held in rows[name].items()}
        for name, role in ROLES.items()
        if _has_one_configuration(role)
    }
    streams = _streams(rows["best_in_class"])
    # in order of m: the largest stays
    best = {cell_of({**row, "num_train": 0}): row for row in streams}
    return Joined(
        rows=rows,
        current=current,
        tasks=tasks,
        hyperparameters=hyperparameters,
        streams=streams,
        best=best,
        resubstituted=_resubstituted(current["resubstitution"]),
        errors=_errors(current["measure"], best),
    )


def trial_errors(joined: Joined) -> pd.DataFrame:
    """The errors of every measured seed; columns as SEED_ERROR_COLUMNS."""
    return typed_frame((row for rows in joined.errors.values() for row in rows), SEED_ERROR_COLUMNS)


def build_best_in_class(joined: Joined) -> pd.DataFrame:
    """The table of U at every m, so that a reader sees whether it settled."""
    return typed_frame(joined.streams, BEST_IN_CLASS_COLUMNS)


def _has_one_configuration(role: Role) -> bool:
    """Proposals differ by intent; of restarts the best counts, whatever it was trained with."""
    return not role.is_searched and role.scope is not Scope.LAW


def _current(rows: Sequence[Row], compared: Sequence[str]) -> list[Row]:
    """The rows of a cell's current configuration: the one that finished a trial last.

    A study that is extended by more search may find another winner and measure again; its ledger
    keeps the old rows. A mean over two configurations means nothing.
    """
    last = max(rows, key=lambda row: (row["finished_at"] or "", row["trial_id"]))
    return [row for row in rows if all(row[name] == last[name] for name in compared)]


def _done(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "done" and row["risk"] is not None]


def _streams(restarts: ByCell) -> list[Row]:
    """The best restart of every law at every m, in order."""
    groups: dict[Cell, list[Row]] = defaultdict(list)
    for cell, rows in restarts.items():
        groups[law_of(cell)] += rows
    kept = ("risk_se", "excess_risk", "excess_risk_se", "validation_risk", "trial_id")
    streams = []
    for law in sorted(groups):
        best = best_row(groups[law])
        if best is not None:
            streams.append(
                asdict(law)
                | {name: best[name] for name in kept}
                | {
                    "num_stream": law.num_train,
                    "best_in_class_risk": best["risk"],
                    "restarts": sum(row["status"] == "done" for row in groups[law]),
                }
            )
    return streams


def _resubstituted(current: ByCell) -> dict[Cell, dict[int, float]]:
    found: dict[Cell, dict[int, float]] = defaultdict(dict)
    for cell, rows in current.items():
        for row in _done(rows):
            found[law_of(cell)][row["seed"]] = row["risk"]
    return dict(found)


def _errors(current: ByCell, best: Mapping[Cell, Row]) -> dict[Cell, list[Row]]:
    found = {}
    for cell, rows in current.items():
        upper = best.get(replace(law_of(cell), num_train=0), {})
        errors = [seed_errors(row, upper) for row in _done(rows)]
        if errors:
            found[cell] = errors
    return found
