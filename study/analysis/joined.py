"""The trials as every table asks for them: turned into rows, grouped and matched once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from study.analysis.candidates import (
    ByCell,
    Rule,
    any_size,
    best_restarts,
    best_rules,
    done,
    largest_limits,
    last_finished,
    slacks,
    stream_rows,
)
from study.analysis.columns import BEST_IN_CLASS_COLUMNS, SEED_ERROR_COLUMNS
from study.analysis.decisions import Decisions
from study.analysis.estimates import seed_errors
from study.analysis.frames import Row, to_rows, typed_frame
from study.trials.roles import RETIRED, ROLES, Role, Scope
from study.trials.schema import Column
from study.trials.seeds import decode_search_seed
from study.trials.tasks import task_of
from study.trials.trial import Cell, cell_of, law_of

CONFIGURATION = ("source", "budget_epochs", "max_epochs", "budget_steps", "max_steps", "until")
"""With the hyperparameters: what trials of one mean have in common besides their cell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """A study's trials, joined. A cell at any sample size is the cell with `num_train` 0.

    Attributes:
        rows: every row, by role and cell; rows of retired roles are left out.
        current: those of their cell's current configuration, by role and cell; of the roles in
            which a cell has one.
        repeats: how many independent searches a cell has.
        tasks: by family.
        hyperparameters: the hp_ columns.
        streams: rows of the table of U_H and U_A at every m.
        best: U_H by law, at any sample size.
        restarts: the best restart of `best_in_class`, by law, then by m.
        limits: the restarts of U_A at the largest m, by cell at any sample size.
        slacks: what the search for U_H leaves on a teacher, by law.
        errors: errors of every measured seed that is done, in order of seed, by cell.
        decisions: of the study; None where there is a table alone.
        first_stage: the number of seeds that a cell starts with, where it is measured until its
            interval is short enough; None where every cell has as many seeds.
    """

    rows: Mapping[str, ByCell]
    current: Mapping[str, ByCell]
    repeats: int
    tasks: Mapping[str, str | None]
    hyperparameters: Sequence[Column]
    streams: Sequence[Row]
    best: Mapping[Cell, Rule]
    restarts: Mapping[Cell, Mapping[int, Rule]]
    limits: ByCell
    slacks: Mapping[Cell, float]
    errors: ByCell
    decisions: Decisions | None = None
    first_stage: int | None = None

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

    def rule_of(self, cell: Cell) -> Rule | None:
        """U_H of the cell's law; None where there is none."""
        return self.best.get(any_size(law_of(cell)))

    def best_of(self, cell: Cell) -> Row:
        """U_H of the cell's law as columns of the landscape; empty where there is none."""
        rule = self.rule_of(cell)
        if rule is None:
            return {}
        return {
            "best_in_class_risk": rule.risk,
            "best_in_class_role": rule.role,
            "best_in_class_num_stream": rule.num_stream,
            "excess_risk": rule.excess_risk,
            "excess_risk_se": rule.excess_risk_se,
        }

    def limit_of(self, cell: Cell) -> Sequence[Row]:
        """The restarts of U_A of the cell's family, law and label noise; empty where none is."""
        return self.limits.get(any_size(cell), ())

    def measured(self, cell: Cell) -> list[Row]:
        """The cell's finished measuring trials, in order of seed."""
        return sorted(done(self.current["measure"].get(cell, ())), key=lambda row: row["seed"])

    def is_real(self, population: str) -> bool:
        """Whether R* is known to none of the population's trials of tasks that know it on laws."""
        rows = [row for held in self.current["measure"].values() for row in done(held)]
        told = [
            row["bayes_risk"]
            for row in rows
            if row["population"] == population and task_of(row["task"]).seeks_best_rule
        ]
        return bool(told) and all(value is None for value in told)


