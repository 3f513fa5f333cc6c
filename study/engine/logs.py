"""Finished trials for TensorBoard, MLflow and Weights & Biases, where `[log]` asks for them.

A trial is a run there, written when its record is in the ledger. Nothing is read back, and a log
that fails is left alone after one warning: it ends no study.
"""

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.storage.store import first_line
from study.trials.schema import PREFIX
from study.trials.trial import trial_title

FOLDER = "tensorboard"
"""In the study's folder: a folder each trial."""
CURVE = ("train_loss", "train_risk", "validation_risk", "risk")
DATABASE = "mlflow.db"


class Log(Protocol):
    """Where finished trials are written to."""

    def add(self, record: Record) -> None:
        """Writes one."""


class Logs:
    """All that a study asks for; `add` is given every record that this driver finishes."""

    def __init__(self, spec: StudySpec, folder: Path, warn: Callable[[str], None]) -> None:
        """Opens them.

        Args:
            spec: what is asked.
            folder: the study's.
            warn: is told why a log is left alone.
        """
        self._warn = warn
        self._logs: dict[str, Log] = {}
        made: dict[str, Callable[[], Log]] = {}
        if spec.log.tensorboard:
            made["tensorboard"] = lambda: TensorBoardLog(folder / FOLDER)
        if spec.log.mlflow is not None:
            place = spec.log.mlflow
            made["mlflow"] = lambda: MlflowLog(place, spec.name)
        if spec.log.wandb is not None:
            project = spec.log.wandb
            made["wandb"] = lambda: WandbLog(project, spec.name)
        for name, make in made.items():
            try:
                self._logs[name] = make()
            except Exception as error:
                self._leave(name, error)

    def add(self, record: Record) -> None:
        """Writes a finished trial into each of them."""
        for name, log in list(self._logs.items()):
            try:
                log.add(record)
            except Exception as error:
                self._leave(name, error)

    def _leave(self, name: str, error: Exception) -> None:
        self._logs.pop(name, None)
        self._warn(f"log.{name} is given up: {first_line(error)}; the study goes on")


class TensorBoardLog:
    """Event files: curves against steps, and what was measured at the end."""

    def __init__(self, folder: Path) -> None:
        """Writes nothing yet."""
        from tensorboardX import SummaryWriter

        self._writer, self._folder = SummaryWriter, folder

    def add(self, record: Record) -> None:
        """Writes a trial's folder, named after what it is of."""
        name = re.sub(r"[^A-Za-z0-9_.=-]+", " ", trial_title(record))[:120]
        finished = _finished(record)
        place = self._folder / f"{name} {record['trial_id']}"
        with self._writer(logdir=str(place), write_to_disk=True) as writer:
            for tag, step, value in _points(record):
                writer.add_scalar(tag, value, step, walltime=finished)
            for tag, value in _final(record).items():
                writer.add_scalar(f"final/{tag}", value, 0, walltime=finished)
            about = {**_about(record), **_hyperparameters(record)}
            writer.add_text("trial", "\n".join(f"    {k}: {v}" for k, v in about.items()))


class MlflowLog:
    """A run for each trial, in the experiment of the study's name."""

    def __init__(self, place: str, experiment: str) -> None:
        """Connects.

        Args:
            place: a tracking server's or database's address, or a folder for a database of its own.
            experiment: its name; made where it is not there.
        """
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table it makes
        if "://" not in place:
            Path(place).mkdir(parents=True, exist_ok=True)
            place = f"sqlite:///{(Path(place) / DATABASE).absolute()}"
        self._client = MlflowClient(place)
        found = self._client.get_experiment_by_name(experiment)
        self._experiment = (
            self._client.create_experiment(experiment) if found is None else found.experiment_id
        )

    def add(self, record: Record) -> None:
        """Writes a run: its curves and numbers, its hyperparameters, what it is of as tags."""
        from mlflow.entities import Metric, Param

        finished = round(1000 * _finished(record))
        took = round(1000 * float(record["metrics"].get("wall_s") or 0.0))
        run = self._client.create_run(
            self._experiment,
            start_time=finished - took,
            run_name=trial_title(record),
            tags={name: str(value) for name, value in _about(record).items()},
        )
        metrics = [Metric(name, value, finished, 0) for name, value in _final(record).items()]
        metrics += [Metric(tag, value, finished, step) for tag, step, value in _points(record)]
        params = [Param(name, str(value)) for name, value in _hyperparameters(record).items()]
        for begin in range(0, max(len(metrics), 1), 1000):  # more at once are refused
            self._client.log_batch(
                run.info.run_id,
                metrics=metrics[begin : begin + 1000],
                params=params if begin == 0 else [],
            )
        ended = "FAILED" if record["status"] == "failed" else "FINISHED"
        self._client.set_terminated(run.info.run_id, ended, finished)


class WandbLog:
    """A run for each trial, in a group of the study's name."""

    def __init__(self, project: str, group: str) -> None:
        """Writes nothing yet: wandb asks for its key when the first run begins."""
        import wandb

        self._wandb, self._project, self._group = wandb, project, group

    def add(self, record: Record) -> None:
        """Writes a run, under the trial's own id."""
        run = self._wandb.init(
            project=self._project,
            group=self._group,
            id=record["trial_id"],
            name=trial_title(record),
            job_type=record["role"],
            config={**_about(record), **_hyperparameters(record)},
            reinit="finish_previous",
        )
        for step, held in _by_step(record).items():
            run.log(held, step=step)
        run.summary.update(_final(record))
        run.finish(exit_code=int(record["status"] == "failed"))


def _about(record: Record) -> dict[str, Any]:
    """What a trial is of."""
    names = ("trial_id", "role", "status", "family", "task", "depth", "population", "distortion")
    more = ("severity", "num_train", "latent_dim", "capacity", "seed", "error")
    return {n: record[n] for n in (*names, *more) if record.get(n) is not None}


def _hyperparameters(record: Record) -> Mapping[str, Any]:
    return {
        f"{PREFIX}{name}": value for name, value in (record.get("hyperparameters") or {}).items()
    }


def _final(record: Record) -> dict[str, float]:
    """What was measured, as far as it is a finite number."""
    return {name: float(v) for name, v in record["metrics"].items() if _is_number(v)}


def _points(record: Record) -> Iterator[tuple[str, int, float]]:
    """Of every point of a curve its name, step and value."""
    for point in record["curves"]:
        for name in CURVE:
            if _is_number(point.get(name)) and point.get("step") is not None:
                yield f"{point.get('phase') or 'curve'}/{name}", int(point["step"]), point[name]


def _by_step(record: Record) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for tag, step, value in _points(record):
        found.setdefault(step, {})[tag] = value
    return dict(sorted(found.items()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _finished(record: Record) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(record["finished_at"]).timestamp()
