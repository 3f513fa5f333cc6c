"""Which trials are next, each law once: a pure function of what is asked and what is finished.

Starting, going on after an interruption, extending a finished study and the dry run are one call.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from study.request.spec import PopulationSection, StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES, Role, Scope
from study.trials.schema import NEUTRAL_SEVERITY
from study.trials.selection import winner
from study.trials.trial import UNDISTORTED, Cell, TrialSpec, cell_of, law_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a role has one set of trials.

    Attributes:
        cell: what they are about.
        served_by: the cell whose search gives them their hyperparameters.
    """

    cell: Cell
    served_by: Cell


def enumerate_cells(spec: StudySpec) -> list[Cell]:
    """The grid, each law once: a severity that changes nothing is the undistorted population."""
    laws = _laws(spec)
    grid = product(spec.populations, laws, spec.num_train, spec.depths, spec.families)
    return [
        Cell(
            family=family,
            depth=depth,
            population=population.label,
            distortion=distortion,
            severity=severity,
            num_train=num_train,
        )
        for population, (distortion, severity), num_train, depth, family in grid
    ]


def places_of(role: Role, cells: Sequence[Cell], spec: StudySpec) -> list[Place]:
    """Where a role has its trials, given the study's grid.

    A family in which everything is fixed has nothing to search. Several cells share a law: the
    one with the least label noise (and, across sample sizes, the largest sample) serves it.
    """
    if role.is_searched:
        cells = [cell for cell in cells if spec.space_of(cell.family).space]
    if role.scope is Scope.CELL:
        return [Place(cell=cell, served_by=cell) for cell in cells]
    serving: dict[Cell, Cell] = {}
    for cell in sorted(cells, key=lambda c: (_label_noise(c), -c.num_train)):
        law = law_of(cell)
        serving.setdefault(replace(law, num_train=0) if role.streams else law, cell)
    if role.streams is None:
        return [Place(cell=law, served_by=cell) for law, cell in serving.items()]
    return [
        Place(cell=replace(law, num_train=size), served_by=cell)
        for law, cell in serving.items()
        for size in role.streams(spec)
    ]


def next_trials(spec: StudySpec, records: Iterable[Record]) -> list[TrialSpec]:
    """Every trial that can start now, in the order in which it should.

    A search proposal has `hyperparameters=None` and its number in the cell as seed; the trials
    that measure a cell appear once its search is over. A trial in `records` never appears.

    Args:
        spec: what is asked.
        records: the ledger, any order.
    """
    state = _State.of(spec, records)
    by_role = {name: list(state.startable(role)) for name, role in ROLES.items()}
    # Searching first, since everything else waits for it; long streams before short trials.
    references = [t for name in by_role for t in by_role[name] if ROLES[name].scope != Scope.CELL]
    ordered = [
        *by_role["search"],
        *sorted(references, key=lambda t: -t.cell.num_train * t.max_epochs),
        *by_role["measure"],
        *_cell_by_cell([*by_role["ideal"], *by_role["variance"]], state.cells),
    ]
    fresh = (t for t in ordered if t.hyperparameters is None or t.trial_id not in state.finished)
    return list({_key(t): t for t in fresh}.values())


def is_complete(spec: StudySpec, records: Sequence[Record]) -> bool:
    """Whether nothing is left to start."""
    return not next_trials(spec, records)


def total_by_role(spec: StudySpec) -> Counter[str]:
    """Trials of the whole study by role, finished or not; roles without any are left out."""
    cells = enumerate_cells(spec)
    return +Counter(
        {n: len(places_of(r, cells, spec)) * len(r.seeds(spec)) for n, r in ROLES.items()}
    )


