"""Ray's part: the plan walked by one Tune experiment, every finished trial put into the ledger."""

import json
import os
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1000000000")  # the ledger is the state
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # they are rows

import ray
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from study.cluster import num_slots
from study.ledger import Record
from study.monitoring import Metrics, MetricsCallback, TaskNames
from study.plan import next_trials
from study.progress import trial_title
from study.search import propose
from study.session import Session
from study.spec import Cell, TrialSpec, trial_from_json, trial_to_json
from study.storage import NO_ROOM
from study.trainable import TrialActor

FINISHED = str(Searcher.FINISHED)
MAX_RETRIES = 3
"""Times a trial whose worker or node died starts again."""


class SweepEnded(BaseException):
    """Leaves Tune's loop between two of its steps.

    Not an Exception: after one, as at its own end, Tune waits for every actor's current step.
    """


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
        self.deaths: dict[str, list[str]] = defaultdict(list)

    @property
    def records(self) -> Mapping[str, Record]:
        """What is finished, by trial id."""
        return self._session.records

    @property
    def num_waiting(self) -> int:
        """Trials that could start and have not been given to Tune."""
        return len(self._queue)

    @property
    def num_deaths(self) -> int:
        """Times a trial's worker or node died."""
        return sum(len(causes) for causes in self.deaths.values())

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial, None while everything left waits for a search, or FINISHED."""
        if self._session.ending is not None:
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
            "store": self._session.store.address,
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
        deaths = self.deaths[trial_id]
        attempt = len(deaths) + 1
        if error:
            attempt = len(deaths)
            message = f"the worker died {attempt} times, at last: {deaths[-1]}"
            lost = {"status": "failed", "error": message, "metrics": {}, "curves": []}
            self._session.finish(trial, {**lost, "node": None, "attempt": attempt})
            return
        payload = _payload(result)
        if payload is None:
            return
        if payload["status"] == "running" and trial_id in self.stopped:
            payload["status"] = "stopped"
        if payload["status"] != "running":
            self._session.finish(trial, {**payload, "attempt": attempt})

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
        """One more death of a worker or node; the trial's rungs stay."""
        self._searcher.deaths[trial.trial_id].append(_last_words(trial))

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


class EndWatch(ray.tune.Callback):
    """Ends the sweep between two of Tune's steps, a fraction of a second each."""

    def __init__(self, session: Session) -> None:
        """Watches the session."""
        self._session = session

    def on_step_begin(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Leaves Tune's loop where the session ends."""
        if self._session.ending is not None:
            raise SweepEnded


def launch_sweep(session: Session, data_dir: str | None) -> None:
    """Runs everything that is still to be run; returns when it is, or when the session ends.

    Args:
        session: with a locked ledger; its `ending` tells why not everything was run.
        data_dir: where real images are looked for first.
    """
    # Tune's own files are of no use to us: the ledger is the state.
    with tempfile.TemporaryDirectory(prefix="classcomp-tune-") as scratch:
        try:
            _tuner(session, scratch, data_dir).fit()
        except SweepEnded:
            return
        except Exception as error:
            session.ending = session.ending or _storage_failure(error)
            if session.ending is None:
                raise


def _tuner(session: Session, scratch: str, data_dir: str | None) -> Tuner:
    resources = session.spec.resources
    slots = num_slots(session.spec)
    searcher = PlanSearcher(session, data_dir)
    return Tuner(
        ray.tune.with_resources(
            TrialActor, {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
        ),
        tune_config=TuneConfig(
            num_samples=-1,
            search_alg=searcher,
            scheduler=CellScheduler(session, searcher),
            # As many again wait, so that a slot that falls free is taken at once.
            max_concurrent_trials=2 * slots,
            reuse_actors=True,
            trial_name_creator=_name,
            trial_dirname_creator=_dirname,
        ),
        run_config=RunConfig(
            name="tune",
            storage_path=scratch,
            verbose=0,
            callbacks=[
                EndWatch(session),
                TaskNames(),
                MetricsCallback(Metrics(session.spec, slots), searcher),
            ],
            failure_config=FailureConfig(max_failures=MAX_RETRIES),
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
        ),
    )


def _storage_failure(error: BaseException | None) -> OSError | None:
    """The full disk that Tune's error came from, if it did."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return error
        error = error.__cause__ or error.__context__
    return None


def _last_words(trial: TuneTrial) -> str:
    """What Ray says of a worker's death, on one line."""
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8")
    except (OSError, TypeError):
        return "no reason was given"
    return " ".join(text.rpartition("Failure # ")[2].partition("\n")[2].split())[:300]


def _payload(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not result or not result.get("payload"):
        return None
    return dict(json.loads(result["payload"]))


def _flight_key(trial: TrialSpec) -> tuple[Any, ...]:
    return (trial.role, trial.cell, trial.seed)


def _name(trial: TuneTrial) -> str:
    return trial_title(trial_from_json(trial.config["trial"]).identity)


def _dirname(trial: TuneTrial) -> str:
    return str(trial.trial_id)
