"""The parts of a training, the rate in them, and how many steps they have."""

import pytest

from classcomp.designs import schedule_of
from classcomp.training.phases import (
    MIN_SETTLING_STEPS,
    NUM_REPORTS,
    Phase,
    Schedule,
    trained_phases,
)
from tests.small_trial import trial_of

SCHEDULE = Schedule(budget_steps=30, most_steps=200, pass_steps=3, batch_size=8)


def rates_of(phase: Phase) -> list[float]:
    """At the ends of its passes."""
    ends = range(phase.pass_steps, phase.num_steps + 1, phase.pass_steps)
    return [phase.rate_after(done) for done in ends]


def test_both_branches_cool_down_over_the_same_steps() -> None:
    """Once R_n(T) did not cool down at all, and R_n(inf) did."""
    trunk, branch, settle, last = trained_phases(1, SCHEDULE)
    assert [p.kind for p in (trunk, branch, settle, last)] == [
        *("budget", "cooldown", "settle", "final_cooldown")
    ]
    assert branch.num_steps == last.num_steps == 6
    assert rates_of(branch) == rates_of(last) == [0.5, 0.0]
    assert branch.rate_after(0) == 1.0
    assert {rate for phase in (trunk, settle) for rate in rates_of(phase)} == {1.0}
    # T at its step exactly, and the last step is one that may be taken.
    assert trunk.num_steps + branch.num_steps == 30
    assert trunk.num_steps + settle.num_steps + last.num_steps == 200


def test_stages_before_the_last_have_the_budget_too() -> None:
    first, second, *rest = trained_phases(3, SCHEDULE)
    assert [(p.kind, p.stage, p.num_steps) for p in (first, second)] == [
        ("pretrain", 0, 30),
        ("pretrain", 1, 30),
    ]
    assert {p.stage for p in rest} == {2}


def test_a_trial_that_ends_at_its_budget_has_nothing_after_it() -> None:
    short = Schedule(budget_steps=30, most_steps=30, pass_steps=3, batch_size=8)
    assert [(p.kind, p.num_steps) for p in trained_phases(1, short)] == [
        ("budget", 24),
        ("cooldown", 6),
    ]


def test_the_shortest_budget_is_a_cooldown_alone() -> None:
    one = Schedule(budget_steps=4, most_steps=12, pass_steps=4, batch_size=8)
    assert [(p.kind, p.num_steps) for p in trained_phases(1, one)] == [
        ("cooldown", 4),
        ("settle", 8),
        ("final_cooldown", 4),
    ]


def test_a_small_sample_is_not_scored_after_every_other_step() -> None:
    settle = trained_phases(1, SCHEDULE)[2]
    assert settle.pass_steps == MIN_SETTLING_STEPS > SCHEDULE.pass_steps
    assert settle.steps_after(160) == settle.num_steps - 160 == 10  # 176 steps: the last is short


@pytest.mark.parametrize("passes", [1, 4, 5, 6, 15, 35, 100, 1000])
def test_a_cooldown_is_a_fifth_of_the_passes_rounded_up(passes: int) -> None:
    schedule = Schedule(budget_steps=7 * passes, most_steps=0, pass_steps=7, batch_size=1)
    assert schedule.cooldown_steps == 7 * ((passes + 4) // 5)


@pytest.mark.parametrize(
    ("num_train", "batch_size", "pass_steps", "cut"),
    [(100, 32, 3, 32), (128, 32, 4, 32), (112, 32, 4, 32), (20, 64, 1, 20), (1, 64, 1, 1)],
)
def test_an_epoch_is_whole_batches(
    num_train: int, batch_size: int, pass_steps: int, cut: int
) -> None:
    asked = trial_of(num_train=num_train, budget=5, most=40)
    found = schedule_of(asked, batch_size)
    assert (found.pass_steps, found.batch_size) == (pass_steps, cut)
    assert (found.budget_steps, found.most_steps) == (5 * pass_steps, 40 * pass_steps)


def test_a_budget_in_steps_is_taken_as_it_is() -> None:
    asked = trial_of(num_train=20, unit="steps", budget=1_003, most=5_007)
    found = schedule_of(asked, 64)
    assert (found.budget_steps, found.most_steps, found.batch_size) == (1_003, 5_007, 20)
    trunk, branch, settle, last = trained_phases(1, found)
    assert trunk.num_steps + branch.num_steps == 1_003
    assert trunk.num_steps + settle.num_steps + last.num_steps == 5_007
    passes = -(-1_003 // found.pass_steps)
    assert NUM_REPORTS - 1 <= passes <= NUM_REPORTS
