"""Independent searches of one cell know nothing of each other: sampler, rungs, Optuna's export."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from study.engine.proposals import Journal, check_search, propose, quieten
from study.engine.scheduler import CellScheduler
from study.engine.searcher import PlanSearcher
from study.engine.session import Session
from study.planning.plan import enumerate_cells, next_trials
from study.request.spec import StudySpec
from study.storage.ledger import Ledger
from study.trials.trial import TrialSpec, trial_from_json
from tests.engine.sessions import session_of
from tests.small_study import record_of

BASE = 10_000
"""Between the numbers of one search's proposals and the next one's."""


@pytest.fixture
def spec(make_spec: Callable[..., StudySpec]) -> StudySpec:
    """One cell, two searches; a budget of eight reports."""
    quieten()
    return make_spec(
        families=["linear"],
        depths=[1],
        num_train=[64],
        distortions={},
        search={"trials": 9, "repeats": 2, "grace_share": 0.25, "reduction_factor": 2},
        training={"budget_epochs": 8, "max_epochs": 30},
    )


@pytest.fixture
def session(spec: StudySpec, tmp_path: Path) -> Iterator[Session]:
    with Ledger(tmp_path / "ledger").locked() as ledger:
        yield session_of(spec, tmp_path, ledger)


class Sweep:
    """Tune's part: trials are asked for, and end with the risks that they are given."""

    def __init__(self, session: Session) -> None:
        self.searcher = PlanSearcher(session, None)
        self.scheduler = CellScheduler(session, self.searcher)
        self.number = 0

    def ask(self) -> tuple[str, TrialSpec]:
        self.number += 1
        config = self.searcher.suggest(f"tune{self.number}")
        assert isinstance(config, dict)
        self.scheduler.on_trial_add(None, self.named(f"tune{self.number}"))
        return f"tune{self.number}", trial_from_json(*config["trials"])

    def report(self, name: str, number: int, risk: float) -> str:
        result = {"report": number, "validation_risk": risk}
        return self.scheduler.on_trial_result(None, self.named(name), result)

    def end(self, name: str, risks: list[float]) -> None:
        curves = [{"step": n, "epoch": n, "validation_risk": r} for n, r in enumerate(risks, 1)]
        told = {"status": "done", "error": None, "metrics": {"validation_risk": risks[-1]}}
        payload = json.dumps([{**told, "curves": curves, "node": "here"}])
        self.searcher.on_trial_complete(name, {"payload": payload})

    @staticmethod
    def named(name: str) -> Any:
        return SimpleNamespace(trial_id=name)


def proposals(session: Session, risk: Callable[[TrialSpec], float]) -> dict[int, dict[str, Any]]:
    """Every proposal's hyperparameters by number, each ending with a risk of its own."""
    sweep, found = Sweep(session), {}
    while len(found) < 18:
        name, trial = sweep.ask()
        if trial.role != "search":  # of the search that is over first
            continue
        assert trial.hyperparameters is not None
        found[trial.seed] = dict(trial.hyperparameters)
        sweep.end(name, [risk(trial)] * 8)
    return found


def rate_near(best: float) -> Callable[[TrialSpec], float]:
    def risk(trial: TrialSpec) -> float:
        assert trial.hyperparameters is not None
        return min(1.0, abs(float(trial.hyperparameters["learning_rate"]) - best) * 10)

    return risk


def test_a_search_proposes_the_same_whatever_the_other_found(
    spec: StudySpec, tmp_path: Path
) -> None:
    def with_other(best: float, folder: str) -> dict[int, dict[str, Any]]:
        def risk(trial: TrialSpec) -> float:
            return rate_near(0.02 if trial.seed < BASE else best)(trial)

        with Ledger(tmp_path / folder / "ledger").locked() as ledger:
            return proposals(session_of(spec, tmp_path / folder, ledger), risk)

    low, high = with_other(0.0005, "low"), with_other(0.03, "high")
    assert sorted(low) == [*range(9), *range(BASE, BASE + 9)]
    own = {number: held for number, held in low.items() if number < BASE}
    assert own == {number: held for number, held in high.items() if number < BASE}
    assert own != {number - BASE: held for number, held in low.items() if number >= BASE}
    assert low != high, "of what it found itself a search does learn"


def test_a_proposal_is_stopped_by_its_own_search_alone(session: Session) -> None:
    sweep = Sweep(session)
    by_repeat = {trial.seed // BASE: name for name, trial in (sweep.ask(), sweep.ask())}
    assert sorted(by_repeat) == [0, 1]
    # Grace: a quarter of eight reports. At the first rung the better of two goes on.
    assert sweep.report(by_repeat[0], 2, 0.1) == "CONTINUE"
    assert sweep.report(by_repeat[1], 2, 0.4) == "CONTINUE"
    sweep.end(by_repeat[0], [0.1] * 8)
    name, trial = sweep.ask()
    assert trial.seed == 1
    assert sweep.report(name, 1, 0.3) == "CONTINUE"
    assert sweep.report(name, 2, 0.3) == "STOP"


def test_rungs_are_filled_again_for_each_search(session: Session, spec: StudySpec) -> None:
    first = Sweep(session)
    names = {trial.seed: name for name, trial in (first.ask(), first.ask())}
    first.end(names[0], [0.1] * 8)
    first.end(names[BASE], [0.4] * 8)
    second = Sweep(session)  # the next driver's
    later = {trial.seed: name for name, trial in (second.ask(), second.ask())}
    assert sorted(later) == [1, BASE + 1]
    assert second.report(later[1], 2, 0.3) == "STOP"
    assert second.report(later[BASE + 1], 2, 0.3) == "CONTINUE"


def test_optuna_is_told_of_each_search_apart(session: Session, tmp_path: Path) -> None:
    proposals(session, rate_near(0.01))
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna.journal")))
    studies = optuna.get_all_study_summaries(storage)
    assert [study.n_trials for study in studies] == [9, 9]
    cell = "linear 1 xor(sigma=0.5) none 0.0 64"
    assert {study.study_name for study in studies} == {f"{cell} search 0", f"{cell} search 1"}


def test_a_search_is_of_one_latent_dimension(
    make_spec: Callable[..., StudySpec], tmp_path: Path
) -> None:
    """It proposes nothing else of it, with a sampler of its own, and is exported under its name."""
    quieten()
    spec = make_spec(families=["vae_svm"], latent_dims=[2, 9], search={"trials": 9})
    (cell, other, *_) = enumerate_cells(spec)
    assert (cell.latent_dim, other.latent_dim) == (2, 9)
    found = [propose(spec, held, 0, []) for held in (cell, other)]
    assert [proposal["latent_dim"] for proposal in found] == [2, 9]
    assert found[0]["learning_rate"] != found[1]["learning_rate"]
    journal = Journal(tmp_path / "optuna.journal", spec)
    (trial, *_) = next_trials(spec, [])
    record = record_of(trial, metrics={"validation_risk": 0.1})
    check_search(spec, [record])
    journal.add(record)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna.journal")))
    (name,) = optuna.study.get_all_study_names(storage)
    assert name == "vae_svm 1 xor(sigma=0.5) none 0.0 64 2 search 0"
