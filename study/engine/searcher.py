"""Tune's searcher: it walks the plan, and puts what is finished into the ledger."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ray.tune.search import Searcher

from study.engine.proposals import propose
from study.engine.session import Session
from study.engine.worker import UNKEPT
from study.planning.agenda import Agenda
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.selection import search_of
from study.trials.trial import TrialSpec, trial_to_json

FINISHED = str(Searcher.FINISHED)


class PlanSearcher(Searcher):
    """Walks the plan: Tune asks for the next trial, the plan answers."""

    def __init__(self, session: Session, data_dir: str | None) -> None:
        """Binds the searcher to the driver's session."""
        super().__init__()
        self._session = session
        self._data_dir = data_dir
        self._agenda = Agenda(session.spec, session.records, session.searched)
        self.flights: dict[str, list[TrialSpec]] = {}
        self.stopped: set[str] = set()
        self.deaths: dict[str, list[str]] = defaultdict(list)

    @property
    def records(self) -> Mapping[str, Record]:
        """What is finished, by trial id."""
        return self._session.records

    @property
    def in_flight(self) -> list[TrialSpec]:
        """What Tune has, running or next in line."""
        return [trial for flight in self.flights.values() for trial in flight]

    @property
    def num_waiting(self) -> int:
        """Trials that could start and have not been given to Tune."""
        return len(self._agenda)

    @property
    def is_over(self) -> bool:
        """Whether everything that was planned has run."""
        return not self.flights and not self._agenda

    @property
    def num_deaths(self) -> int:
        """Times a trial's worker or node died."""
        return sum(len(causes) for causes in self.deaths.values())

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial, None while everything left waits for a search, or FINISHED."""
        if self._session.ending is not None:
            return FINISHED
        resources = self._session.spec.resources
        flight = self._agenda.take(resources.seeds_per_trial)
        if not flight:
            return None if self.flights else FINISHED
        if flight[0].hyperparameters is None:
            flight = [replace(trial, hyperparameters=self._proposal(trial)) for trial in flight]
        self.flights[trial_id] = flight
        return {
            "trials": [trial_to_json(trial) for trial in flight],
            "data_dir": self._data_dir,
            "store": self._session.store.address,
            "cpus": resources.cpus_per_trial,
            "gpus": resources.gpus_per_trial,
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Puts what is finished into the ledger; an interrupted trial leaves no trace."""
        flight = self.flights.pop(trial_id, [])
        payloads = self._payloads(trial_id, flight, result, error)
        for trial, payload in zip(flight, payloads, strict=True):
            if self._is_kept(trial, payload):
                self._agenda.finish(trial)
            else:
                self._agenda.put_back(trial)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """A sign of life."""
        self._session.on_change(self._session)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the ledger is the state."""

    def _payloads(
        self, trial_id: str, flight: list[TrialSpec], result: Mapping[str, Any] | None, error: bool
    ) -> list[dict[str, Any] | None]:
        """What there is to be written of each trial of a flight; None: nothing."""
        deaths = self.deaths.get(trial_id, [])
        if error:
            message = f"the worker died {len(deaths)} times, at last: {deaths[-1]}"
            lost = {"status": "failed", "error": message, "metrics": {}, "curves": []}
            return [{**lost, "node": None, "attempt": len(deaths)} for _ in flight]
        if not result or not result.get("payload"):
            return [None for _ in flight]
        is_stopped = trial_id in self.stopped
        self.stopped.discard(trial_id)
        payloads: list[dict[str, Any]] = json.loads(result["payload"])
        for payload in payloads:
            payload["attempt"] = len(deaths) + 1
            if payload["status"] == "running" and is_stopped:
                payload["status"] = "stopped"
        return list(payloads)

    def _is_kept(self, trial: TrialSpec, payload: dict[str, Any] | None) -> bool:
        """Writes a trial's record, where it has one."""
        if payload is None or payload["status"] == "running":
            return False
        if payload["status"] == UNKEPT:
            self._session.give_up(trial, payload["error"], payload["errno"])
            return False
        return self._session.finish(trial, payload)

    def _proposal(self, trial: TrialSpec) -> dict[str, Any]:
        search = search_of(trial.cell, trial.seed)
        flying = [
            other.hyperparameters
            for other in self.in_flight
            if ROLES[other.role].is_searched
            and search_of(other.cell, other.seed) == search
            and other.hyperparameters
        ]
        finished = self._session.searched[search]
        return propose(self._session.spec, trial.cell, trial.seed, finished, flying)
