"""The trials as every table asks for them: turned into rows, grouped and matched once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.candidates import (
    Rule,
    any_size,
    best_restarts,
    best_rules,
    done,
    in_order_of_seed,
    largest_limits,
    slacks,
    stream_rows,
)
from study.analysis.columns import BEST_IN_CLASS_COLUMNS, SEED_ERROR_COLUMNS
from study.analysis.decisions import Decisions
from study.analysis.estimates import seed_errors
from study.analysis.frames import Row, typed_frame
from study.analysis.grouping import ByCell, by_role_and_cell, groups
from study.analysis.grouping import current as current_of
from study.analysis.rows import Array, Rows, Table
from study.trials.roles import ROLES, Role, Scope
from study.trials.schema import PREFIX, Column
from study.trials.seeds import decode_search_seed
from study.trials.tasks import task_of
from study.trials.trial import Cell, law_of

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
        finished: the finished measuring trials, in order of seed, by cell.
        errors: their errors, in the same order, of the cells that have any; with the columns of
            SEED_ERROR_COLUMNS in place of the trials'.
        real: populations of whose trials, of tasks that know R* on laws, none knows it.
        decisions: of the study; None where there is a table alone.
        are_kept: (rows of the table,) whether there is a file of what the trial decided.
        none: no rows, of the same columns.
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
    finished: ByCell
    errors: ByCell
    real: Collection[str]
    decisions: Decisions | None = None
    first_stage: int | None = None
    are_kept: Array
    none: Rows

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

    def limit_of(self, cell: Cell) -> Rows:
        """The restarts of U_A of the cell's family, law and label noise; empty where none is."""
        return self.limits.get(any_size(cell), self.none)

    def measured(self, cell: Cell) -> Rows:
        """The cell's finished measuring trials, in order of seed."""
        return self.finished.get(cell, self.none)

    def deciding(self, rows: Rows) -> Rows:
        """Those with a file of decisions, which need not be usable."""
        is_kept = self.are_kept[rows.places]
        return rows if is_kept.all() else rows.at(is_kept)

    def is_real(self, population: str) -> bool:
        """Whether R* is known to none of the population's trials of tasks that know it on laws."""
        return population in self.real


def join(
    trials: pd.DataFrame, decisions: Decisions | None = None, *, first_stage: int | None = None
) -> Joined:
    """Join a trials table, and the study's decisions where they are at hand; see `Joined`."""
    table = Table(trials)
    rows = by_role_and_cell(table)
    hyperparameters = [
        Column(name, str(trials[name].dtype), "", f"hyperparameter {name.removeprefix('hp_')}")
        for name in map(str, trials.columns)
        if name.startswith(PREFIX)
    ]
    compared = (*CONFIGURATION, *(column.name for column in hyperparameters))
    repeats = _num_repeats(rows["search"])
    current = {
        name: current_of(rows[name], compared, 1 if role.takes_first_winner else repeats)
        for name, role in ROLES.items()
        if _has_one_configuration(role)
    }
    best = best_rules(rows)
    limits = largest_limits(current["limit"])
    restarts = best_restarts(rows["best_in_class"])
    by_stream: dict[Cell, dict[int, Rule]] = defaultdict(dict)
    for stream, (rule, _) in restarts.items():
        by_stream[any_size(stream)][stream.num_train] = rule
    finished = {cell: in_order_of_seed(done(held)) for cell, held in current["measure"].items()}
    none = Rows(table, np.zeros(0, dtype=np.int64))
    return Joined(
        rows=rows,
        current=current,
        repeats=repeats,
        tasks=_tasks(table, rows),
        hyperparameters=hyperparameters,
        streams=stream_rows(restarts, current["limit"]),
        best=best,
        restarts=by_stream,
        limits=limits,
        slacks=slacks(rows["slack"], best),
        finished=finished,
        errors={
            cell: seed_errors(
                held, best.get(any_size(law_of(cell))), limits.get(any_size(cell), none)
            )
            for cell, held in finished.items()
            if len(held)
        },
        real=_real(finished),
        are_kept=_are_kept(table, decisions),
        none=none,
        decisions=decisions,
        first_stage=first_stage,
    )


def trial_errors(joined: Joined) -> pd.DataFrame:
    """The errors of every measured seed; columns as SEED_ERROR_COLUMNS."""
    names = [column.name for column in SEED_ERROR_COLUMNS]
    held = {
        name: [v for rows in joined.errors.values() for v in rows.values(name)] for name in names
    }
    rows = (dict(zip(names, row, strict=True)) for row in zip(*held.values(), strict=True))
    return typed_frame(rows, SEED_ERROR_COLUMNS)


def build_best_in_class(joined: Joined) -> pd.DataFrame:
    """The table of U_H and U_A at every m, so that a reader sees whether they settled."""
    rows = [{**row, "task": joined.tasks[row["family"]]} for row in joined.streams]
    return typed_frame(rows, BEST_IN_CLASS_COLUMNS)


def _has_one_configuration(role: Role) -> bool:
    """Proposals differ by intent; of restarts the best counts, whatever it was trained with."""
    return not role.is_searched and role.scope is not Scope.LAW


def _tasks(table: Table, rows: Mapping[str, ByCell]) -> dict[str, str | None]:
    """The task of every family: the first that a row says, in the table's order."""
    held = [held.places for cells in rows.values() for held in cells.values()]
    places = np.sort(np.concatenate(held)) if held else np.zeros(0, dtype=np.int64)
    families, tasks = table["family"].data[places], table["task"]
    found = {}
    for own in groups(families):
        said = own if tasks.is_null is None else own[~tasks.is_null[places[own]]]
        family = table["family"][places[own[0]]]
        found[family] = tasks[places[said[0]]] if len(said) else None
    return found


def _are_kept(table: Table, decisions: Decisions | None) -> Array:
    ids = table["trial_id"]
    if decisions is None:
        return np.zeros(len(table), dtype=bool)
    kept: Array = decisions.are_kept(ids.texts or ())[ids.data]
    return kept


def _num_repeats(searched: ByCell) -> int:
    """How many independent searches a cell has."""
    seeds = (int(rows.numbers("seed").max()) for rows in searched.values())
    return 1 + max((decode_search_seed(seed)[0] for seed in seeds), default=0)


def _real(finished: ByCell) -> set[str]:
    """The populations of which rows tell R*, and every one that it is unknown."""
    told: dict[str, bool] = {}
    for cell, rows in finished.items():
        known = [task_of(task).seeks_best_rule for task in rows.values("task")]
        if any(known):
            is_real = rows.at(np.array(known)).none_knows("bayes_risk")
            told[cell.population] = told.get(cell.population, True) and is_real
    return {population for population, is_real in told.items() if is_real}
