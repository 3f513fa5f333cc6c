"""What a worker reports and keeps, with an experiment that does nothing in place of a real one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from classcomp import experiment as experiments
from study.analysis.exhibits import read_exhibits
from study.engine import worker
from study.engine.searcher import PlanSearcher
from study.engine.worker import TrialActor
from study.planning.plan import planned_trials
from study.request.spec import StudySpec
from study.storage.folder import FolderStore
from study.storage.ledger import Ledger
from study.trials.exhibits import PLANE, law_exhibit, samples_exhibit
from study.trials.trial import TrialSpec, trial_to_json
from tests.engine.sessions import session_of

Make = Callable[..., StudySpec]
POSTERIOR = np.array([[0.25, 0.75], [1.0, 0.0]])
CLASSES = np.array([1, 0])
LOGS = np.log([[0.25, 0.75]]).astype(np.float16)


@dataclass(frozen=True, kw_only=True)
class Point:
    """Of a learning curve."""

    step: int
    validation_risk: float | None


class Idle:
    """An experiment: `num_passes` passes, of which the first `num_silent` report no risk."""

    num_passes, num_silent, is_resplit = 3, 0, False

    def __init__(self, trial: Any, *, data_dir: str | None = None) -> None:
        self.trial, self.passes = trial, list[Any]()

    @property
    def finished(self) -> bool:
        return len(self.passes) == self.num_passes

    def advance(self, made: None) -> None:
        number = len(self.passes)
        risk = None if number < self.num_silent else 0.5 - number / 100
        self.passes.append(risk)

    @property
    def outcome(self) -> SimpleNamespace:
        curves = tuple(Point(step=n, validation_risk=risk) for n, risk in enumerate(self.passes))
        return SimpleNamespace(
            metrics={"risk": 0.125, "is_resplit": self.is_resplit}, curves=curves
        )

    @property
    def decisions(self) -> dict[str, np.ndarray]:
        return {"budget": CLASSES, "converged": 1 - CLASSES, "log_probabilities": LOGS}

    @property
    def law(self) -> dict[str, np.ndarray]:
        return {"posterior": POSTERIOR, "num_classes": np.array(2)}

    @property
    def classes(self) -> dict[str, np.ndarray]:
        return {"labels": CLASSES}

    def exhibits(self, *, is_first: bool = True) -> dict[str, np.ndarray]:
        return {"confusion/counts": np.eye(2)} if is_first else {}


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> type[Idle]:
    class Own(Idle):
        """Of one test."""

    monkeypatch.setattr(experiments, "Experiment", Own)
    monkeypatch.setattr(worker, "to_trial", lambda spec, address: spec)
    monkeypatch.setattr(worker, "PAUSES_S", (0.0, 0.0))
    return Own


@pytest.fixture
def trials(make_spec: Make) -> dict[str, TrialSpec]:
    """One trial of each role, by role."""
    spec = make_spec(
        training={"budget_epochs": 3, "max_epochs": 30, "ideal": True},
        variance={"seeds": 2},
        best_in_class={"restarts": 1, "num_stream": [1000], "slack_restarts": 1},
    )
    found = {trial.role: trial for trial in reversed(planned_trials(spec))}
    assert len(found) == 7
    return found


def results(trial: TrialSpec, place: Path) -> list[dict[str, Any]]:
    config = {"trials": [trial_to_json(trial)], "data_dir": None, "store": str(place), "cpus": 1}
    actor = TrialActor(config)
    told = [actor.step()]
    while not told[-1]["done"]:
        told.append(actor.step())
    return told


def payload(result: Mapping[str, Any]) -> dict[str, Any]:
    (told,) = json.loads(result["payload"])
    return dict(told)


@pytest.mark.parametrize(
    ("role", "is_kept"),
    [
        *((name, True) for name in ("measure", "limit", "best_in_class")),
        *((name, False) for name in ("search", "slack", "ideal", "variance")),
    ],
)
def test_decisions_are_kept_of_rules_that_intervals_need(
    role: str, is_kept: bool, trials: dict[str, TrialSpec], tmp_path: Path
) -> None:
    trial = trials[role]
    assert payload(results(trial, tmp_path)[-1])["status"] == "done"
    folder = tmp_path / "decisions"
    if not is_kept:
        assert not folder.exists()
        return
    # printf '["xor(sigma=0.5)", "none", 0.0]' | sha256sum | cut -c1-16
    law = "law-a664bb7a93cb80b9.npz"
    assert {path.name for path in folder.iterdir()} == {law, f"{trial.trial_id}.npz"}
    with np.load(folder / f"{trial.trial_id}.npz", allow_pickle=False) as held:
        assert held["budget"].tobytes() == bytes([0b1000_0000])
        assert held["converged"].tobytes() == bytes([0b0100_0000])
        assert (held["log_probabilities"] == LOGS).all()
    with np.load(folder / law, allow_pickle=False) as held:
        assert (held["posterior"] == POSTERIOR).all()


def test_a_law_is_kept_once_and_noise_in_labels_is_no_other_law(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: type[Idle]
) -> None:
    clean = trials["measure"]
    results(clean, tmp_path)
    (law,) = (tmp_path / "decisions").glob("law-*")
    before = law.stat()
    other = {"posterior": POSTERIOR[::-1], "num_classes": np.array(2)}
    monkeypatch.setattr(idle, "law", property(lambda self: other))
    for forgetful in (False, True):  # a worker that wrote it, and one that finds it there
        if forgetful:
            worker._WRITTEN_LAWS.clear()
        noisy = replace(clean.cell, distortion="label_noise", severity=0.1 + forgetful / 10)
        results(replace(clean, cell=noisy), tmp_path)
        assert [*(tmp_path / "decisions").glob("law-*")] == [law]
        assert (law.stat().st_ino, law.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    results(replace(clean, cell=replace(clean.cell, distortion="overlap", severity=0.1)), tmp_path)
    assert len([*(tmp_path / "decisions").glob("law-*")]) == 2


def test_rules_that_share_no_evaluation_sample_are_not_held_against_one(
    trials: dict[str, TrialSpec], tmp_path: Path, idle: type[Idle]
) -> None:
    idle.is_resplit = True
    assert payload(results(trials["measure"], tmp_path)[-1])["status"] == "done"
    assert not (tmp_path / "decisions").exists()


@pytest.mark.parametrize("is_resplit", [False, True])
def test_terms_of_another_risk_are_kept_as_they_come_and_need_no_law(
    is_resplit: bool,
    trials: dict[str, TrialSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    idle: type[Idle],
) -> None:
    """Before, the law of every trial had to say how many classes there are, or the trial failed.

    The examples' classes go with them, and a set that is divided anew keeps both.
    """
    terms = np.array([0.1, 7.5], dtype=np.float16)
    kept = {"budget_terms": terms, "converged_terms": terms / 2}
    monkeypatch.setattr(idle, "decisions", property(lambda self: kept))
    monkeypatch.setattr(idle, "law", property(lambda self: {}))
    trial = trials["measure"]
    idle.is_resplit = is_resplit
    assert payload(results(trial, tmp_path)[-1])["status"] == "done"
    (path,) = (tmp_path / "decisions").iterdir()
    assert path.name == f"{trial.trial_id}.npz"
    with np.load(path, allow_pickle=False) as held:
        assert {name: (held[name].dtype, held[name].tolist()) for name in held} == {
            name: (array.dtype, array.tolist())
            for name, array in (kept | {"labels": CLASSES}).items()
        }


def failing(monkeypatch: pytest.MonkeyPatch, times: int, folder: str) -> list[str]:
    """Names that were to be written below a folder; the first `times` of them could not be."""
    tried: list[str] = []
    write = FolderStore.write

    def full(self: FolderStore, name: str, data: bytes) -> None:
        if name.startswith(f"{folder}/"):
            tried.append(name)
            if len(tried) <= times:
                raise OSError(28, "No space left on device")
        write(self, name, data)

    monkeypatch.setattr(FolderStore, "write", full)
    return tried


def test_a_place_that_hesitates_is_asked_again(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = failing(monkeypatch, 2, "decisions")
    trial = trials["measure"]
    assert payload(results(trial, tmp_path)[-1])["status"] == "done"
    assert len(tried) == 4
    assert (tmp_path / f"decisions/{trial.trial_id}.npz").is_file()


def test_a_result_without_its_decisions_is_none_and_ends_the_sweep(
    make_spec: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost: no record, so that the trial runs again once there is room."""
    spec = make_spec(search={"trials": 0})
    failing(monkeypatch, 10**6, "decisions")
    with Ledger(tmp_path / "ledger").locked() as ledger:
        session = session_of(spec, tmp_path, ledger)
        searcher = PlanSearcher(session, None)
        config = searcher.suggest("first")
        assert isinstance(config, dict)
        actor = TrialActor(config)
        result = actor.step()
        assert result["done"]
        assert payload(result)["status"] == "unkept"
        searcher.on_trial_complete("first", result)
        assert session.records == {}
        assert isinstance(session.ending, OSError)
        assert session.ending.errno == 28
        said = str(session.ending.strerror)
        assert said.endswith("could not be kept: OSError: [Errno 28] No space left on device")
        assert searcher.suggest("second") == "FINISHED"
    assert Ledger(tmp_path / "ledger").read() == ([], [])