def join(
    trials: pd.DataFrame, decisions: Decisions | None = None, *, first_stage: int | None = None
) -> Joined:
    """Join a trials table, and the study's decisions where they are at hand; see `Joined`."""
    rows: dict[str, dict[Cell, list[Row]]] = {name: {} for name in ROLES}
    tasks: dict[str, str | None] = {}
    for row in to_rows(trials):
        if row["role"] not in RETIRED:
            rows[row["role"]].setdefault(cell_of(row), []).append(row)
            tasks[row["family"]] = tasks.get(row["family"]) or row["task"]
    hyperparameters = [
        Column(name, str(trials[name].dtype), "", f"hyperparameter {name.removeprefix('hp_')}")
        for name in map(str, trials.columns)
        if name.startswith("hp_")
    ]
    compared = (*CONFIGURATION, *(column.name for column in hyperparameters))
    repeats = _num_repeats(rows["search"])
    current = {
        name: {
            cell: _current(held, compared, 1 if role.takes_first_winner else repeats)
            for cell, held in rows[name].items()
        }
        for name, role in ROLES.items()
        if _has_one_configuration(role)
    }
    best = best_rules(rows)
    limits = largest_limits(current["limit"])
    restarts = best_restarts(rows["best_in_class"])
    by_stream: dict[Cell, dict[int, Rule]] = defaultdict(dict)
    for stream, (rule, _) in restarts.items():
        by_stream[any_size(stream)][stream.num_train] = rule
    return Joined(
        rows=rows,
        current=current,
        repeats=repeats,
        tasks=tasks,
        hyperparameters=hyperparameters,
        streams=stream_rows(restarts, current["limit"]),
        best=best,
        restarts=by_stream,
        limits=limits,
        slacks=slacks(rows["slack"], best),
        errors=_errors(current["measure"], best, limits),
        decisions=decisions,
        first_stage=first_stage,
    )


def trial_errors(joined: Joined) -> pd.DataFrame:
    """The errors of every measured seed; columns as SEED_ERROR_COLUMNS."""
    return typed_frame((row for rows in joined.errors.values() for row in rows), SEED_ERROR_COLUMNS)


def build_best_in_class(joined: Joined) -> pd.DataFrame:
    """The table of U_H and U_A at every m, so that a reader sees whether they settled."""
    rows = [{**row, "task": joined.tasks[row["family"]]} for row in joined.streams]
    return typed_frame(rows, BEST_IN_CLASS_COLUMNS)


def _has_one_configuration(role: Role) -> bool:
    """Proposals differ by intent; of restarts the best counts, whatever it was trained with."""
    return not role.is_searched and role.scope is not Scope.LAW


def _current(rows: Sequence[Row], compared: Sequence[str], repeats: int) -> list[Row]:
    """The rows of a cell's current configuration: the one that finished a trial last.

    A study that is extended by more search may find another winner and measure again; its ledger
    keeps the old rows. A mean over two configurations means nothing, unless several independent
    searches are to be averaged over: then seed s has the configuration of search s mod repeats.
    """
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["seed"] % repeats].append(row)
    last = {group: last_finished(held) for group, held in groups.items()}
    return [
        row
        for row in rows
        if all(row[name] == last[row["seed"] % repeats][name] for name in compared)
    ]


def _num_repeats(searched: ByCell) -> int:
    """How many independent searches a cell has."""
    seeds = (row["seed"] for rows in searched.values() for row in rows)
    return 1 + max((decode_search_seed(seed)[0] for seed in seeds), default=0)


def _errors(current: ByCell, best: Mapping[Cell, Rule], limits: ByCell) -> dict[Cell, list[Row]]:
    found = {}
    for cell, rows in current.items():
        rule, restarts = best.get(any_size(law_of(cell))), limits.get(any_size(cell), ())
        errors = [seed_errors(row, rule, restarts) for row in done(rows)]
        if errors:
            found[cell] = sorted(errors, key=lambda row: row["seed"])
    return found
