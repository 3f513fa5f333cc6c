"""What the metrics say, with recorders in place of Ray's."""

import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from study.engine import monitoring
from study.engine.monitoring import Metrics
from study.planning.plan import planned_trials
from study.request.spec import StudySpec
from tests.small_study import record_of


class Recorder:
    """Stands for a gauge, a counter and a histogram."""

    all: dict[str, "Recorder"]

    def __init__(self, name: str, description: str, *arguments: Any) -> None:
        self.keys = arguments[-1]
        self.values: dict[tuple[str, ...], list[float]] = {}
        assert description
        type(self).all[name] = self

    def set(self, value: float, tags: Mapping[str, str]) -> None:
        assert set(tags) == set(self.keys)
        assert all(isinstance(value, str) for value in tags.values())
        self.values.setdefault(tuple(tags[key] for key in self.keys), []).append(value)

    inc = observe = set


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorder]:
    Recorder.all = {}
    for name in ("Gauge", "MetricCounter", "Histogram"):
        monkeypatch.setattr(monitoring, name, Recorder)
    return Recorder.all


def watched(records: list[dict[str, Any]]) -> SimpleNamespace:
    by_id = {record["trial_id"]: record for record in records}
    return SimpleNamespace(records=by_id, in_flight=[], num_waiting=7, num_deaths=1)


def test_what_an_earlier_driver_finished_counts_once(
    make_spec: Callable[..., StudySpec], recorded: dict[str, Recorder]
) -> None:
    records = [record_of(t) for t in planned_trials(make_spec())]
    searched = [record for record in records if record["role"] == "search"]
    metrics = Metrics(make_spec(), num_slots=2)
    for known in (searched[:10], searched[:12], searched[:12], searched[:13]):
        metrics.update(watched(known))
    done = ("small", "search", "done")
    assert recorded["classcomp_trials"].values[done] == [10, 12, 12, 13]
    assert sum(recorded["classcomp_trials_run"].values[done]) == 3
    assert len(recorded["classcomp_trial_seconds"].values["small", "search"]) == 3
    assert recorded["classcomp_trials_waiting"].values["small",] == [7, 7, 7, 7]
    assert recorded["classcomp_deaths"].values["small",][-1] == 1
    assert all(name.startswith("classcomp_") for name in recorded)


def test_updating_is_cheap(
    make_spec: Callable[..., StudySpec], recorded: dict[str, Recorder]
) -> None:
    """Ten updates of a study with 10 000 finished trials; Tune's loop does one in 5 s."""
    (trial, *_) = [t for t in planned_trials(make_spec()) if t.role == "measure"]
    record = record_of(trial)
    records = [{**record, "trial_id": str(number)} for number in range(10_000)]
    metrics, seen = Metrics(make_spec(), num_slots=2), watched(records)
    begin = time.process_time()
    for _ in range(10):
        metrics.update(seen)
    assert time.process_time() - begin < 10 * 0.25  # a twentieth of 5 s each


def test_the_best_of_a_cell_only_falls_and_unknown_stays_unsaid(
    make_spec: Callable[..., StudySpec], recorded: dict[str, Recorder]
) -> None:
    trials = [t for t in planned_trials(make_spec(seeds=3)) if t.role == "measure"]
    cell = [t for t in trials if t.cell == trials[0].cell]
    risks = [(0.3, None), (0.2, 0.05), (0.4, 0.1)]
    records = [
        record_of(trial, metrics={"validation_risk": risk, "excess_risk": excess})
        for trial, (risk, excess) in zip(cell, risks, strict=True)
    ]
    metrics = Metrics(make_spec(), num_slots=2)
    for known in (records[:1], records[:2], records, records):
        metrics.update(watched(known))
    label = (
        "small",
        "classification",
        "linear",
        "1",
        "xor(sigma=0.5)",
        "none",
        "0",
        "64",
        *2 * ("",),
    )
    # Again at every update: Ray forgets a gauge that is not set.
    assert recorded["classcomp_best_validation_risk"].values == {label: [0.3, 0.2, 0.2, 0.2]}
    assert recorded["classcomp_best_excess_risk"].values == {label: [0.05, 0.05, 0.05]}


def test_a_risk_is_labelled_with_the_task_that_says_its_unit(
    make_spec: Callable[..., StudySpec], recorded: dict[str, Recorder]
) -> None:
    """Before, a dashboard could not tell a squared error from a share."""
    (trial, *_) = [t for t in planned_trials(make_spec()) if t.role == "measure"]
    record = record_of(trial, metrics={"validation_risk": 7.5})
    Metrics(make_spec(), num_slots=2).update(watched([{**record, "task": "reconstruction"}]))
    (label,) = recorded["classcomp_best_validation_risk"].values
    assert label[:3] == ("small", "reconstruction", "linear")


def test_time_left_is_unsaid_until_every_family_is_known(
    make_spec: Callable[..., StudySpec], recorded: dict[str, Recorder]
) -> None:
    spec = make_spec(depths=[1], num_train=[64], seeds=20, distortions={}, search={"trials": 0})
    trials = planned_trials(spec)
    first = {trial.cell.family: record_of(trial) for trial in trials}
    metrics = Metrics(spec, num_slots=2)
    metrics.update(watched([first["linear"]]))
    assert recorded["classcomp_seconds_left"].values == {}
    metrics = Metrics(spec, num_slots=2)
    metrics.update(watched([record_of(trial) for trial in trials[:-4]]))
    (told,) = recorded["classcomp_seconds_left"].values["small",]
    assert told == pytest.approx(2.0, rel=0.01)  # four of a second each, side by side
