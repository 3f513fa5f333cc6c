"""Time left: list scheduling, what it learns from, and how far it is from the truth."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.estimates import looks_at, on_idle_machine, records_of
from study.planning.forecast import Forecast
from study.planning.plan import next_trials, planned_trials
from study.planning.schedule import Batch, makespan
from study.planning.work import work_of
from study.request.reading import read_spec
from study.request.spec import StudySpec
from study.trials.roles import ROLES
from study.trials.seeds import seed_for
from study.trials.trial import Cell, TrialSpec
from tests.small_study import record_of

MakeSpec = Callable[..., StudySpec]
ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COSTS = {"linear": 1e-5, "vgg": 1e-4}
SETTLES = {"linear": 0.75, "vgg": 1.2}
"""As a share of when most do."""


def cell_named(family: str) -> Cell:
    return Cell(
        family=family, depth=1, population="xor", distortion="none", severity=0.0, num_train=64
    )


@pytest.mark.parametrize(
    ("batches", "slots", "expected"),
    [
        ([Batch(count=4, seconds=1.0)], 2, 2.0),
        ([Batch(count=3, seconds=1.0)], 2, 2.0),  # one slot is idle at the end
        ([Batch(count=2, seconds=1.0), Batch(count=1, seconds=4.0)], 2, 5.0),  # the long one last
        ([Batch(count=1, seconds=4.0), Batch(count=2, seconds=1.0)], 2, 4.0),
        ([], 2, 0.0),
    ],
)
def test_the_last_trial_ends_when_its_slot_has_done_the_others(
    batches: list[Batch], slots: int, expected: float
) -> None:
    assert makespan(batches, slots) == expected


def test_a_search_runs_one_after_the_other_and_others_wait_for_it() -> None:
    a, b = cell_named("linear"), cell_named("vgg")
    searches = [
        Batch(count=5, seconds=1.0, searches=a, at_once=1),
        Batch(count=2, seconds=1.0, searches=b, at_once=1),
    ]
    waiting = [Batch(count=2, seconds=3.0, waits_for=a), Batch(count=1, seconds=1.0, waits_for=b)]
    # One slot has a's search until 5; the other b's until 2 and what waited for it until 3. Then
    # a's two trials side by side.
    assert makespan([*searches, *waiting], 2) == 8.0
    side_by_side = [Batch(count=5, seconds=1.0, searches=a, at_once=2)]
    assert makespan(side_by_side, 4) == 3.0


def test_what_is_running_has_begun() -> None:
    assert makespan([Batch(count=3, seconds=4.0)], 2, [1.0, 3.0]) == 5.0
    assert makespan([Batch(count=1, seconds=4.0)], 2, [9.0]) == 0.0


def test_many_trials_are_simulated_as_few() -> None:
    whole = makespan([Batch(count=1_000_000, seconds=1.0)], 2_000)
    assert whole == pytest.approx(500.0, rel=0.5)
    assert makespan([Batch(count=1_000_000, seconds=1.0)], 10) == pytest.approx(1e5, rel=0.01)


def seconds_of(spec: StudySpec, trial: TrialSpec) -> float:
    """What a trial of this made-up machine takes."""
    work = work_of(spec, ROLES[trial.role], trial.cell, 32)
    settled = work.likely * SETTLES[trial.cell.family]
    drawn = seed_for("takes", trial.role, trial.seed) % 1000 / 1000
    spread = 0.7 + 0.6 * drawn if work.least < work.most else 1.0
    return 0.05 + settled * COSTS[trial.cell.family] * spread + 0.1 * work.scorings


def replayed(spec: StudySpec, num_slots: int) -> list[dict[str, Any]]:
    """A whole study on so many slots, its records as they finish."""
    records: list[dict[str, Any]] = []
    running: list[tuple[float, int, TrialSpec, float]] = []
    now, number = 0.0, 0
    while True:
        taken = {(t.role, t.cell, t.seed) for *_, t, _ in running}
        ready = (t for t in next_trials(spec, records) if (t.role, t.cell, t.seed) not in taken)
        for trial in list(ready)[: num_slots - len(running)]:
            takes = seconds_of(spec, trial)
            heapq.heappush(running, (now + takes, number, trial, takes))
            number += 1
        if not running:
            return records
        now, _, trial, takes = heapq.heappop(running)
        work = work_of(spec, ROLES[trial.role], trial.cell, 32)
        scored_s = 0.1 * work.scorings
        learned_s = takes - scored_s - 0.05
        clocks = [0.05 + learned_s / 2, 0.05 + learned_s]  # two passes
        record = record_of(trial, metrics={"wall_s": takes, "examples_seen": int(work.likely)})
        record["curves"] = [{"wall_s": clock} for clock in clocks]
        record["finished_at"] = (NOON + timedelta(seconds=now)).isoformat()
        records.append(record)


@pytest.mark.parametrize(("name", "since"), [("gaussian-small", 0.1), ("quickstart", 0.25)])
def test_it_is_within_a_third_of_real_studies(name: str, since: float) -> None:
    """By the processor times that their trials took, two side by side.

    At a tenth of the quickstart none of its measured trials has run, and shipped tables have no
    curves to tell what a scoring costs.
    """
    folder = ROOT / "ray_results/reference" / name
    spec = read_spec(str(folder / "study.toml"))
    looks = looks_at(spec, on_idle_machine(spec, records_of(folder), 2), 2)
    asked = [look for look in looks if look.share >= since]
    assert [look.forecast_s for look in asked] == [
        pytest.approx(look.left_s, rel=0.3) for look in asked
    ]


@pytest.mark.parametrize("num_slots", [2, 7])
@pytest.mark.parametrize("search", [{"trials": 0}, {"trials": 3}])
def test_it_learns_what_an_example_costs(
    make_spec: MakeSpec, num_slots: int, search: dict[str, int]
) -> None:
    """Small sizes run first, and last a tenth as long: a role's mean is no estimate.

    On a machine that takes as long as it computes; how far real trials do is the test before.
    """
    spec = make_spec(
        num_train=[64, 256, 1024],
        depths=[1],
        seeds=4,
        search=search,
        training={"budget_steps": 60, "max_steps": 4000},
        limit={"restarts": 1, "num_stream": [4000]},
        best_in_class={"restarts": 1, "num_stream": [4000]},
    )
    records = replayed(spec, num_slots)
    end = datetime.fromisoformat(records[-1]["finished_at"])
    whole_s = (end - NOON).total_seconds()
    for share in (0.1, 0.25, 0.5, 0.75):
        now = NOON + timedelta(seconds=share * whole_s)
        known = [r for r in records if datetime.fromisoformat(r["finished_at"]) <= now]
        told = Forecast(spec).look(known, num_slots, now.timestamp()).seconds_left
        assert told == pytest.approx((end - now).total_seconds(), rel=0.3), share


def test_nothing_is_said_before_every_family_was_seen(make_spec: MakeSpec) -> None:
    spec = make_spec(depths=[1], distortions={}, search={"trials": 0})
    trials = planned_trials(spec)
    linear = [record_of(t) for t in trials if t.cell.family == "linear"]
    assert Forecast(spec).look([], 2, None).seconds_left is None
    assert Forecast(spec).look(linear, 2, None).seconds_left is None
    whole = [record_of(t) for t in trials]
    assert Forecast(spec).look(whole, 2, None).seconds_left == 0.0


def test_records_are_taken_in_once(make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver asks again and again, with what it had and more."""
    monkeypatch.setattr("study.planning.forecast.SHARE", 0)
    spec = make_spec(depths=[1], distortions={}, search={"trials": 0})
    records = [record_of(t) for t in planned_trials(spec)]
    forecast = Forecast(spec)
    for num in range(0, len(records) - 6, 5):
        forecast.look(records[:num], 2, None)
    told = forecast.look(records[:-6], 2, None)
    assert told == Forecast(spec).look(records[:-6], 2, None)
