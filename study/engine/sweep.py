"""The sweep: everything that is still to be run, as one Tune experiment that is always full."""

from typing import Any

import ray
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner
from ray.tune.experiment import Trial as TuneTrial

from study.engine.cluster import num_slots
from study.engine.monitoring import Metrics, MetricsCallback, TaskNames
from study.engine.private import scratch
from study.engine.releasing import NoProgress, Silence, lean
from study.engine.scheduler import CellScheduler
from study.engine.searcher import PlanSearcher
from study.engine.session import Session
from study.engine.worker import TrialActor
from study.storage.store import NO_ROOM
from study.trials.trial import trial_from_json, trial_title

MAX_RETRIES = 3
"""Times a trial whose worker or node died starts again."""


class SweepEnded(BaseException):
    """Leaves Tune's loop between two of its steps.

    Not an Exception: after one, as at its own end, Tune waits for every actor's current step.
    """


class EndWatch(ray.tune.Callback):
    """Ends the sweep between two of Tune's steps, a fraction of a second each."""

    def __init__(self, session: Session, searcher: PlanSearcher) -> None:
        """Watches the session."""
        self._session, self._searcher = session, searcher

    def on_step_begin(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Leaves Tune's loop where the session ends."""
        self._session.look_after_ledger()
        if self._session.ending is not None:
            raise SweepEnded

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Leaves it where nothing is left: Tune's own end waits for actors, and reads its files."""
        if self._searcher.is_over:
            raise SweepEnded


def launch_sweep(session: Session, data_dir: str | None) -> None:
    """Runs everything that is still to be run; returns when it is, or when the session ends.

    Args:
        session: with a locked ledger; its `ending` tells why not everything was run.
        data_dir: where real images are looked for first.
    """
    searcher = PlanSearcher(session, data_dir)
    metrics = MetricsCallback(Metrics(session.spec, num_slots(session.spec)), searcher)
    # Tune's own files are of no use to us: the ledger is the state.
    with scratch() as place:
        try:
            with lean():
                _tuner(session, searcher, metrics, place).fit()
        except SweepEnded:
            metrics.on_experiment_end([])  # of which Tune knows nothing
        except Exception as error:
            session.ending = session.ending or _storage_failure(error)
            if session.ending is None:
                raise


def _tuner(session: Session, searcher: PlanSearcher, metrics: MetricsCallback, place: str) -> Tuner:
    return Tuner(
        TrialActor,
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
            storage_path=place,
            verbose=0,
            progress_reporter=Silence(),
            callbacks=[EndWatch(session, searcher), TaskNames(), metrics, NoProgress()],
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


def _name(trial: TuneTrial) -> str:
    first, *others = trial.config["trials"]
    title = trial_title(trial_from_json(first).identity)
    return f"{title} and {len(others)} more" if others else title


def _dirname(trial: TuneTrial) -> str:
    return str(trial.trial_id)
