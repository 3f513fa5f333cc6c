"""Ray's part: the plan walked by one Tune experiment, every finished trial put into the ledger."""

import json
import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")

import ray
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import classcomp
import search_spaces
import study
from classcomp.populations import make
from study.ledger import Ledger, Record
from study.plan import cell_of, next_trials
from study.search import Journal, propose
from study.spec import Cell, PopulationSection, StudySpec, TrialSpec, trial_to_json
from study.trainable import TrialActor

FINISHED = str(Searcher.FINISHED)
MAX_RETRIES = 3
"""Times a trial whose worker or node died starts again."""


class ClusterError(RuntimeError):
    """The cluster asked for cannot be used; the message is one line."""


@dataclass(kw_only=True)
class Session:
    """A driver's view of one study while it runs.

    Attributes:
        spec: what is asked.
        ledger: locked by this driver.
        records: what is finished, by trial id.
        journal: Optuna's export.
        on_change: called after every finished trial and every few seconds.
        interrupted: set from a signal handler; the sweep then ends.
    """

    spec: StudySpec
    ledger: Ledger
    records: dict[str, Record]
    journal: Journal
    on_change: Callable[["Session"], None]
    interrupted: bool = False
    searched: dict[Cell, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Indexes and exports the search trials that are already there."""
        for record in self.records.values():
            self._index(record)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles what it is given, and a session lives in its driver alone."""
        return {}

    def finish(self, trial: TrialSpec, payload: Mapping[str, Any]) -> None:
        """Writes a trial's record; from here on it is never run again."""
        record: Record = {
            **trial.identity,
            "trial_id": trial.trial_id,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **payload,
        }
        self.ledger.append(record)
        self.records[trial.trial_id] = record
        self._index(record)
        self.on_change(self)

    def _index(self, record: Record) -> None:
        if record["role"] == "search":
            self.searched[cell_of(record)].append(record)
            self.journal.add(record)


class PlanSearcher(Searcher):
    """Walks the plan: Tune asks for the next trial, the plan answers."""

    def __init__(self, session: Session, data_dir: str | None) -> None:
        """Binds the searcher to the driver's session."""
        super().__init__()
        self._session = session
        self._data_dir = data_dir
        self._queue: deque[TrialSpec] = deque()
        self._is_stale = True
        self._refilled, self._refill_s = 0.0, 0.0
        self.in_flight: dict[str, TrialSpec] = {}
        self.stopped: set[str] = set()
        self.failures: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial, None while everything left waits for a search, or FINISHED."""
        if self._session.interrupted:
            return FINISHED
        if self._is_stale and (not self._queue or self._is_refill_cheap()):
            self._refill()
        if not self._queue:
            return None if self.in_flight else FINISHED
        trial = self._queue.popleft()
        if trial.hyperparameters is None:
            trial = replace(trial, hyperparameters=self._proposal(trial))
        self.in_flight[trial_id] = trial
        resources = self._session.spec.resources
        return {
            "trial": trial_to_json(trial),
            "data_dir": self._data_dir,
            "cpus": resources.cpus_per_trial,
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Puts what is finished into the ledger; an interrupted trial leaves no trace."""
        trial = self.in_flight.pop(trial_id, None)
        if trial is None:
            return
        self._is_stale = True
        attempt = self.failures.get(trial_id, 0)
        if error:
            message = f"the worker died {attempt} times"
            lost = {"status": "failed", "error": message, "metrics": {}, "curves": []}
            self._session.finish(trial, {**lost, "node": None, "attempt": attempt})
            return
        payload = _payload(result)
        if payload is None:
            return
        if payload["status"] == "running" and trial_id in self.stopped:
            payload["status"] = "stopped"
        if payload["status"] != "running":
            self._session.finish(trial, {**payload, "attempt": attempt + 1})

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """A sign of life."""
        self._session.on_change(self._session)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the ledger is the state."""

    def _refill(self) -> None:
        begin = time.monotonic()
        self._is_stale = False
        taken = {_flight_key(trial) for trial in self.in_flight.values()}
        planned = next_trials(self._session.spec, self._session.records.values())
        self._queue = deque(trial for trial in planned if _flight_key(trial) not in taken)
        self._refilled, self._refill_s = time.monotonic(), time.monotonic() - begin

    def _is_refill_cheap(self) -> bool:
        """Planning a large study takes seconds: it may cost a twentieth of the time."""
        return time.monotonic() - self._refilled > 20 * self._refill_s

    def _proposal(self, trial: TrialSpec) -> dict[str, Any]:
        flying = [
            other.hyperparameters
            for other in self.in_flight.values()
            if other.role == "search" and other.cell == trial.cell and other.hyperparameters
        ]
        finished = self._session.searched[trial.cell]
        return propose(self._session.spec, trial.cell, trial.seed, finished, flying)


class CellScheduler(FIFOScheduler):
    """One upstream ASHA for each cell, so that a hard cell is not pruned for being hard.

    Only search trials are ever stopped.
    """

    def __init__(self, session: Session, searcher: PlanSearcher) -> None:
        """Binds the scheduler to the driver's session."""
        super().__init__()
        self._session = session
        self._searcher = searcher
        self._asha: dict[Cell, ASHAScheduler] = {}

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Opens the cell's ASHA with the rungs its finished trials had reached."""
        cell = self._search_cell(trial)
        if cell is not None:
            if cell not in self._asha:
                self._asha[cell] = self._replayed(cell)
            self._asha[cell].on_trial_add(tune_controller, trial)

    def on_trial_result(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> str:
        """ASHA's verdict for a search trial; the others go on."""
        cell = self._search_cell(trial)
        if cell is None or result["validation_risk"] is None:
            return str(TrialScheduler.CONTINUE)
        verdict = str(self._asha[cell].on_trial_result(tune_controller, trial, result))
        if verdict == TrialScheduler.STOP:
            self._searcher.stopped.add(trial.trial_id)
        return verdict

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """The trial's rungs stay; nothing else is known of it."""

    def _search_cell(self, trial: TuneTrial) -> Cell | None:
        flying = self._searcher.in_flight.get(trial.trial_id)
        return flying.cell if flying is not None and flying.role == "search" else None

    def _replayed(self, cell: Cell) -> ASHAScheduler:
        section = self._session.spec.search
        asha = ASHAScheduler(
            time_attr="epoch",
            metric="validation_risk",
            mode="min",
            max_t=section.max_epochs,
            grace_period=section.grace_epochs,
            reduction_factor=section.reduction_factor,
        )
        for record in sorted(self._session.searched[cell], key=lambda r: int(r["seed"])):
            past = SimpleNamespace(trial_id=record["trial_id"])
            asha.on_trial_add(None, past)
            risks = [c["validation_risk"] for c in record["curves"]]
            for epoch, risk in enumerate([r for r in risks if r is not None], start=1):
                asha.on_trial_result(None, past, {"epoch": epoch, "validation_risk": risk})
        return asha


class InterruptStopper(Stopper):
    """Ends the sweep once a signal came."""

    def __init__(self, session: Session) -> None:
        """Watches the session."""
        self._session = session

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never ends a single trial."""
        return False

    def stop_all(self) -> bool:
        """Whether a signal came."""
        return self._session.interrupted


class RetryCounter(ray.tune.Callback):
    """Counts how often a trial's worker or node died."""

    def __init__(self, searcher: PlanSearcher) -> None:
        """Counts into the searcher, which writes the records."""
        self._searcher = searcher

    def on_trial_recover(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """One more death survived."""
        self._searcher.failures[trial.trial_id] = int(trial.num_failures)


@contextmanager
def connected(*, cluster: bool, address: str | None) -> Iterator[None]:
    """Ray for the time of a sweep: a local one, or the cluster that is there.

    Raises:
        ClusterError: `--cluster` was asked for and no cluster answers.
    """
    where = address or os.environ.get("RAY_ADDRESS") or "auto"
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    if not cluster:
        ray.init(address="local", include_dashboard=False, **quiet)
    else:
        packages = [_folder(module) for module in (classcomp, search_spaces, study)]
        try:
            _check_reachable(where)
            ray.init(address=where, runtime_env={"py_modules": packages}, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            place = "on this machine" if where == "auto" else f"at {where}"
            raise ClusterError(
                f"--cluster: no Ray cluster answers {place} ({_first_line(error)}); "
                "start one with `ray start --head`, or name it with --address HOST:PORT"
            ) from None
    try:
        yield
    finally:
        ray.shutdown()


def num_slots(spec: StudySpec) -> int:
    """Trials that run side by side on what Ray has.

    Raises:
        ClusterError: not one fits.
    """
    have = ray.cluster_resources()
    resources = spec.resources
    slots = have.get("CPU", 0.0) / resources.cpus_per_trial
    if resources.gpus_per_trial > 0:
        slots = min(slots, have.get("GPU", 0.0) / resources.gpus_per_trial)
    if slots < 1:
        raise ClusterError(
            f"resources: a trial needs {resources.cpus_per_trial:g} CPU and "
            f"{resources.gpus_per_trial:g} GPU; there are {have.get('CPU', 0.0):g} CPU and "
            f"{have.get('GPU', 0.0):g} GPU"
        )
    return int(slots)


def stage_data(populations: Sequence[PopulationSection], data_dir: str | None) -> None:
    """Decodes every real data set once on every node, before any trial asks for it."""
    sections = [(population.name, population.parameters) for population in populations]
    task = ray.remote(num_cpus=0)(_stage_all)
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    ray.get(
        [
            task.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False)
            ).remote(sections, data_dir)
            for node in nodes
        ]
    )


def launch_sweep(session: Session, directory: Path, data_dir: str | None) -> None:
    """Runs everything that is still to be run; returns when it is, or when interrupted.

    Args:
        session: with a locked ledger.
        directory: of the study; Tune's own files go to its folder `tune`.
        data_dir: where real images are looked for first.
    """
    resources = session.spec.resources
    searcher = PlanSearcher(session, data_dir)
    tuner = Tuner(
        ray.tune.with_resources(
            TrialActor, {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
        ),
        tune_config=TuneConfig(
            num_samples=-1,
            search_alg=searcher,
            scheduler=CellScheduler(session, searcher),
            # As many again wait, so that a slot that falls free is taken at once.
            max_concurrent_trials=2 * num_slots(session.spec),
            reuse_actors=True,
            trial_name_creator=_name,
            trial_dirname_creator=_dirname,
        ),
        run_config=RunConfig(
            name="tune",
            storage_path=str(directory.resolve()),
            verbose=0,
            stop=InterruptStopper(session),
            callbacks=[RetryCounter(searcher)],
            failure_config=FailureConfig(max_failures=MAX_RETRIES),
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    tuner.fit()


def _check_reachable(address: str) -> None:
    """Fails at once where `ray.init` would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "/" not in address and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _stage_all(sections: Sequence[tuple[str, dict[str, Any]]], data_dir: str | None) -> None:
    for name, parameters in sections:
        make(name, data_dir=data_dir, **parameters).num_available("train")


def _payload(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not result or not result.get("payload"):
        return None
    return dict(json.loads(result["payload"]))


def _flight_key(trial: TrialSpec) -> tuple[Any, ...]:
    return (trial.role, trial.cell, trial.seed)


def _name(trial: TuneTrial) -> str:
    return str(trial.trial_id)


def _dirname(trial: TuneTrial) -> str:
    return str(trial.trial_id)


def _folder(module: ModuleType) -> str:
    assert module.__file__ is not None
    return str(Path(module.__file__).parent)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