def test_decisions_that_cannot_be_made_are_a_failed_trial(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: type[Idle]
) -> None:
    def broken(self: Idle) -> None:
        raise MemoryError("no room for them")

    monkeypatch.setattr(idle, "decisions", property(broken))
    told = payload(results(trials["measure"], tmp_path)[-1])
    assert (told["status"], told["error"]) == ("failed", "MemoryError: no room for them")


@pytest.mark.parametrize("is_planar", [True, False])
def test_what_is_shown_beside_planes_is_kept_once_for_a_law(
    is_planar: bool,
    trials: dict[str, TrialSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    idle: type[Idle],
) -> None:
    made = []

    def law_exhibits(self: Idle) -> dict[str, np.ndarray]:
        made.append(self)
        return {"labels": CLASSES}

    arrays = {PLANE: np.zeros((2, 2))} if is_planar else {"confusion/counts": np.eye(2)}
    monkeypatch.setattr(idle, "exhibits", lambda self, *, is_first: arrays)
    monkeypatch.setattr(idle, "law_exhibits", law_exhibits, raising=False)
    first = trials["measure"]
    noisy = replace(first, cell=replace(first.cell, distortion="label_noise", severity=0.2))
    other = replace(first, cell=replace(first.cell, distortion="overlap", severity=0.2))
    for trial in (first, noisy, other):
        results(trial, tmp_path)
    kept = {path.stem for path in (tmp_path / "exhibits").iterdir()}
    laws = {law_exhibit(trial.cell) for trial in (first, other)} if is_planar else set()
    assert len(made) == len(laws) == 2 * is_planar  # noise in labels is no other law
    assert kept == {trial.trial_id for trial in (first, noisy, other)} | laws


def test_images_of_a_law_are_kept_once_by_a_first_seed(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: type[Idle]
) -> None:
    made = []

    def law_samples(self: Idle) -> dict[str, np.ndarray]:
        made.append(self)
        return {"fitted/drawn": np.zeros((2, 3, 1, 4, 4))}

    monkeypatch.setattr(idle, "law_samples", law_samples, raising=False)
    first = trials["measure"]
    noisy = replace(first, cell=replace(first.cell, distortion="label_noise", severity=0.2))
    for trial in (replace(first, seed=1), first, noisy):
        results(trial, tmp_path)
    name = samples_exhibit(first.cell)
    assert (tmp_path / f"exhibits/{name}.npz").is_file()
    assert len(made) == 1
    assert set(read_exhibits(tmp_path, [name])[0][name]) == {"fitted/drawn"}


def test_of_other_seeds_what_has_numbers_is_kept(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: type[Idle]
) -> None:
    later = replace(trials["measure"], seed=1)
    results(later, tmp_path)
    assert not (tmp_path / "exhibits").exists(), "a rule without latents has none"

    def exhibits(self: Idle, *, is_first: bool) -> dict[str, np.ndarray]:
        maps = {"latent_map/quality": np.zeros((5, 3))}
        return maps | ({"confusion/counts": np.eye(2)} if is_first else {})

    monkeypatch.setattr(idle, "exhibits", exhibits)
    for trial in (trials["measure"], later, trials["limit"]):
        results(trial, tmp_path)
    kept = {path.stem: set(np.load(path)) for path in (tmp_path / "exhibits").iterdir()}
    assert kept == {
        trials["measure"].trial_id: {"latent_map/quality", "confusion/counts"},
        later.trial_id: {"latent_map/quality"},
    }


def test_looking_is_no_part_of_what_a_trial_costs(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: type[Idle]
) -> None:
    """The result is made before: its clock has not run while pictures were collected."""

    def exhibits(self: Idle, *, is_first: bool) -> dict[str, np.ndarray]:
        self.passes.append(0.25)
        return {"confusion/counts": np.eye(2)}

    monkeypatch.setattr(idle, "exhibits", exhibits)
    told = payload(results(trials["measure"], tmp_path)[-1])
    assert len(told["curves"]) == Idle.num_passes
    assert (tmp_path / "exhibits" / f"{trials['measure'].trial_id}.npz").is_file()


def test_a_picture_less_costs_no_result(
    trials: dict[str, TrialSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = failing(monkeypatch, 10**6, "exhibits")
    assert payload(results(trials["measure"], tmp_path)[-1])["status"] == "done"
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("num_passes", "num_silent", "reports"),
    [
        (3, 0, [1, 2, 3]),
        (5, 2, [1, 2, 3]),  # a stage before the one that is watched
        (5, 0, [1, 2, 3]),  # passes after the budget: the last report waits for the result
        (1, 0, [1]),  # fitted at once
    ],
)
def test_a_search_reports_once_a_pass_and_the_last_time_with_its_result(
    num_passes: int,
    num_silent: int,
    reports: list[int],
    trials: dict[str, TrialSpec],
    tmp_path: Path,
    idle: type[Idle],
) -> None:
    idle.num_passes, idle.num_silent = num_passes, num_silent
    told = results(trials["search"], tmp_path)
    assert [result["report"] for result in told] == reports
    assert [result["done"] for result in told] == [False] * (len(reports) - 1) + [True]
    risks = [0.5 - (num_silent + number) / 100 for number in range(len(reports))]
    assert [result["validation_risk"] for result in told] == risks
    assert len(payload(told[-1])["curves"]) == num_passes
