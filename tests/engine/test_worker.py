"""The worker: failures are results, checkpoints cost no result."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from classcomp.experiment import Experiment
from classcomp.trial import CLOCKS
from search_spaces import SPACES
from study.engine import checkpoints, worker
from study.engine.checkpoints import checkpoint_name
from study.engine.handover import to_trial
from study.engine.worker import TrialActor
from study.trials.roles import Budget
from study.trials.trial import Cell, TrialSpec, trial_to_json


def trial_of(role: str) -> TrialSpec:
    cell = Cell(
        family="linear",
        depth=1,
        population="xor(sigma=0.5)",
        distortion="none",
        severity=0.0,
        num_train=48,
    )
    return TrialSpec(
        role=role,
        cell=cell,
        population_name="xor",
        population_parameters={"sigma": 0.5},
        seed=0,
        budget=Budget(unit="epochs", to_budget=6, at_most=6 if role == "search" else 14),
        num_validation=48 if role == "search" else None,
        hyperparameters=SPACES["linear"].defaults,
    )


def actor_of(trial: TrialSpec, place: Path) -> TrialActor:
    place.mkdir(exist_ok=True)  # as the driver that holds its ledger does
    config = {"trial": trial_to_json(trial), "data_dir": None, "store": str(place), "cpus": 1}
    return TrialActor(config)


def results_to_the_end(actor: TrialActor) -> list[dict[str, Any]]:
    results = [actor.step()]
    while not results[-1]["done"]:
        results.append(actor.step())
    return results


def timeless(result: dict[str, Any]) -> dict[str, Any]:
    payload = json.loads(result["payload"])
    for key in CLOCKS:
        payload["metrics"].pop(key, None)
    for point in payload["curves"]:
        point.pop("wall_s")
    return {**result, "payload": payload}


@pytest.mark.parametrize("role", ["search", "measure"])
def test_a_worker_that_dies_is_taken_up_where_it_saved(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search reports its first epochs again: the driver that hears them may be another."""
    trial = trial_of(role)
    quiet = results_to_the_end(actor_of(trial, tmp_path / "quiet"))
    assert not (tmp_path / "quiet/checkpoints").exists(), "a short trial leaves no checkpoint"
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    monkeypatch.setattr(worker, "SLICE_S", 0.0)
    dying = actor_of(trial, tmp_path)
    for _ in range(3):
        assert not dying.step()["done"]
    assert (tmp_path / checkpoint_name(trial.trial_id)).is_file()
    passes = count_passes(monkeypatch)
    after = results_to_the_end(actor_of(trial, tmp_path))
    assert timeless(after[-1]) == timeless(quiet[-1])
    assert len(passes) == len(json.loads(quiet[-1]["payload"])["curves"]) - 3
    if role == "search":
        assert [r["report"] for r in after] == [1, 2, 3, 4, 5, 6]
        risks = [r["validation_risk"] for r in quiet]
        assert [r["validation_risk"] for r in after] == risks


@pytest.mark.parametrize(("unit", "length"), [("steps", 50), ("steps", 7), ("epochs", 3)])
def test_a_search_reports_as_often_as_its_scheduler_expects(
    unit: str, length: int, tmp_path: Path
) -> None:
    """What classcomp makes of a budget, against what the rungs of ASHA are counted in."""
    budget = Budget(unit=unit, to_budget=length, at_most=length)
    results = results_to_the_end(actor_of(replace(trial_of("search"), budget=budget), tmp_path))
    assert len(results) == budget.num_reports
    curves = json.loads(results[-1]["payload"])["curves"]
    assert [point["validation_risk"] for point in curves] == [r["validation_risk"] for r in results]
    assert curves[-1]["step"] == (length if unit == "steps" else 2 * length)  # 48 by 32


def test_a_measured_trial_leaves_its_decisions(tmp_path: Path) -> None:
    """Scored again from what is kept, against the metrics that the trial itself reported."""
    trial = replace(trial_of("measure"), budget=Budget(unit="steps", to_budget=30, at_most=200))
    (result,) = results_to_the_end(actor_of(trial, tmp_path))
    metrics = json.loads(result["payload"])["metrics"]
    (law,) = (tmp_path / "decisions").glob("law-*.npz")
    posterior = np.load(law)["posterior"]
    held = np.load(tmp_path / f"decisions/{trial.trial_id}.npz")
    everyone = np.arange(len(posterior))
    for name, column in (("budget", "excess_risk"), ("converged", "converged_excess_risk")):
        decided = np.unpackbits(held[name], count=len(posterior))
        excess = (posterior.max(axis=1) - posterior[everyone, decided]).mean()
        assert excess == pytest.approx(metrics[column], abs=1e-9)


def count_passes(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one with every pass from now on."""
    passes: list[None] = []
    advance = Experiment.advance

    def counted(self: Experiment) -> Any:
        passes.append(None)
        return advance(self)

    monkeypatch.setattr(Experiment, "advance", counted)
    return passes


@pytest.mark.parametrize("damage", ["cut", "garbage", "pickle", "of another trial"])
def test_a_damaged_checkpoint_costs_a_repetition(damage: str, tmp_path: Path) -> None:
    trial = trial_of("measure")
    path = tmp_path / checkpoint_name(trial.trial_id)
    path.parent.mkdir()
    torch.save(Experiment(to_trial(trial, ".")).state_dict(), path)
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "garbage":
        path.write_bytes(b"not a checkpoint")
    elif damage == "pickle":
        torch.save({"stages": [Path]}, path)  # a class: weights_only refuses it
    else:
        torch.save({"stages": [{"weight": torch.zeros(7)}]}, path)
    (result,) = results_to_the_end(actor_of(trial, tmp_path))
    (quiet,) = results_to_the_end(actor_of(trial, tmp_path / "quiet"))
    assert timeless(result) == timeless(quiet)


def test_a_checkpoint_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_of("measure")
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    (result,) = results_to_the_end(actor_of(trial, tmp_path))
    assert json.loads(result["payload"])["status"] == "done"


def test_too_much_memory_is_a_result(tmp_path: Path) -> None:
    """Terabytes, asked for in earnest."""
    trial = trial_of("measure")
    large = replace(trial, cell=replace(trial.cell, num_train=10**12))
    (result,) = results_to_the_end(actor_of(large, tmp_path))
    payload = json.loads(result["payload"])
    assert payload["status"] == "failed"
    assert "Unable to allocate" in payload["error"]


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), MemoryError("no memory")])
def test_an_exception_is_a_result_and_the_actor_lives_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_of("measure")
    actor = actor_of(trial, tmp_path)
    with monkeypatch.context() as patch:

        def fail(self: Experiment) -> None:
            raise error

        patch.setattr(Experiment, "advance", fail)
        result = actor.step()
    assert result["done"]
    payload = json.loads(result["payload"])
    assert payload["status"] == "failed"
    assert payload["error"] == f"{type(error).__name__}: {' '.join(str(error).split())}"
    assert actor.reset_config(actor.config)
    assert json.loads(results_to_the_end(actor)[-1]["payload"])["status"] == "done"
