"""Finished trials in TensorBoard, MLflow and Weights & Biases; the search in optuna-dashboard."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from study.engine.logs import FOLDER, Logs, WandbLog
from study.engine.proposals import Journal
from study.planning.plan import next_trials, planned_trials
from study.planning.preflight import check
from study.request.reading import SpecError
from study.request.spec import StudySpec
from study.storage.ledger import Ledger
from study.trials.trial import trial_title
from tests.engine.sessions import session_of
from tests.small_study import record_of

Make = Callable[..., StudySpec]
SMALL = {"families": ["linear"], "depths": [1], "num_train": [64], "distortions": {}}


def record(trial: Any, *, status: str = "done") -> dict[str, Any]:
    point = {"phase": "trunk", "train_loss": None, "train_risk": 0.3, "validation_risk": None}
    return {
        **record_of(trial, status=status, metrics={"risk": 0.25, "excess_risk": None}),
        "finished_at": "2026-11-21T12:00:00+00:00",
        "curves": [{**point, "step": step, "train_risk": 0.5 / step} for step in (1, 2, 4)],
    }


def logged(spec: StudySpec, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The records that were written, and what was warned of."""
    warnings: list[str] = []
    logs = Logs(spec, folder, warnings.append)
    records = [record(trial) for trial in planned_trials(spec) if trial.role == "measure"]
    for one in records:
        logs.add(one)
    return records, warnings


def test_what_is_not_asked_for_is_not_written(make_spec: Make, tmp_path: Path) -> None:
    assert logged(make_spec(**SMALL), tmp_path)[1] == []
    assert list(tmp_path.iterdir()) == []


def test_it_is_no_part_of_a_trials_identity(make_spec: Make) -> None:
    plain, asked = make_spec(**SMALL), make_spec(**SMALL, log={"tensorboard": True})
    assert [t.trial_id for t in planned_trials(plain)] == [
        t.trial_id for t in planned_trials(asked)
    ]