def planned_trials(spec: StudySpec, records: Sequence[Record] = ()) -> list[TrialSpec]:
    """All trials still to run, with default hyperparameters where a search must still choose.

    The dry run's list: exact in number, its hyperparameters are stand-ins.
    """
    done = Counter(cell_of(r) for r in records if ROLES[r["role"]].is_searched)
    state, role = _State.of(spec, ()), ROLES["search"]
    searching = [
        state.trial(role, place.cell, number, spec.space_of(place.cell.family).defaults)
        for place in places_of(role, state.cells, spec)
        for number in range(done[place.cell], spec.search.trials)
    ]
    unsearched = spec.search.model_copy(update={"trials": 0})
    return searching + next_trials(spec.model_copy(update={"search": unsearched}), records)


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """The ledger, indexed the way the plan asks for it."""

    spec: StudySpec
    cells: Sequence[Cell]
    populations: Mapping[str, PopulationSection]
    finished: frozenset[str]
    searched: Mapping[Cell, list[Record]]

    @classmethod
    def of(cls, spec: StudySpec, records: Iterable[Record]) -> "_State":
        searched: dict[Cell, list[Record]] = defaultdict(list)
        finished = set()
        for record in records:
            finished.add(record["trial_id"])
            if ROLES[record["role"]].is_searched:
                searched[cell_of(record)].append(record)
        return cls(
            spec=spec,
            cells=enumerate_cells(spec),
            populations={p.label: p for p in spec.populations},
            finished=frozenset(finished),
            searched=searched,
        )

    def startable(self, role: Role) -> Iterator[TrialSpec]:
        """The role's trials that wait for nothing, finished ones included; its next proposals."""
        if role.is_searched:
            for place in places_of(role, self.cells, self.spec):
                cell = place.cell
                taken = {record["seed"] for record in self.searched.get(cell, ())}
                free = [number for number in role.seeds(self.spec) if number not in taken]
                for number in free[: self.spec.search.parallel]:
                    yield self.trial(role, cell, number, None)
            return
        for place in places_of(role, self.cells, self.spec):
            chosen = self.hyperparameters(place.served_by)
            if chosen is not None:
                for seed in role.seeds(self.spec):
                    yield self.trial(role, place.cell, seed, chosen)

    def hyperparameters(self, cell: Cell) -> Mapping[str, Any] | None:
        """Frozen hyperparameters of a cell, or None while its search is not over."""
        space = self.spec.space_of(cell.family)
        if self.spec.search.trials == 0 or not space.space:
            return space.defaults
        records = self.searched.get(cell, [])
        if len(records) < self.spec.search.trials:
            return None
        best = winner(records)
        return None if best is None else best["hyperparameters"]

    def trial(
        self, role: Role, cell: Cell, seed: int, hyperparameters: Mapping[str, Any] | None
    ) -> TrialSpec:
        population = self.populations[cell.population]
        budget_epochs, max_epochs = role.epochs(self.spec)
        return TrialSpec(
            role=role.name,
            cell=cell,
            population_name=population.name,
            population_parameters=population.parameters,
            seed=seed,
            budget_epochs=budget_epochs,
            max_epochs=max_epochs,
            hyperparameters=hyperparameters,
            network=self.spec.network_of(cell.family),
        )


def _laws(spec: StudySpec) -> list[tuple[str, float]]:
    """(distortion, severity) pairs; ("none", 0.0) stands for all that change nothing."""
    if not spec.distortions:
        return [(UNDISTORTED, 0.0)]
    pairs = (
        (UNDISTORTED, 0.0) if severity == NEUTRAL_SEVERITY[name] else (name, severity)
        for name, severities in spec.distortions.items()
        for severity in severities
    )
    return list(dict.fromkeys(pairs))


def _label_noise(cell: Cell) -> float:
    return cell.severity if law_of(cell) != cell else 0.0


def _cell_by_cell(trials: Sequence[TrialSpec], cells: Sequence[Cell]) -> list[TrialSpec]:
    position = {cell: number for number, cell in enumerate(cells)}
    return sorted(trials, key=lambda trial: position[trial.cell])


def _key(trial: TrialSpec) -> Cell | str | tuple[Cell, int]:
    return (trial.cell, trial.seed) if trial.hyperparameters is None else trial.trial_id
