"""What trials compute, before they run; and whether they can settle at all."""

from collections.abc import Callable

import pytest

from study.planning.plan import enumerate_cells
from study.planning.work import LIKELY_SETTLED, LOOKING, first_settled, settling_lines, work_of
from study.planning.work import schedule_of as schedule_for
from study.request.spec import StudySpec
from study.trials.roles import ROLES, Budget

MakeSpec = Callable[..., StudySpec]


def in_steps(make_spec: MakeSpec, **training: object) -> StudySpec:
    asked = {"budget_steps": 100, "max_steps": 3000, **training}
    shape = {"families": ["linear"], "depths": [1], "num_train": [64], "distortions": {}}
    return make_spec(**shape, training=asked)


def test_a_measured_trial_ends_between_two_windows_and_the_maximum(make_spec: MakeSpec) -> None:
    spec = in_steps(make_spec)
    (cell,) = enumerate_cells(spec)
    work = work_of(spec, ROLES["measure"], cell, 32)
    # 20 passes of 5 steps up to T, a fifth of them the cooldown; then passes of 32. After 528 the
    # last eight are a window, the six before and 13 of the short ones another. 568 steps in all,
    # as trials of ray_results/reference/gaussian-small took that had settled after 528.
    assert work.least == pytest.approx(568 * 32 + (16 + 2 * 4 + 14) * 64 * LOOKING)
    assert work.likely == pytest.approx((LIKELY_SETTLED + 40) * 32 + (24 + 770 / 32) * 64 * LOOKING)
    assert work.most == pytest.approx(3020 * 32 + (24 + 2900 / 32) * 64 * LOOKING)
    assert work.scorings == 2.0


def test_until_the_end_is_the_maximum_whatever_settles(make_spec: MakeSpec) -> None:
    spec = in_steps(make_spec, until="end")
    (cell,) = enumerate_cells(spec)
    work = work_of(spec, ROLES["measure"], cell, 32)
    assert work.least == work.likely == work.most


def test_traced_points_and_corruptions_are_scorings(make_spec: MakeSpec) -> None:
    spec = in_steps(make_spec, traced=30)
    (cell,) = enumerate_cells(spec)
    traced = work_of(spec, ROLES["measure"], cell, 32)
    # Log-spaced from step 5 to step 2980; two thirds of a scoring each.
    assert traced.scorings == pytest.approx(2 + 2 / 3 * 30 * 0.8035, rel=1e-3)
    spec = spec.model_copy(update={"distortions": {"outliers": (0.0, 0.1)}})
    assert work_of(spec, ROLES["measure"], cell, 32).scorings == traced.scorings + 2 / 3
    assert work_of(spec, ROLES["search"], cell, 32).scorings == 0.0


def test_streams_are_as_long_as_they_are(make_spec: MakeSpec) -> None:
    spec = in_steps(make_spec)
    (cell,) = enumerate_cells(spec)
    assert work_of(spec, ROLES["limit"], cell, 32).most == 64
    assert work_of(spec, ROLES["slack"], cell, 32).most == 128  # the teacher learns as much before


@pytest.mark.parametrize("max_steps", [400, 500, 547])
def test_what_cannot_settle_is_said_beforehand(make_spec: MakeSpec, max_steps: int) -> None:
    (line,) = settling_lines(in_steps(make_spec, max_steps=max_steps))
    assert line == (
        f"training.max_steps = {max_steps}: trials with n = 64 in batches of 64 cannot settle by "
        "then, and R_n(inf) is what it is there; two windows of 256 steps and the cooldown take "
        "548 steps"
    )
    assert settling_lines(in_steps(make_spec, max_steps=548)) == []
    assert settling_lines(in_steps(make_spec, max_steps=max_steps, until="end")) == []


def test_epochs_are_told_as_epochs_for_the_size_that_needs_most(make_spec: MakeSpec) -> None:
    spec = make_spec(training={"budget_epochs": 4, "max_epochs": 30})
    (line,) = settling_lines(spec)
    assert line.startswith("training.max_epochs = 30: trials with n = 64 in batches of ")
    enough = int(line.split("cooldown take ")[1].split(" epochs")[0])
    assert settling_lines(make_spec(training={"budget_epochs": 4, "max_epochs": enough})) == []
    assert settling_lines(make_spec(training={"budget_epochs": 4, "max_epochs": enough - 1}))


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(unit="steps", to_budget=100, at_most=10**12), 528),
        (Budget(unit="steps", to_budget=10**6, at_most=10**12), 8 * 50_000),  # four passes a window
        (Budget(unit="epochs", to_budget=10**11, at_most=10**12), 512),  # of two steps each
    ],
)
def test_a_budget_without_end_takes_no_time_to_plan(budget: Budget, expected: int) -> None:
    assert first_settled(schedule_for(budget, 64, 32)) == expected
