"""What runs inside a Ray worker: one experiment at a time, in an actor that is used again."""

import io
import json
import math
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import torch
from ray.tune import Trainable

from classcomp.experiment import Experiment
from study.spec import TrialSpec, trial_from_json
from study.storage import StorageError, Store, store_at

SLICE_S = 5.0
"""Seconds between two signs of life of a trial nobody needs to decide about."""
CHECKPOINT_EVERY_S = 60.0
"""Seconds of a trial that the death of a worker, a node or the driver may cost at most."""


class TrialActor(Trainable):
    """Tune's class interface around `classcomp.experiment.Experiment`.

    A result is `{"payload": JSON, "epoch", "validation_risk", "done"}`. An exception of the
    experiment is a result too: a failed trial is a row of the table, and the actor lives on.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Takes the first trial."""
        torch.set_num_threads(max(1, math.floor(config["cpus"])))
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial."""
        self._address: str = new_config["store"]
        self._trial: TrialSpec = trial_from_json(new_config["trial"])
        self._data_dir: str | None = new_config["data_dir"]
        self._experiment: Experiment | None = None
        self._epoch = 0
        return True

    def step(self) -> dict[str, Any]:
        """One epoch of a search trial; of any other as many as fit into a few seconds."""
        try:
            return self._advance()
        except Exception as error:
            return self._result(status="failed", error=_one_line(error))

    def _advance(self) -> dict[str, Any]:
        if self._experiment is None:
            self._experiment = self._taken_up()
            self._saved = time.monotonic()
        experiment, begin = self._experiment, time.monotonic()
        is_search = self._trial.role == "search"
        # A search that was taken up reports the epochs before it again: its ASHA may be new.
        while not experiment.finished and not (is_search and len(self._risks) > self._epoch):
            experiment.advance()
            self._save_if_due()
            if not is_search and time.monotonic() - begin > SLICE_S:
                break
        self._epoch += is_search
        is_done = experiment.finished and (not is_search or len(self._risks) == self._epoch)
        return self._result(status="done" if is_done else "running", error=None)

    @property
    def _risks(self) -> list[float]:
        curves = self._experiment.outcome.curves if self._experiment is not None else ()
        return [p.validation_risk for p in curves if p.validation_risk is not None]

    @property
    def _store(self) -> Store:
        return store_at(self._address)

    def _taken_up(self) -> Experiment:
        """The experiment from its checkpoint, where an attempt before this one left one."""
        with suppress(Exception):  # a damaged checkpoint costs a repetition, not the trial
            saved = self._store.read(checkpoint_name(self._trial.trial_id))
            if saved is not None:
                state = torch.load(io.BytesIO(saved), weights_only=True, map_location="cpu")
                experiment = Experiment(self._trial, data_dir=self._data_dir)
                experiment.load_state_dict(state)
                return experiment
        return Experiment(self._trial, data_dir=self._data_dir)

    def _save_if_due(self) -> None:
        assert self._experiment is not None
        if self._experiment.finished or time.monotonic() - self._saved < CHECKPOINT_EVERY_S:
            return
        state = io.BytesIO()
        torch.save(self._experiment.state_dict(), state)
        with suppress(OSError, StorageError):  # the trial goes on without
            self._store.write(checkpoint_name(self._trial.trial_id), state.getvalue())
        self._saved = time.monotonic()

    def _result(self, *, status: str, error: str | None) -> dict[str, Any]:
        outcome = self._experiment.outcome if self._experiment is not None else None
        curves = [asdict(progress) for progress in outcome.curves] if outcome else []
        is_wanted = status != "running" or self._trial.role == "search"
        payload = {
            "status": status,
            "error": error,
            "metrics": _plain(outcome.metrics) if outcome else {},
            "curves": [_plain(row) for row in curves],
            "node": platform.node(),
        }
        return {
            "payload": json.dumps(payload) if is_wanted else None,
            "epoch": self._epoch,
            "validation_risk": self._risks[self._epoch - 1] if self._epoch else None,
            "done": status != "running",
        }


def checkpoint_name(trial_id: str) -> str:
    """Where a trial's checkpoint is in the study's place."""
    return f"checkpoints/{trial_id}.pt"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same numbers for JSON; what is not finite is unknown."""
    return {key: None if _is_not_finite(value) else value for key, value in row.items()}


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
