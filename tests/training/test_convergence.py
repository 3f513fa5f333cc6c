"""When a trajectory counts as settled: both ways, by steps, whatever the objective's units."""

import math
from collections.abc import Callable
from statistics import fmean

import pytest

from classcomp.training.convergence import WINDOW_STEPS, Reading, has_settled

STEPS = 16
PER_WINDOW = WINDOW_STEPS // STEPS


def readings(
    loss: Callable[[int], float], risk: Callable[[int], float], num: int, steps: int = STEPS
) -> list[Reading]:
    return [Reading(steps, loss(i), risk(i)) for i in range(num)]


def still(_: int) -> float:
    return 0.3


def falling_to(level: float, per: float) -> Callable[[int], float]:
    return lambda i: level + math.exp(-i / per)


def old_rule(risks: list[float], window: int = 10) -> bool:
    """As it was: the mean of a window of epochs no longer falls by more than .005."""
    late, early = fmean(risks[-window:]), fmean(risks[-2 * window : -window])
    return early - late < 0.005


def test_two_windows_are_needed() -> None:
    trunk = readings(still, still, 2 * PER_WINDOW)
    assert has_settled(trunk)
    assert not has_settled(trunk[1:])


def test_a_window_is_of_steps_and_not_of_passes() -> None:
    """Twenty epochs of a small sample are twenty steps, in which nothing can have moved."""
    epochs = readings(still, still, 20, steps=1)
    assert old_rule([r.risk for r in epochs])
    assert not has_settled(epochs)
    assert has_settled(readings(still, still, 2 * WINDOW_STEPS, steps=1))


def test_a_window_is_a_mean_even_where_a_pass_is_long() -> None:
    assert not has_settled(readings(still, still, 7, steps=10_000))
    assert has_settled(readings(still, still, 8, steps=10_000))


def test_a_risk_that_rises_has_not_settled() -> None:
    trunk = readings(still, lambda i: 0.1 + 0.001 * i, 4 * PER_WINDOW)  # .016 from window to window
    assert old_rule([r.risk for r in trunk])
    assert not has_settled(trunk)


def test_nor_has_one_that_falls() -> None:
    assert not has_settled(readings(still, lambda i: 0.4 - 0.001 * i, 4 * PER_WINDOW))


def test_an_objective_that_falls_is_watched_where_the_risk_stands_still() -> None:
    """A VAE's: its head's risk moves late, if at all."""
    trunk = readings(lambda i: 50 - 0.5 * i, still, 4 * PER_WINDOW)
    assert old_rule([r.risk for r in trunk])
    assert not has_settled(trunk)


def test_an_objective_that_rises_has_not_settled() -> None:
    def down_and_up(i: int) -> float:
        return abs(50 - i) / 50

    assert not has_settled(readings(down_and_up, still, 100))


def test_what_has_come_to_rest_has_settled() -> None:
    trunk = readings(falling_to(0.4, per=10), still, 100)
    assert has_settled(trunk)
    first = next(k for k in range(len(trunk) + 1) if has_settled(trunk[:k]))
    assert 2 * PER_WINDOW < first < 100


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("num", [60, 120])
def test_the_unit_of_the_objective_does_not_matter(scale: float, num: int) -> None:
    loss = falling_to(0.0, per=15)
    plain = has_settled(readings(loss, still, num))
    assert plain == (num > 60)
    assert has_settled(readings(lambda i: scale * loss(i), still, num)) == plain


@pytest.mark.parametrize("offset", [-1.5, 1.5])
def test_nor_does_its_zero_where_there_is_much_to_learn(offset: float) -> None:
    """A density's nats have any sign; next to 100 that were learned, it is these that count."""
    loss = falling_to(0.0, per=15)

    def shifted(i: int) -> float:
        return 100 * (loss(i) + offset)

    found = [has_settled(readings(shifted, still, num)) for num in range(33, 120)]
    plain = [has_settled(readings(loss, still, num)) for num in range(33, 120)]
    assert found == plain
    assert len(set(plain)) == 2


def test_what_is_settled_goes_by_the_scale_of_the_risk() -> None:
    falling = readings(still, lambda i: 100 - i / PER_WINDOW, 4 * PER_WINDOW)  # by 1 a window
    assert not has_settled(falling)
    assert has_settled(falling, scale=250.0)
    assert not has_settled(falling, scale=150.0)
