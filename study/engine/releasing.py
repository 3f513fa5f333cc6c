"""Tune's finished trials are let go.

Tune keeps every trial of an experiment for its analysis at the end, each with a history of every
number that it reported, some 17 kB, and looks through all of them now and then. Ours are in the
ledger as soon as they are finished.
"""

from typing import Any

from ray.tune import ProgressReporter
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as TuneTrial


def release_finished(controller: Any) -> None:
    """Takes finished trials out of Tune's controller.

    Between two of its steps nobody looks at one: it is in none of the tables of what is to come.

    Args:
        controller: as a scheduler's methods are given it, wrapped or not.
    """
    held: TuneController = getattr(controller, "_tune_controller", controller)
    over = {trial for trial in held._trials if trial.is_finished()}
    if not over:
        return
    for listed in (held._trials, held._pending_trials_list):
        listed[:] = [trial for trial in listed if trial not in over]
    for trials in (held._live_trials, held._stopped_trials, held._failed_trials):
        trials -= over
    held._trials_to_cache -= over  # for a file of Tune's own that nobody reads
    for trial in over:
        held._trial_metadata.pop(trial.trial_id, None)


class Silence(ProgressReporter):
    """Prints nothing: Tune's own reporter looks at all trials to print nothing."""

    def should_report(self, trials: list[TuneTrial], done: bool = False) -> bool:
        """Never."""
        return False

    def report(self, trials: list[TuneTrial], done: bool, *sys_info: Any) -> None:
        """Nothing."""
