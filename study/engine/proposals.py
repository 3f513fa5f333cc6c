"""Optuna's part: proposals for a cell's next search trial, as a function of its finished ones."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Domain, Float, Int
from study.request.spec import StudySpec
from study.storage.ledger import LedgerError
from study.storage.store import first_line
from study.trials.roles import ROLES
from study.trials.seeds import seed_for
from study.trials.selection import search_of
from study.trials.trial import AXES, Cell, cell_of

STATES = {"done": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}


def quieten() -> None:
    """Lets Optuna speak of errors only."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def propose(
    spec: StudySpec,
    cell: Cell,
    number: int,
    records: Sequence[Mapping[str, Any]],
    running: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Hyperparameters of the proposal `number` of a cell.

    A pure function: the sampler's seed comes from the cell and the number, its knowledge from the
    records, so that a study that was interrupted proposes what it would have proposed.

    Args:
        spec: what is asked.
        cell: whose search it is.
        number: of the proposal among all of the cell's independent searches.
        records: the finished trials of the proposal's own search, any order; of the others it
            must know nothing.
        running: hyperparameters of its search's trials in flight.
    """
    space = spec.space_at(cell)
    distributions = distributions_of(space.space)
    study = optuna.create_study(direction="minimize", sampler=_sampler(spec, cell, number))
    for record in sorted(records, key=lambda r: r["seed"]):
        study.add_trial(frozen_trial(record, distributions))
    for hyperparameters in running:
        study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING,
                params=_searched(hyperparameters, distributions),
                distributions=distributions,
            )
        )
    fixed = {name: value for name, value in space.defaults.items() if name not in space.space}
    return {**fixed, **study.ask(fixed_distributions=distributions).params}


def distributions_of(space: Mapping[str, Domain]) -> dict[str, BaseDistribution]:
    """A family's search space in Optuna's terms."""
    return {name: _distribution(domain) for name, domain in space.items()}


def frozen_trial(
    record: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    """A finished search trial as Optuna keeps it: stopped ones as pruned, with their curve."""
    state = STATES[record["status"]]
    curve = [c["validation_risk"] for c in record["curves"] if c["validation_risk"] is not None]
    is_complete = state == TrialState.COMPLETE
    return optuna.create_trial(
        state=state,
        value=record["metrics"]["validation_risk"] if is_complete else None,
        params=_searched(record["hyperparameters"], distributions),
        distributions=dict(distributions),
        intermediate_values=dict(enumerate(curve, start=1)),
        user_attrs={"trial_id": record["trial_id"], "number": record["seed"]},
    )


def _searched(
    hyperparameters: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Those that are searched; the others are fixed."""
    return {name: hyperparameters[name] for name in distributions}


def check_search(spec: StudySpec, records: Sequence[Mapping[str, Any]]) -> None:
    """Refuses search trials that the search spaces as they are now cannot have proposed.

    Those of families that are no longer asked for play no part.

    Raises:
        LedgerError: one line naming the trial.
    """
    for record in records:
        if ROLES[record["role"]].is_searched and record["family"] in spec.families:
            try:
                frozen_trial(record, distributions_of(spec.space_at(cell_of(record)).space))
            except (KeyError, TypeError, ValueError) as error:
                raise LedgerError(
                    f"trial {record['trial_id']} of the search is none that {record['family']} "
                    f"would propose now: {first_line(error)}"
                ) from None


class Journal:
    """`optuna.journal`: every search trial for Optuna's own tools. An export, never read back."""

    def __init__(self, path: Path, spec: StudySpec) -> None:
        """Starts the file anew; `add` fills it from the ledger."""
        self._spec = spec
        path.unlink(missing_ok=True)
        # A killed driver may leave its lock on the export; the ledger's is the one that counts.
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._storage = JournalStorage(JournalFileBackend(str(path)))

    def add(self, record: Mapping[str, Any]) -> None:
        """Adds a search trial's record to its search's Optuna study, if its family is asked for."""
        if record["family"] not in self._spec.families:
            return
        cell, repeat = search_of(cell_of(record), record["seed"])
        name = " ".join([*map(str, cell.known.values()), f"search {repeat}"])
        space = self._spec.space_at(cell).space
        study = optuna.create_study(
            study_name=name, storage=self._storage, direction="minimize", load_if_exists=True
        )
        study.add_trial(frozen_trial(record, distributions_of(space)))


def _sampler(spec: StudySpec, cell: Cell, number: int) -> optuna.samplers.BaseSampler:
    where = (cell.family, cell.depth, cell.population, cell.distortion, repr(cell.severity))
    axes = [cell.known[name] for name in AXES if name in cell.known]
    seed = seed_for("sampler", *where, cell.num_train, *axes, number)
    if spec.search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed % 2**32)
    # The default of ten random trials first would leave nothing to learn from in a short search.
    startup = max(2, min(10, spec.search.trials // 3))
    return optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=startup)


def _distribution(entry: Domain) -> BaseDistribution:
    if isinstance(entry, Float):
        return FloatDistribution(entry.low, entry.high, log=entry.log)
    if isinstance(entry, Int):
        return IntDistribution(entry.low, entry.high, log=entry.log)
    return CategoricalDistribution(entry.choices)
