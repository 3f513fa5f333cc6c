"""What runs inside a Ray worker: one experiment at a time, in an actor that is used again."""

import json
import math
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from ray.tune import Trainable

from classcomp.experiment import Experiment
from study.spec import TrialSpec, trial_from_json

SLICE_S = 5.0
"""Seconds between two signs of life of a trial nobody needs to decide about."""


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
            self._experiment = Experiment(self._trial, data_dir=self._data_dir)
        experiment, begin = self._experiment, time.monotonic()
        is_search = self._trial.role == "search"
        while not experiment.finished:
            progress = experiment.advance()
            if is_search and progress.validation_risk is not None:
                self._epoch += 1
                break
            if not is_search and time.monotonic() - begin > SLICE_S:
                break
        return self._result(status="done" if experiment.finished else "running", error=None)

    def _result(self, *, status: str, error: str | None) -> dict[str, Any]:
        outcome = self._experiment.outcome if self._experiment is not None else None
        curves = [asdict(progress) for progress in outcome.curves] if outcome else []
        last = curves[-1]["validation_risk"] if curves else None
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
            "validation_risk": last,
            "done": status != "running",
        }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same numbers for JSON; what is not finite is unknown."""
    return {key: None if _is_not_finite(value) else value for key, value in row.items()}


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
