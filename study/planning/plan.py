"""Which trials are next, each law once: a pure function of what is asked and what is finished.

Starting, going on after an interruption, extending a finished study and the dry run are one call.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from study.request.entries import PopulationSection
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES, Role, Scope
from study.trials.schema import NEUTRAL_SEVERITY
from study.trials.seeds import decode_search_seed
from study.trials.selection import Search, search_of, winner
from study.trials.tasks import task_of
from study.trials.trial import CORRUPTIONS, UNDISTORTED, Cell, TrialSpec, cell_of, law_of

Startable = tuple[int, Mapping[str, Any] | None]
"""A trial's seed, and its hyperparameters; None: a search is to propose them."""


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
    shapes = [
        (family, k, c)
        for family in spec.families
        for k, c in product(spec.latent_dims_of(family), spec.capacities_of(family))
    ]
    grid = product(spec.populations, laws, spec.num_train, spec.depths, shapes)
    return [
        Cell(
            family=family,
            depth=depth,
            population=population.label,
            distortion=distortion,
            severity=severity,
            num_train=num_train,
            latent_dim=k,
            capacity=c,
        )
        for population, (distortion, severity), num_train, depth, (family, k, c) in grid
        if spec.is_measured(distortion, num_train, depth)
    ]


def places_of(role: Role, cells: Sequence[Cell], spec: StudySpec) -> list[Place]:
    """Where a role has its trials, given the study's grid.

    A family in which everything is fixed has nothing to search. The best rule of an architecture
    is looked for by gradients under a law that is known, for a task that has one to look for, and
    nowhere else; not every family can be the teacher of another law. Several cells share a level or
    a law: the one whose sample is damaged least, and of those the one with the largest, serves it.
    """
    if role.is_searched:
        cells = [cell for cell in cells if spec.space_at(cell).space]
    if role.scope is Scope.CELL:
        return [Place(cell=cell, served_by=cell) for cell in cells]
    known = {population.label for population in spec.populations if population.is_law_known}
    if role.scope is Scope.LAW:
        seeking = {family for family in spec.families if _seeks_best_rule(spec, family)}
        cells = [c for c in cells if c.population in known and c.family in seeking]
    if role.has_teacher:
        cells = [cell for cell in cells if spec.space_of(cell.family).teaches]
    shared = law_of if role.scope is Scope.LAW else _itself
    serving: dict[Cell, Cell] = {}
    for cell in sorted(cells, key=lambda c: (_damage(c), -c.num_train)):
        serving.setdefault(replace(shared(cell), num_train=0), cell)
    return [
        Place(cell=replace(about, num_train=size), served_by=cell)
        for about, cell in serving.items()
        for size in _streams(role, spec, is_law_known=about.population in known)
    ]


def first_seeds(role: Role, place: Place, spec: StudySpec) -> Sequence[int]:
    """The role's seeds in one place, before a precision asks for more.

    A real set that is divided anew for every seed has a U_A for each division, if it has any: the
    two are compared within it.
    """
    seeds = role.seeds(spec)
    if not seeds:
        return seeds
    divided = {population.label for population in spec.populations if population.is_resplit}
    if role.scope is Scope.LEVEL and place.cell.population in divided:
        return range(max(len(seeds), spec.seeds))
    return seeds


def next_trials(spec: StudySpec, records: Iterable[Record]) -> list[TrialSpec]:
    """Every trial that can start now, in the order in which it should.

    A search proposal has `hyperparameters=None` and its number in the cell as seed; the trials
    that take a search's winner appear once that search is over, and seeds beyond the first ones
    once these have told how many there are to be. A trial in `records` never appears.

    Args:
        spec: what is asked.
        records: the ledger, any order.
    """
    return _in_order(State.of(spec, records))


def is_complete(spec: StudySpec, records: Sequence[Record]) -> bool:
    """Whether nothing is left to start."""
    return next(_fresh(State.of(spec, records)), None) is None


def with_most_seeds(spec: StudySpec) -> StudySpec:
    """The study if every cell needed all the seeds that it may have."""
    if spec.precision is None:
        return spec
    return spec.model_copy(update={"seeds": spec.max_seeds, "precision": None, "max_seeds": None})


def total_by_role(spec: StudySpec, records: Sequence[Record] = ()) -> Counter[str]:
    """Trials of the whole study by role, finished or not; roles without any are left out.

    Where a precision is asked for, a cell counts with its first seeds until these are in
    `records`: the total grows, up to that of `with_most_seeds`.
    """
    cells = enumerate_cells(spec)
    totals = Counter(
        {
            name: sum(len(first_seeds(role, place, spec)) for place in places_of(role, cells, spec))
            for name, role in ROLES.items()
        }
    )
    if spec.precision is not None and records:
        totals["measure"] = sum(seeds_by_cell(spec, records).values())
    return +totals


