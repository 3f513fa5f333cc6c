"""What Tune keeps of trials that are finished: nothing."""

from types import SimpleNamespace

import pytest
import ray
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from study.engine.local import PlainActors
from study.engine.releasing import LeanController, NoProgress
from study.engine.worker import TrialActor


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> LeanController:
    """One that has no Ray, and trials of every status."""
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")  # or it asks a Ray for its processors
    made = LeanController(resource_manager_factory=SimpleNamespace)
    for status in (Trial.PENDING, Trial.RUNNING, Trial.PAUSED, Trial.TERMINATED, Trial.ERROR):
        trial = Trial("nothing", stub=True, trial_id=status)
        trial.set_status(status)
        made.add_trial(trial)
        made._trial_metadata[status] = "of the trial"
    return made


def test_finished_trials_are_in_none_of_its_tables(controller: LeanController) -> None:
    finished = [trial for trial in controller.get_trials() if trial.is_finished()]
    assert {trial.trial_id for trial in finished} == {"TERMINATED", "ERROR"}
    controller.on_step_begin()
    left = {trial.trial_id for trial in controller.get_trials()}
    assert left == {"PENDING", "RUNNING", "PAUSED"}
    assert {trial.trial_id for trial in controller.get_live_trials()} == left
    assert controller._trial_metadata.keys() == left
    held = [v for v in vars(controller).values() if isinstance(v, list | set | dict)]
    assert not any(trial in tables for trial in finished for tables in held)


def test_the_others_stay_where_they_were(controller: LeanController) -> None:
    before = [trial for trial in controller.get_trials() if not trial.is_finished()]
    pending = list(controller._pending_trials_list)
    controller.on_step_begin()
    assert controller.get_trials() == before
    assert controller._pending_trials_list == pending
    assert not controller.is_finished()


def test_an_actor_that_starts_is_let_start(
    controller: LeanController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of another trial, which is over, waits for a trial that has none of its own yet."""
    taken: list[Trial] = []
    monkeypatch.setattr(
        TuneController, "_maybe_reuse_cached_actor", lambda self, trial: taken.append(trial)
    )
    starting, queued, new = (Trial("nothing", stub=True, trial_id=name) for name in "abc")
    controller._trial_to_actor |= {starting: "has room", queued: "waits for room"}
    controller._actor_manager._live_actors_to_ray_actors_resources["has room"] = None
    assert not controller._maybe_reuse_cached_actor(starting)
    assert taken == []
    for trial in (queued, new):
        controller._maybe_reuse_cached_actor(trial)
    assert taken == [queued, new]


def test_every_trial_s_class_is_one() -> None:
    """Tune unpickles it for each trial: of another one each time Ray would keep them all."""
    again = ray.cloudpickle.loads(ray.cloudpickle.dumps(TrialActor))
    assert again is TrialActor
    asked = TrialActor.default_resource_request({"cpus": 2, "gpus": 0.25})
    assert asked.bundles == [{"CPU": 2, "GPU": 0.25}]


def test_an_actor_s_class_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[type] = []
    monkeypatch.setattr(ray, "remote", lambda cls: made.append(cls) or object())
    actors = PlainActors()
    assert actors.get(TrialActor) is actors.get(TrialActor)
    assert made == [TrialActor]


def test_progress_that_nobody_reads_keeps_no_trial() -> None:
    kept, trial = NoProgress(), SimpleNamespace(last_result={"done": True})
    before = {name: len(held) for name, held in vars(kept).items() if hasattr(held, "__len__")}
    kept.on_trial_result(0, [], trial, {"done": True})
    kept.on_trial_complete(0, [], trial)
    kept.on_trial_error(0, [], trial)
    after = {name: len(held) for name, held in vars(kept).items() if hasattr(held, "__len__")}
    assert before == after
