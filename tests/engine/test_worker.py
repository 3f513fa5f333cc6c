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


def actor_of(place: Path, *trials: TrialSpec) -> TrialActor:
    place.mkdir(exist_ok=True)  # as the driver that holds its ledger does
    told = [trial_to_json(trial) for trial in trials]
    return TrialActor({"trials": told, "data_dir": None, "store": str(place), "cpus": 1})


def results_to_the_end(actor: TrialActor) -> list[dict[str, Any]]:
    results = [actor.step()]
    while not results[-1]["done"]:
        results.append(actor.step())
    return results


def timeless(result: dict[str, Any]) -> dict[str, Any]:
    (payload,) = json.loads(result["payload"])
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
    quiet = results_to_the_end(actor_of(tmp_path / "quiet", trial))
    assert not (tmp_path / "quiet/checkpoints").exists(), "a short trial leaves no checkpoint"
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    monkeypatch.setattr(worker, "SLICE_S", 0.0)
    dying = actor_of(tmp_path, trial)
    for _ in range(3):
        assert not dying.step()["done"]
    assert (tmp_path / checkpoint_name(trial.trial_id)).is_file()
    passes = count_passes(monkeypatch)
    after = results_to_the_end(actor_of(tmp_path, trial))
    assert timeless(after[-1]) == timeless(quiet[-1])
    assert len(passes) == len(json.loads(quiet[-1]["payload"])[0]["curves"]) - 3
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
    results = results_to_the_end(actor_of(tmp_path, replace(trial_of("search"), budget=budget)))
    assert len(results) == budget.num_reports
    curves = json.loads(results[-1]["payload"])[0]["curves"]
    assert [point["validation_risk"] for point in curves] == [r["validation_risk"] for r in results]
    assert curves[-1]["step"] == (length if unit == "steps" else 2 * length)  # 48 by 32


def test_a_measured_trial_leaves_its_decisions(tmp_path: Path) -> None:
    """Scored again from what is kept, against the metrics that the trial itself reported."""
    trial = replace(trial_of("measure"), budget=Budget(unit="steps", to_budget=30, at_most=200))
    (result,) = results_to_the_end(actor_of(tmp_path, trial))
    metrics = json.loads(result["payload"])[0]["metrics"]
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

    def counted(self: Experiment, made: Any = None) -> Any:
        passes.append(None)
        return advance(self, made)

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
    (result,) = results_to_the_end(actor_of(tmp_path, trial))
    (quiet,) = results_to_the_end(actor_of(tmp_path / "quiet", trial))
    assert timeless(result) == timeless(quiet)


def test_a_checkpoint_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_of("measure")
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    (result,) = results_to_the_end(actor_of(tmp_path, trial))
    assert json.loads(result["payload"])[0]["status"] == "done"


def test_too_much_memory_is_a_result(tmp_path: Path) -> None:
    """Terabytes, asked for in earnest."""
    trial = trial_of("measure")
    large = replace(trial, cell=replace(trial.cell, num_train=10**12))
    (result,) = results_to_the_end(actor_of(tmp_path, large))
    (payload,) = json.loads(result["payload"])
    assert payload["status"] == "failed"
    assert "Unable to allocate" in payload["error"]


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), MemoryError("no memory")])
def test_an_exception_is_a_result_and_the_actor_lives_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_of("measure")
    actor = actor_of(tmp_path, trial)
    with monkeypatch.context() as patch:

        def fail(self: Experiment, made: Any = None) -> None:
            raise error

        patch.setattr(Experiment, "advance", fail)
        result = actor.step()
    assert result["done"]
    (payload,) = json.loads(result["payload"])
    assert payload["status"] == "failed"
    assert payload["error"] == f"{type(error).__name__}: {' '.join(str(error).split())}"
    assert actor.reset_config(actor.config)
    assert json.loads(results_to_the_end(actor)[-1]["payload"])[0]["status"] == "done"


def three_seeds() -> list[TrialSpec]:
    measured = replace(trial_of("measure"), budget=Budget(unit="steps", to_budget=30, at_most=200))
    return [replace(measured, seed=seed) for seed in range(3)]


def test_seeds_of_one_trial_come_to_what_they_come_to_alone(tmp_path: Path) -> None:
    """Each has its payload, its decisions and the first its exhibits, as if it had been alone."""
    trials = three_seeds()
    (result,) = results_to_the_end(actor_of(tmp_path / "together", *trials))
    together = json.loads(result["payload"])
    assert len(together) == len(trials)
    for trial, found in zip(trials, together, strict=True):
        (one,) = json.loads(results_to_the_end(actor_of(tmp_path / "alone", trial))[-1]["payload"])
        assert found["status"] == one["status"] == "done"
        for name in found["metrics"].keys() - set(CLOCKS):
            assert found["metrics"][name] == pytest.approx(one["metrics"][name], rel=1e-4), name
        assert [p["step"] for p in found["curves"]] == [p["step"] for p in one["curves"]]
    for folder in ("decisions", "exhibits"):
        names = [
            {path.name for path in (tmp_path / how / folder).iterdir()}
            for how in ("together", "alone")
        ]
        assert names[0] == names[1]
        assert names[0]


def test_a_seed_that_fails_is_a_row_and_the_others_are_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Experiment.advance

    def fail(self: Experiment, made: Any = None) -> Any:
        if self.trial.streams["init"] == three_seeds()[1].streams["init"]:
            raise RuntimeError("of one seed")
        return advance(self, made)

    monkeypatch.setattr(Experiment, "advance", fail)
    (result,) = results_to_the_end(actor_of(tmp_path, *three_seeds()))
    told = json.loads(result["payload"])
    assert [payload["status"] for payload in told] == ["done", "failed", "done"]
    assert [payload["error"] for payload in told] == [None, "RuntimeError: of one seed", None]
    kept = {path.stem for path in (tmp_path / "decisions").glob("*.npz")}
    ids = [trial.trial_id for trial in three_seeds()]
    assert [trial_id in kept for trial_id in ids] == [True, False, True]


def test_seeds_of_a_worker_that_dies_are_taken_up_where_they_were_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = three_seeds()
    (quiet,) = results_to_the_end(actor_of(tmp_path / "quiet", *trials))
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    monkeypatch.setattr(worker, "SLICE_S", 0.0)
    dying = actor_of(tmp_path, *trials)
    for _ in range(3):
        assert not dying.step()["done"]
    passes = count_passes(monkeypatch)
    after = json.loads(results_to_the_end(actor_of(tmp_path, *trials))[-1]["payload"])
    for found, expected in zip(after, json.loads(quiet["payload"]), strict=True):
        assert found["metrics"]["risk"] == pytest.approx(expected["metrics"]["risk"], rel=1e-4)
        assert [p["step"] for p in found["curves"]] == [p["step"] for p in expected["curves"]]
    assert len(passes) == sum(len(payload["curves"]) - 3 for payload in after)