@pytest.mark.parametrize(
    ("key", "value", "module"),
    [("tensorboard", True, "tensorboardX"), ("mlflow", "runs", "mlflow"), ("wandb", "p", "wandb")],
)
def test_what_is_not_installed_is_one_line_before_anything_starts(
    key: str, value: object, module: str, make_spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.planning.preflight.find_spec", lambda name: None)
    with pytest.raises(SpecError) as error:
        check(make_spec(**SMALL, log={key: value}), None)
    assert str(error.value) == (
        f"log.{key} = {json.dumps(value)}: there is no {module} here; "
        f'pip install "classcomp[{key}]" brings it'
    )


def test_a_driver_writes_what_is_in_its_ledger(make_spec: Make, tmp_path: Path) -> None:
    spec = make_spec(**SMALL, search={"trials": 0})
    seen: list[str] = []
    trial = next_trials(spec, [])[0]
    with Ledger(tmp_path / "ledger").locked() as ledger:
        session = session_of(
            spec, tmp_path, ledger, on_record=lambda held: seen.append(held["trial_id"])
        )
        payload = {"status": "done", "error": None, "metrics": {"wall_s": 1.0}, "curves": []}
        assert session.finish(trial, {**payload, "node": "here", "attempt": 1})
    assert seen == [trial.trial_id]


def test_a_log_that_fails_is_told_once_and_left_alone(
    make_spec: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, held: object) -> None:
        raise OSError("no such server\nand more")

    monkeypatch.setattr("study.engine.logs.TensorBoardLog.add", broken)
    records, warnings = logged(make_spec(**SMALL, log={"tensorboard": True}), tmp_path)
    assert len(records) > 1
    assert warnings == ["log.tensorboard is given up: no such server; the study goes on"]
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    _, warnings = logged(make_spec(**SMALL, log={"mlflow": str(tmp_path)}), tmp_path)
    assert len(warnings) == 1


def test_tensorboard_has_curves_and_numbers(make_spec: Make, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    records, warnings = logged(make_spec(**SMALL, log={"tensorboard": True}), tmp_path)
    assert warnings == []
    places = {place.name.rpartition(" ")[2]: place for place in (tmp_path / FOLDER).iterdir()}
    assert places.keys() == {held["trial_id"] for held in records}
    found = accumulator.EventAccumulator(str(places[records[0]["trial_id"]]))
    found.Reload()
    curve = found.Scalars("trunk/train_risk")
    assert [(event.step, event.value) for event in curve] == [(1, 0.5), (2, 0.25), (4, 0.125)]
    assert found.Scalars("final/risk")[0].value == 0.25
    assert set(found.Tags()["scalars"]) == {  # what is unknown is not there
        *("trunk/train_risk", "final/risk", "final/wall_s", "final/validation_risk")
    }


class Recorded:
    """What stands in for wandb, which is not installed here: the calls it was given."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def init(self, **given: Any) -> Any:
        held: dict[str, Any] = {**given, "logged": {}, "summary": {}}
        self.runs.append(held)
        return SimpleNamespace(
            log=lambda values, step: held["logged"].update({step: values}),
            summary=held["summary"],
            finish=lambda exit_code: held.update(exit_code=exit_code),
        )


def test_wandb_is_given_a_run_for_each_trial(
    make_spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in, recorded = ModuleType("wandb"), Recorded()
    monkeypatch.setattr(stand_in, "init", recorded.init, raising=False)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    trial = planned_trials(make_spec(**SMALL))[0]
    held = record(trial, status="failed")
    WandbLog("mine", "small").add(held)
    (run,) = recorded.runs
    assert (run["project"], run["group"], run["id"]) == ("mine", "small", trial.trial_id)
    assert run["name"] == trial_title(held)
    assert run["logged"][2] == {"trunk/train_risk": 0.25}
    assert run["summary"]["risk"] == 0.25
    assert run["config"]["family"] == "linear"
    assert run["exit_code"] == 1


def fetched(address: str, within_s: float = 120.0) -> str:
    """The answer of a server that may just be starting."""
    end = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.mark.long
class TestTheyOpenIt:
    def test_tensorboard(self, make_spec: Make, tmp_path: Path) -> None:
        pytest.importorskip("tensorboard")
        logged(make_spec(**SMALL, log={"tensorboard": True}), tmp_path)
        words = ["--logdir", str(tmp_path / FOLDER), "--host", "127.0.0.1", "--port", "0"]
        command = [sys.executable, "-m", "tensorboard.main", *words, "--load_fast=false"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr is not None
                address = ""
                for line in server.stderr:
                    if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                        address = found[0]
                        break
                end = time.monotonic() + 120
                tags: dict[str, Any] = {}
                while not tags and time.monotonic() < end:  # it loads in its own time
                    tags = json.loads(fetched(f"{address}data/plugin/scalars/tags"))
                    time.sleep(0.5)
            finally:
                server.terminate()
        assert len(tags) == 3
        assert all("trunk/train_risk" in held for held in tags.values())

    @pytest.mark.filterwarnings("ignore")  # its own
    def test_mlflow(self, make_spec: Make, tmp_path: Path) -> None:
        pytest.importorskip("mlflow")
        spec = make_spec(**SMALL, log={"mlflow": str(tmp_path / "runs")})
        records, warnings = logged(spec, tmp_path)
        assert warnings == []
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db")
        experiment = client.get_experiment_by_name("small")
        assert experiment is not None
        runs = {
            run.data.tags["trial_id"]: run for run in client.search_runs([experiment.experiment_id])
        }
        assert runs.keys() == {held["trial_id"] for held in records}
        run = runs[records[0]["trial_id"]]
        assert run.data.metrics["risk"] == 0.25
        assert "excess_risk" not in run.data.metrics
        assert run.info.status == "FINISHED"
        assert float(run.data.params["hp_learning_rate"]) > 0
        curve = client.get_metric_history(run.info.run_id, "trunk/train_risk")
        assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.25), (4, 0.125)]

    @pytest.mark.filterwarnings("ignore")  # its own
    def test_mlflow_ui(self, make_spec: Make, tmp_path: Path) -> None:
        """By MLflow's server of an environment of its own, as docs/operations.md has it."""
        python = os.environ.get("MLFLOW_PYTHON", sys.executable)
        asked = [python, "-c", "import importlib.metadata as m; m.version('mlflow')"]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            pytest.skip(
                f"{python} has no MLflow; mlflow-skinny's server has no page: python3 -m venv ui "
                "&& ui/bin/pip install mlflow, then MLFLOW_PYTHON=ui/bin/python"
            )
        pytest.importorskip("mlflow")
        spec = make_spec(**SMALL, log={"mlflow": str(tmp_path / "runs")})
        records, _ = logged(spec, tmp_path)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        place = f"sqlite:///{tmp_path}/runs/mlflow.db"
        words = ["ui", "--backend-store-uri", place, "--host", "127.0.0.1", "--port", str(port)]
        command = [python, "-m", "mlflow", *words]
        with (
            (tmp_path / "ui.log").open("w") as log,
            subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log) as server,
        ):
            try:
                page = fetched(f"http://127.0.0.1:{port}/")
                asking = urllib.request.Request(
                    f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search",
                    data=json.dumps({"experiment_ids": ["1"]}).encode(),
                    headers={"Content-Type": "application/json"},
                )
                with urllib.request.urlopen(asking, timeout=60) as answer:
                    runs = json.loads(answer.read())["runs"]
            finally:
                server.terminate()
        assert "<title>MLflow</title>" in page
        ids = {
            tag["value"] for run in runs for tag in run["data"]["tags"] if tag["key"] == "trial_id"
        }
        assert ids == {held["trial_id"] for held in records}

    @pytest.mark.filterwarnings("ignore")  # its own
    def test_optuna_dashboard(self, make_spec: Make, tmp_path: Path) -> None:
        dashboard = pytest.importorskip("optuna_dashboard")
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        spec = make_spec(**SMALL)
        journal = Journal(tmp_path / "optuna.journal", spec)
        proposals = [trial for trial in planned_trials(spec) if trial.role == "search"]
        for trial in proposals:
            journal.add(record_of(trial))
        app = dashboard.wsgi(JournalStorage(JournalFileBackend(str(tmp_path / "optuna.journal"))))
        with make_server("127.0.0.1", 0, app, handler_class=_Silent) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            told = json.loads(fetched(f"http://127.0.0.1:{server.server_port}/api/studies"))
            page = fetched(f"http://127.0.0.1:{server.server_port}/dashboard")
            server.shutdown()
            thread.join()
        (study,) = told["study_summaries"]
        assert study["study_name"].startswith("linear 1 xor(sigma=0.5) ")
        assert "Optuna Dashboard" in page


class _Silent(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Requests are nobody's concern."""
