"""What a trial is for. A role is data: how many, in which cells, searched or not, in the grid?

    search          tries hyperparameters
    measure         the trial as budgeted, and trained on until it settles
    best_in_class   looks for the architecture's best rule, on a fresh stream
    limit           the family's own procedure on a fresh stream
    slack           the search of best_in_class where the answer is known: on a teacher of its kind
    ideal           the measured trial with data that never run out
    variance        measured trials whose seeds of data, initialisation and order are crossed
    fold            the winner on a sample without one part of it, scored on that part

docs/protocol.md says what each is needed for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from study.trials.seeds import encode_search_seed, encode_variance_seed

Asked = Any
"""A validated study file (study.request.spec.StudySpec), which this room may not import."""


class Scope(Enum):
    """What a role has one set of trials for."""

    CELL = auto()
    LEVEL = auto()  # across sample sizes; each trial has a stream's length instead
    LAW = auto()  # across damage to samples too, label noise or corruption: it is none of the law


NUM_REPORTS = 20
"""Passes that a budget in steps is cut into; in epochs there is one report after each.

Repeated from classcomp.training.phases, which this side of the wall may not import; a test holds
the two together.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How long a trial trains.

    Attributes:
        unit: "epochs" or "steps".
        to_budget: T, where R_n(T) is taken.
        at_most: where convergence is given up; `to_budget` where it is not asked for.
        until: "settled": a trial ends where it has settled; "end": it goes on to `at_most`.
    """

    unit: str
    to_budget: int
    at_most: int
    until: str = "settled"

    @property
    def num_reports(self) -> int:
        """How often a trial of what is trained reports until its budget is used up."""
        if self.unit == "epochs":
            return self.to_budget
        steps_between = -(-self.to_budget // NUM_REPORTS)
        return -(-self.to_budget // steps_between)


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A role.

    Attributes:
        name: as the tables have it.
        scope: what there is one set of trials for.
        seeds: of a set, from what is asked.
        budget: how long a trial trains, from what is asked.
        streams: sample sizes of a set in place of the cells' own; None: the cells' own.
        is_searched: its trials propose hyperparameters; the others take the winner's.
        is_measured: its trials enter the estimates.
        is_crossed: its seeds are crossings of the seeds of data, initialisation and order.
        is_in_grid: its cells are the study's.
        is_candidate: its rules are of the architecture, and the best of them is U_H.
        has_teacher: its law is a teacher that was trained on the cell's.
        seeks_best_rule: it trains by the search for the best rule, not as the family does.
        keeps_decisions: what its rules decide on the evaluation sample is kept.
        folds: how many parts the sample of the first measured seed is cut into, each of which one
            of its trials leaves out; None: its trials have samples of their own.
    """

    name: str
    scope: Scope
    seeds: Callable[[Asked], Sequence[int]]
    budget: Callable[[Asked], Budget]
    streams: Callable[[Asked], Sequence[int]] | None = None
    is_searched: bool = False
    is_measured: bool = False
    is_crossed: bool = False
    is_in_grid: bool = False
    is_candidate: bool = False
    has_teacher: bool = False
    seeks_best_rule: bool = False
    keeps_decisions: bool = False
    folds: Callable[[Asked], int] | None = None

    @property
    def takes_first_winner(self) -> bool:
        """Whether all its trials of a cell have the hyperparameters of its first search."""
        return self.is_crossed or self.folds is not None


@dataclass(frozen=True, slots=True)
class Crossings(Sequence[int]):
    """Every crossing of k seeds of data, initialisation and order; k^3 numbers, none stored."""

    k: int

    def __len__(self) -> int:
        return self.k**3

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rest, order = divmod(index, self.k)
        data, init = divmod(rest, self.k)
        return encode_variance_seed(data, init, order)


def _proposals(asked: Asked) -> Sequence[int]:
    """The numbers of all proposals, one independent search after another."""
    return [
        encode_search_seed(repeat, number)
        for repeat in range(asked.search.repeats)
        for number in range(asked.search.trials)
    ]


def _to_the_end(asked: Asked) -> Budget:
    budget: Budget = asked.training.budget
    return budget


def _to_the_budget(asked: Asked) -> Budget:
    budget = asked.training.budget
    return Budget(unit=budget.unit, to_budget=budget.to_budget, at_most=budget.to_budget)


def _one_pass(asked: Asked) -> Budget:
    return Budget(unit="epochs", to_budget=1, at_most=1)


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(
            name="search",
            scope=Scope.CELL,
            seeds=_proposals,
            budget=_to_the_budget,
            is_searched=True,
            is_in_grid=True,
        ),
        Role(
            name="measure",
            scope=Scope.CELL,
            seeds=lambda asked: range(asked.seeds),
            budget=_to_the_end,
            is_measured=True,
            is_in_grid=True,
            is_candidate=True,
            keeps_decisions=True,
        ),
        Role(
            name="best_in_class",
            scope=Scope.LAW,
            seeds=lambda asked: range(asked.best_in_class.restarts),
            streams=lambda asked: asked.best_in_class.num_stream,
            budget=_one_pass,
            is_candidate=True,
            seeks_best_rule=True,
            keeps_decisions=True,
        ),
        Role(
            name="limit",
            scope=Scope.LEVEL,
            seeds=lambda asked: range(asked.limit.restarts),
            streams=lambda asked: asked.limit.num_stream,
            budget=_one_pass,
            is_candidate=True,
            keeps_decisions=True,
        ),
        Role(
            name="slack",
            scope=Scope.LAW,
            seeds=lambda asked: range(asked.best_in_class.slack_restarts),
            streams=lambda asked: [max(asked.best_in_class.num_stream)],
            budget=_one_pass,
            has_teacher=True,
            seeks_best_rule=True,
        ),
        Role(
            name="ideal",
            scope=Scope.CELL,
            seeds=lambda asked: range(asked.seeds if asked.training.ideal else 0),
            budget=_to_the_budget,
        ),
        Role(
            name="variance",
            scope=Scope.CELL,
            seeds=lambda asked: Crossings(asked.variance.seeds),
            budget=_to_the_end,
            is_crossed=True,
        ),
        Role(
            name="fold",
            scope=Scope.CELL,
            seeds=lambda asked: range(asked.cross_validation.folds),
            budget=_to_the_budget,
            folds=lambda asked: asked.cross_validation.folds,
        ),
    )
}
"""Every role by name, in the order in which tables and commands list them."""

RETIRED = ("resubstitution",)
"""Roles of earlier versions: tables that hold them are read, nothing is made of their rows."""
