"""Tune's searcher: it walks the plan, and puts what is finished into the ledger."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ray.tune.search import Searcher

from study.engine.proposals import propose
from study.engine.session import Session
from study.engine.worker import UNKEPT
from study.planning.plan import next_trials
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.selection import search_of
from study.trials.trial import Cell, TrialSpec, trial_to_json

FINISHED = str(Searcher.FINISHED)


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
        if payload["status"] == UNKEPT:
            self._session.give_up(trial, payload["error"], payload["errno"])
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
        search = search_of(trial.cell, trial.seed)
        flying = [
            other.hyperparameters
            for other in self.in_flight.values()
            if ROLES[other.role].is_searched
            and search_of(other.cell, other.seed) == search
            and other.hyperparameters
        ]
        finished = self._session.searched[search]
        return propose(self._session.spec, trial.cell, trial.seed, finished, flying)


def _payload(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not result or not result.get("payload"):
        return None
    return dict(json.loads(result["payload"]))


def _flight_key(trial: TrialSpec) -> tuple[str, Cell, int]:
    return (trial.role, trial.cell, trial.seed)
