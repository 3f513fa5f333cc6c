"""Tune's loop as a study needs it: finished trials are let go, actors that start are let start."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.tune import ProgressReporter
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.progress_reporter import TrialProgressCallback

from study.engine.replacing import replaced


class LeanController(TuneController):
    """Tune's controller, leaner in two places."""

    def on_step_begin(self) -> None:
        """Lets go of what has finished; between two steps nobody looks at it.

        Tune keeps every trial for its analysis at the end, each with a history of every number
        that it reported, and looks through all of them now and then. Ours are in the
        ledger by then.
        """
        over = {trial for trial in self._trials if trial.is_finished()}
        if over:
            for listed in (self._trials, self._pending_trials_list):
                listed[:] = [trial for trial in listed if trial not in over]
            for trials in (self._live_trials, self._stopped_trials, self._failed_trials):
                trials -= over
            self._trials_to_cache -= over  # for a file of Tune's own that nobody reads
            for trial in over:
                self._trial_metadata.pop(trial.trial_id, None)
        super().on_step_begin()

    def _maybe_reuse_cached_actor(self, trial: TuneTrial) -> bool:
        """Gives a trial the actor of one that is over, unless its own has room and is starting.

        Tune takes that one off, and starts another for the trial after it: where trials are
        shorter than a worker's start all of them run in the worker that happened to be first.
        """
        own = self._trial_to_actor.get(trial)
        if own is not None and own in self._actor_manager._live_actors_to_ray_actors_resources:
            return False
        return bool(super()._maybe_reuse_cached_actor(trial))


@contextmanager
def lean() -> Iterator[None]:
    """Lets Tune run with a `LeanController`."""
    with replaced(sys.modules["ray.tune.tune"], "TuneController", LeanController):
        yield


class NoProgress(TrialProgressCallback):
    """Keeps nothing: Tune's own keeps every trial, to print nothing of it."""

    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """Nothing."""

    def on_trial_error(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """Nothing."""

    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """Nothing."""


class Silence(ProgressReporter):
    """Prints nothing: Tune's own reporter looks at all trials to print nothing."""

    def should_report(self, trials: list[TuneTrial], done: bool = False) -> bool:
        """Never."""
        return False

    def report(self, trials: list[TuneTrial], done: bool, *sys_info: str) -> None:
        """Nothing."""