def seeds_by_cell(spec: StudySpec, records: Sequence[Record]) -> dict[Cell, int]:
    """How many seeds each cell is measured with, as far as `records` tell."""
    state, role = State.of(spec, records), ROLES["measure"]
    return {
        place.cell: len(state.seeds(role, place)) for place in places_of(role, state.cells, spec)
    }


def planned_trials(spec: StudySpec, records: Sequence[Record] = ()) -> list[TrialSpec]:
    """All trials still to run, with default hyperparameters where a search must still choose.

    The dry run's list: exact in number, its hyperparameters are stand-ins.
    """
    return _in_order(replace(State.of(spec, records), is_whole=True))


def lots(state: "State") -> list[tuple[Role, Place]]:
    """Every set of trials, in the order in which they should start.

    Searching first, since everything else waits for it; long streams before short trials; what is
    not measured cell by cell.
    """
    position = {cell: number for number, cell in enumerate(state.cells)}

    def turn(lot: tuple[Role, Place]) -> tuple[int, int]:
        role, place = lot
        if role.is_searched:
            return 0, 0
        if role.scope is not Scope.CELL:
            return 1, -place.cell.num_train
        return (2, 0) if role.is_measured else (3, position[place.cell])

    every = [(r, place) for r in ROLES.values() for place in places_of(r, state.cells, state.spec)]
    return sorted(every, key=turn)


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The ledger, indexed the way the plan asks for it.

    Attributes:
        searched: finished proposals, by cell and independent search.
        is_whole: whether what waits for a search is planned too, with stand-ins for its winner.
    """

    spec: StudySpec
    cells: Sequence[Cell]
    populations: Mapping[str, PopulationSection]
    finished: Mapping[str, Record]
    searched: Mapping[Search, list[Record]]
    is_whole: bool = False

    @classmethod
    def of(cls, spec: StudySpec, records: Iterable[Record]) -> "State":
        """The state in which a ledger is."""
        searched: dict[Search, list[Record]] = defaultdict(list)
        finished = {}
        for record in records:
            finished[record["trial_id"]] = record
            if ROLES[record["role"]].is_searched:
                searched[search_of(cell_of(record), record["seed"])].append(record)
        return cls.indexed(spec, finished, searched)

    @classmethod
    def indexed(
        cls,
        spec: StudySpec,
        finished: Mapping[str, Record],
        searched: Mapping[Search, list[Record]],
    ) -> "State":
        """The state of records that somebody else has indexed, and may add to."""
        return cls(
            spec=spec,
            cells=enumerate_cells(spec),
            populations={p.label: p for p in spec.populations},
            finished=finished,
            searched=searched,
        )

    def startable(self, role: Role, place: Place) -> list[Startable]:
        """Seeds and hyperparameters of a role's trials in one place that wait for nothing.

        Finished ones are among them; of a search its next proposals are, without hyperparameters.
        """
        if role.is_searched:
            return self.proposals(role, place)
        chosen = self.choices(place.served_by)
        pairs = ((s, chosen[self.search_serving(role, s)]) for s in self.seeds(role, place))
        return [(seed, found) for seed, found in pairs if found is not None]

    def proposals(self, role: Role, place: Place) -> list[Startable]:
        """Of each search those that may run side by side; all that are left in a whole plan."""
        numbers: dict[int, list[int]] = defaultdict(list)
        for seed in role.seeds(self.spec):
            numbers[decode_search_seed(seed)[0]].append(seed)
        at_once = None if self.is_whole else self.spec.search.parallel
        stand_in = self.spec.space_at(place.cell).defaults if self.is_whole else None
        found: list[Startable] = []
        for repeat, seeds in numbers.items():
            taken = {record["seed"] for record in self.searched.get((place.cell, repeat), ())}
            free = [seed for seed in seeds if seed not in taken]
            found += [(seed, stand_in) for seed in free[:at_once]]
        return found

    def is_fresh(self, trial: TrialSpec) -> bool:
        """Whether a trial that could start has not finished; of a search no other is startable."""
        return ROLES[trial.role].is_searched or trial.trial_id not in self.finished

    def seeds(self, role: Role, place: Place) -> Sequence[int]:
        """The role's seeds in one place: as many as its first ones say, if a precision is asked."""
        first, spec = first_seeds(role, place, self.spec), self.spec
        if not role.is_measured or spec.precision is None or spec.max_seeds is None:
            return first
        from study.planning.precision import first_totals, seeds_asked  # and SciPy's statistics

        chosen = self.choices(place.served_by)
        seen = []
        for seed in first:
            hyperparameters = chosen[self.search_serving(role, seed)]
            if hyperparameters is None:
                return first
            trial = self.trial(role, place.cell, seed, hyperparameters)
            if trial.trial_id not in self.finished:
                return first
            seen.append(self.finished[trial.trial_id])
        totals, errors = first_totals(seen)
        needed = seeds_asked(totals, errors, precision=spec.precision, at_most=spec.max_seeds)
        return range(max(len(first), needed))

    def search_serving(self, role: Role, seed: int) -> int:
        """Whose winner a trial takes, of a cell's independent searches.

        A crossed block splits what is left of the variance once the hyperparameters are given, and
        a cross-validation is of one winner.
        """
        return 0 if role.takes_first_winner else seed % self.spec.search.repeats

    def choices(self, cell: Cell) -> list[Mapping[str, Any] | None]:
        """The frozen hyperparameters of each of a cell's searches; None while it is not over."""
        space, search = self.spec.space_at(cell), self.spec.search
        if search.trials == 0 or not space.space:
            return [space.defaults] * search.repeats
        chosen: list[Mapping[str, Any] | None] = []
        for repeat in range(search.repeats):
            records = self.searched.get((cell, repeat), [])
            is_over = len(records) >= search.trials
            best = winner(records) if is_over else None
            stand_in = space.defaults if self.is_whole and not is_over else None
            chosen.append(stand_in if best is None else best["hyperparameters"])
        return chosen

    def trial(
        self, role: Role, cell: Cell, seed: int, hyperparameters: Mapping[str, Any] | None
    ) -> TrialSpec:
        population = self.populations[cell.population]
        validation_size = self.spec.search.validation_size or cell.num_train
        return TrialSpec(
            role=role.name,
            cell=cell,
            population_name=population.name,
            population_parameters=population.parameters,
            seed=seed,
            budget=role.budget(self.spec),
            hyperparameters=hyperparameters,
            num_validation=validation_size if role.is_searched else None,
            num_folds=None if role.folds is None else role.folds(self.spec),
            network=self.spec.network_of(cell.family),
            variant_of=self.spec.variant_of(cell.family),
            scored_under=_corruptions(self.spec, cell) if role.is_measured else (),
            traced=self.spec.training.traced if role.is_measured else 0,
            weights=self.spec.weights_of(cell.family),
        )


