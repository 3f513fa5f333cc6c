"""Which trials are next: a pure function of what is asked and what is finished.

Starting, going on after an interruption, extending a finished study and the dry run are one call.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from search_spaces import SPACES
from study.schema import NEUTRAL_SEVERITY, UNDISTORTED, encode_variance_seed
from study.selection import winner
from study.spec import Cell, PopulationSection, StudySpec, TrialSpec

Record = Mapping[str, Any]


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


def next_trials(spec: StudySpec, records: Iterable[Record]) -> list[TrialSpec]:
    """Every trial that can start now, in the order in which it should.

    A search proposal has `hyperparameters=None` and its number in the cell as seed; the trials
    that measure a cell appear once its search is over. A trial in `records` never appears.

    Args:
        spec: what is asked.
        records: the ledger, any order.
    """
    state = _State.of(spec, records)
    cells = enumerate_cells(spec)
    proposals = [trial for cell in cells for trial in state.proposals(cell)]
    measuring = [trial for cell in cells for trial in state.measuring(cell)]
    asked = [trial for cell in cells for trial in (*state.ideal(cell), *state.variance(cell))]
    references = [*state.best_in_class(cells), *state.resubstitution(cells)]
    # Searching first, since everything else waits for it; long streams before short trials.
    ordered = proposals + sorted(references, key=lambda t: -_weight(t)) + measuring + asked
    fresh = (t for t in ordered if t.hyperparameters is None or t.trial_id not in state.finished)
    return list({_key(t): t for t in fresh}.values())


def is_complete(spec: StudySpec, records: Sequence[Record]) -> bool:
    """Whether nothing is left to start."""
    return not next_trials(spec, records)


def total_by_role(spec: StudySpec) -> Counter[str]:
    """Trials of the whole study by role, as if nothing were finished."""
    cells = enumerate_cells(spec)
    state = _State.of(replace_search(spec, trials=0), ())
    counts = Counter({"search": len(cells) * spec.search.trials})
    counts["measure"] = len(cells) * spec.seeds
    counts["best_in_class"] = len(list(state.best_in_class(cells)))
    counts["resubstitution"] = len(list(state.resubstitution(cells)))
    counts["ideal"] = len(cells) * spec.seeds * spec.training.ideal
    counts["variance"] = len(cells) * spec.variance.seeds**3
    return +counts  # roles that were not asked for are left out


def planned_trials(spec: StudySpec, records: Sequence[Record] = ()) -> list[TrialSpec]:
    """All trials still to run, with default hyperparameters where a search must still choose.

    The dry run's list: exact in number, its hyperparameters are stand-ins.
    """
    done = Counter((cell_of(r)) for r in records if r["role"] == "search")
    remaining = next_trials(replace_search(spec, trials=0), records)
    searching = [
        replace(proposal, seed=number, hyperparameters=SPACES[proposal.family].defaults)
        for proposal in (_State.of(spec, ()).proposal(cell, 0) for cell in enumerate_cells(spec))
        for number in range(done[proposal.cell], spec.search.trials)
    ]
    return searching + remaining


def replace_search(spec: StudySpec, *, trials: int) -> StudySpec:
    """The same study with another number of search trials a cell."""
    return spec.model_copy(update={"search": spec.search.model_copy(update={"trials": trials})})


def cell_of(record: Record) -> Cell:
    """The cell a record belongs to."""
    return Cell(
        family=record["family"],
        depth=record["depth"],
        population=record["population"],
        distortion=record["distortion"],
        severity=record["severity"],
        num_train=record["num_train"],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """The ledger, indexed the way the plan asks for it."""

    spec: StudySpec
    populations: Mapping[str, PopulationSection]
    finished: frozenset[str]
    searched: Mapping[Cell, list[Record]]

    @classmethod
    def of(cls, spec: StudySpec, records: Iterable[Record]) -> "_State":
        searched: dict[Cell, list[Record]] = defaultdict(list)
        finished = set()
        for record in records:
            finished.add(record["trial_id"])
            if record["role"] == "search":
                searched[cell_of(record)].append(record)
        return cls(
            spec=spec,
            populations={p.label: p for p in spec.populations},
            finished=frozenset(finished),
            searched=searched,
        )

    def proposals(self, cell: Cell) -> Iterator[TrialSpec]:
        """The cell's next search trials, as many as may run side by side."""
        taken = {record["seed"] for record in self.searched.get(cell, ())}
        free = [number for number in range(self.spec.search.trials) if number not in taken]
        for number in free[: self.spec.search.parallel]:
            yield self.proposal(cell, number)

    def proposal(self, cell: Cell, number: int) -> TrialSpec:
        epochs = self.spec.search.max_epochs
        return self._trial("search", cell, number, epochs, epochs, None)

    def measuring(self, cell: Cell) -> Iterator[TrialSpec]:
        chosen = self.hyperparameters(cell)
        if chosen is not None:
            training = self.spec.training
            for seed in range(self.spec.seeds):
                yield self._trial(
                    "measure", cell, seed, training.budget_epochs, training.max_epochs, chosen
                )

    def ideal(self, cell: Cell) -> Iterator[TrialSpec]:
        """The measured trials once more, on fresh data, where the study asks for them."""
        chosen = self.hyperparameters(cell)
        if chosen is not None and self.spec.training.ideal:
            epochs = self.spec.training.budget_epochs
            for seed in range(self.spec.seeds):
                yield self._trial("ideal", cell, seed, epochs, epochs, chosen)

    def variance(self, cell: Cell) -> Iterator[TrialSpec]:
        """Every crossing of the seeds of data, initialisation and order."""
        chosen = self.hyperparameters(cell)
        if chosen is not None:
            training = self.spec.training
            for crossing in product(range(self.spec.variance.seeds), repeat=3):
                seed = encode_variance_seed(*crossing)
                yield self._trial(
                    "variance", cell, seed, training.budget_epochs, training.max_epochs, chosen
                )

    def best_in_class(self, cells: Sequence[Cell]) -> Iterator[TrialSpec]:
        """Restarts at every stream length, once for each family, depth and law."""
        section = self.spec.best_in_class
        for law, reference in _references(cells, across_num_train=True).items():
            chosen = self.hyperparameters(reference)
            if chosen is None:
                continue
            for num, restart in product(section.num_stream, range(section.restarts)):
                yield self._trial(
                    "best_in_class", replace(law, num_train=num), restart, 1, 1, chosen
                )

    def resubstitution(self, cells: Sequence[Cell]) -> Iterator[TrialSpec]:
        """As many seeds as measured, once for each family, depth, law and sample size."""
        epochs = self.spec.training.budget_epochs
        for law, reference in _references(cells, across_num_train=False).items():
            chosen = self.hyperparameters(reference)
            if chosen is not None:
                for seed in range(self.spec.seeds):
                    yield self._trial("resubstitution", law, seed, epochs, epochs, chosen)

    def hyperparameters(self, cell: Cell) -> Mapping[str, Any] | None:
        """Frozen hyperparameters of a cell, or None while its search is not over."""
        if self.spec.search.trials == 0:
            return SPACES[cell.family].defaults
        records = self.searched.get(cell, [])
        if len(records) < self.spec.search.trials:
            return None
        best = winner(records)
        return None if best is None else best["hyperparameters"]

    def _trial(
        self,
        role: str,
        cell: Cell,
        seed: int,
        budget_epochs: int,
        max_epochs: int,
        hyperparameters: Mapping[str, Any] | None,
    ) -> TrialSpec:
        population = self.populations[cell.population]
        return TrialSpec(
            role=role,
            cell=cell,
            population_name=population.name,
            population_parameters=population.parameters,
            seed=seed,
            budget_epochs=budget_epochs,
            max_epochs=max_epochs,
            hyperparameters=hyperparameters,
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


def _references(cells: Sequence[Cell], *, across_num_train: bool) -> dict[Cell, Cell]:
    """For each clean law, the cell whose hyperparameters serve it.

    Label noise corrupts a training sample and not the law, so its cells share the undistorted
    law; the one with the least noise (and, across sample sizes, the largest sample) speaks for it.
    """
    references: dict[Cell, Cell] = {}
    for cell in sorted(cells, key=lambda c: (_noise(c), -c.num_train)):
        law = replace(cell, distortion=UNDISTORTED, severity=0.0) if _noise(cell) else cell
        law = replace(law, num_train=0) if across_num_train else law
        references.setdefault(law, cell)
    return references


def _noise(cell: Cell) -> float:
    return cell.severity if cell.distortion == "label_noise" else 0.0


def _weight(trial: TrialSpec) -> int:
    return trial.num_train * trial.max_epochs


def _key(trial: TrialSpec) -> tuple[Any, ...]:
    if trial.hyperparameters is None:
        return (trial.cell, trial.seed)
    return (trial.trial_id,)
