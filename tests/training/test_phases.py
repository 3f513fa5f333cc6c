"""The parts of a training, and the rate in them."""

from classcomp.training.convergence import has_settled
from classcomp.training.phases import COOLDOWN_PASSES, phases_of


def test_stages_then_the_way_to_convergence() -> None:
    phases = phases_of(2, budget_passes=3, max_passes=20, decays=False)
    assert [(p.kind, p.stage, p.num_passes) for p in phases] == [
        ("pretrain", 0, 3),
        ("budget", 1, 3),
        ("settle", 1, 17),
        ("cooldown", 1, COOLDOWN_PASSES),
    ]


def test_a_trial_that_ends_at_its_budget_has_nothing_after_it() -> None:
    (phase,) = phases_of(1, budget_passes=4, max_passes=4, decays=True)
    assert phase.kind == "budget"
    assert [phase.rates(done) for done in range(4)] == [
        (1.0, 0.75),
        (0.75, 0.5),
        (0.5, 0.25),
        (0.25, 0.0),
    ]


def test_only_the_cooldown_decays_on_the_way_to_convergence() -> None:
    budget, settle, cooldown = phases_of(1, budget_passes=4, max_passes=30, decays=False)
    assert budget.rates(3) == settle.rates(25) == (1.0, 1.0)
    assert cooldown.rates(0)[0] == 1.0
    assert cooldown.rates(COOLDOWN_PASSES - 1)[1] == 0.0


def test_what_is_settled_goes_by_the_scale_of_the_risk() -> None:
    falling = [100.0 - 0.1 * epoch for epoch in range(20)]  # by 1 from window to window
    assert not has_settled(falling)
    assert has_settled(falling, scale=250.0)
    assert not has_settled(falling, scale=150.0)