def _in_order(state: State) -> list[TrialSpec]:
    return list({_key(trial): trial for trial in _fresh(state)}.values())


def _fresh(state: State) -> Iterator[TrialSpec]:
    """What could start and has not finished; a trial of several lots comes several times."""
    for role, place in lots(state):
        for seed, hyperparameters in state.startable(role, place):
            trial = state.trial(role, place.cell, seed, hyperparameters)
            if state.is_fresh(trial):
                yield trial


def _streams(role: Role, spec: StudySpec, *, is_law_known: bool) -> Sequence[int]:
    """Lengths of a role's streams; images that run out are one stream, as long as the longest."""
    assert role.streams is not None, "what is shared by sample sizes has streams of its own"
    lengths = role.streams(spec)
    return lengths if is_law_known else [max(lengths)]


def _seeks_best_rule(spec: StudySpec, family: str) -> bool:
    """Whether a family has gradients to look for the best rule by, and a task that asks for it."""
    return not spec.is_fitted(family) and task_of(spec.space_of(family).task).seeks_best_rule


def _itself(cell: Cell) -> Cell:
    return cell


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


def _damage(cell: Cell) -> float:
    """How much is done to the cell's samples and not to its law."""
    return cell.severity if law_of(cell) != cell else 0.0


def _corruptions(spec: StudySpec, cell: Cell) -> tuple[str, ...]:
    """Under which its rules are scored too: their own; of undistorted data all of the study's."""
    asked = CORRUPTIONS if cell.is_undistorted else (cell.distortion,)
    corrupted = (name for name, shares in spec.distortions.items() if any(shares))
    return tuple(name for name in corrupted if name in CORRUPTIONS and name in asked)


def _key(trial: TrialSpec) -> str | tuple[Cell, int]:
    return (trial.cell, trial.seed) if ROLES[trial.role].is_searched else trial.trial_id
