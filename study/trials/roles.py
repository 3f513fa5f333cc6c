"""What a trial is for. A role is data: how many, in which cells, searched or not, in the grid?

    search          tries hyperparameters
    measure         the trial as budgeted, and trained on until it settles
    best_in_class   bounds the architecture's own risk, from a fresh stream
    resubstitution  the family on the very sample that it is scored on
    ideal           the measured trial with data that never run out
    variance        measured trials whose seeds of data, initialisation and order are crossed

docs/protocol.md says what each is needed for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from study.trials.seeds import encode_variance_seed

Asked = Any
"""A validated study file (study.request.spec.StudySpec), which this room may not import."""


class Scope(Enum):
    """What a role has one set of trials for."""

    CELL = auto()
    LAW_AND_SIZE = auto()  # label noise corrupts a sample and not the law
    LAW = auto()  # across sample sizes; each trial has a stream's length instead


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A role.

    Attributes:
        name: as the tables have it.
        scope: what there is one set of trials for.
        seeds: of a set, from what is asked.
        streams: sample sizes of a set in place of the cells' own; None: the cells' own.
        epochs: T and the epoch at which convergence is given up, from what is asked.
        is_searched: its trials propose hyperparameters; the others take the winner's.
        is_measured: its trials enter the estimates.
        is_crossed: its seeds are crossings of the seeds of data, initialisation and order.
        is_in_grid: its cells are the study's.
    """

    name: str
    scope: Scope
    seeds: Callable[[Asked], Sequence[int]]
    epochs: Callable[[Asked], tuple[int, int]]
    streams: Callable[[Asked], Sequence[int]] | None = None
    is_searched: bool = False
    is_measured: bool = False
    is_crossed: bool = False
    is_in_grid: bool = False


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


def _search_epochs(asked: Asked) -> tuple[int, int]:
    return asked.search.max_epochs, asked.search.max_epochs


def _to_the_end(asked: Asked) -> tuple[int, int]:
    return asked.training.budget_epochs, asked.training.max_epochs


def _to_the_budget(asked: Asked) -> tuple[int, int]:
    return asked.training.budget_epochs, asked.training.budget_epochs


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(
            name="search",
            scope=Scope.CELL,
            seeds=lambda asked: range(asked.search.trials),
            epochs=_search_epochs,
            is_searched=True,
            is_in_grid=True,
        ),
        Role(
            name="measure",
            scope=Scope.CELL,
            seeds=lambda asked: range(asked.seeds),
            epochs=_to_the_end,
            is_measured=True,
            is_in_grid=True,
        ),
        Role(
            name="best_in_class",
            scope=Scope.LAW,
            seeds=lambda asked: range(asked.best_in_class.restarts),
            streams=lambda asked: asked.best_in_class.num_stream,
            epochs=lambda asked: (1, 1),  # one pass over the stream
        ),
        Role(
            name="resubstitution",
            scope=Scope.LAW_AND_SIZE,
            seeds=lambda asked: range(asked.seeds),
            epochs=_to_the_budget,
        ),
        Role(
            name="ideal",
            scope=Scope.CELL,
            seeds=lambda asked: range(asked.seeds if asked.training.ideal else 0),
            epochs=_to_the_budget,
        ),
        Role(
            name="variance",
            scope=Scope.CELL,
            seeds=lambda asked: Crossings(asked.variance.seeds),
            epochs=_to_the_end,
            is_crossed=True,
        ),
    )
}
"""Every role by name, in the order in which tables and commands list them."""
