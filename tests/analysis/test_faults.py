"""Whose fault: what is claimed, and what is not."""

from typing import Any

import numpy as np
import pytest

from study.analysis.faults import (
    ABSENT,
    CLEAR,
    NONE,
    OPEN,
    TIED,
    change,
    distinct_cells,
    plainest,
    verdict,
)
from tests.rendering.conftest import landscape_row

SMALL = (0.01, 0.005, 0.015)
LARGE = (0.09, 0.08, 0.10)


def four(**changes: Any) -> dict[str, Any]:
    named = dict.fromkeys(("approximation", "objective", "estimation", "optimization"), SMALL)
    return landscape_row(**(named | changes))


@pytest.mark.parametrize("error", ["approximation", "objective", "estimation", "optimization"])
def test_the_one_that_no_other_meets_is_the_largest(error: str) -> None:
    found = verdict(four(**{error: LARGE}))
    assert (found.kind, found.errors) == (CLEAR, (error,))


def test_those_that_meet_are_not_told_apart() -> None:
    found = verdict(four(estimation=LARGE, optimization=(0.07, 0.06, 0.081)))
    assert (found.kind, found.errors) == (TIED, ("estimation", "optimization"))
    assert found.estimate == "estimation"


def test_nothing_is_largest_where_nothing_is_above_zero() -> None:
    zero = dict.fromkeys(("approximation", "objective", "estimation"), (0.001, -0.001, 0.003))
    assert verdict(four(**zero, optimization=(-0.09, -0.1, -0.08))).kind == NONE


def test_a_large_error_below_zero_is_no_ones_fault() -> None:
    found = verdict(four(optimization=(-0.09, -0.1, -0.08), estimation=LARGE))
    assert found.errors == ("estimation",)


def test_an_unknown_interval_leaves_it_open_and_no_error_is_absent() -> None:
    assert verdict(four(estimation=(0.09, None, None))).kind == OPEN
    assert verdict(landscape_row()).kind == ABSENT
    whole = four(estimation=LARGE, total=(0.12, 0.11, 0.13))
    assert verdict(whole).kind == CLEAR
    found = verdict({**whole, "objective": None})
    assert (found.kind, found.missing) == (OPEN, ("objective",))


def test_real_data_know_two_errors() -> None:
    row = landscape_row(estimation=LARGE, optimization=SMALL, bayes_risk=None)
    found = verdict(row)
    assert (found.kind, found.known) == (CLEAR, ("estimation", "optimization"))


class TestABound:
    """U_H that may fall further moves approximation to the objective."""

    def test_it_is_not_told_from_the_objective(self) -> None:
        found = verdict(four(approximation=LARGE, approximation_is_bound=True))
        assert (found.kind, found.errors) == (TIED, ("approximation", "objective"))

    def test_an_unknown_bound_is_one(self) -> None:
        found = verdict(four(approximation=LARGE, approximation_is_bound=None))
        assert found.errors == ("approximation", "objective")

    def test_a_small_slack_tells_it_from_the_objective(self) -> None:
        found = verdict(four(approximation=LARGE, approximation_is_bound=True, slack=0.01))
        assert found.errors == ("approximation",)

    def test_a_large_slack_does_not_though_it_has_settled(self) -> None:
        found = verdict(four(approximation=LARGE, slack=0.07))
        assert found.errors == ("approximation", "objective")

    def test_the_sample_is_out_where_half_of_both_is_above_it(self) -> None:
        row = four(approximation=LARGE, approximation_is_bound=True, estimation=(0.03, 0.02, 0.04))
        assert verdict(row).errors == ("approximation", "objective")
        row = four(approximation=LARGE, approximation_is_bound=True, estimation=(0.05, 0.04, 0.06))
        assert verdict(row).errors == ("approximation", "objective", "estimation")

    def test_the_objective_is_the_largest_where_it_is_above_all_of_it(self) -> None:
        row = four(approximation=SMALL, approximation_is_bound=True, objective=LARGE)
        assert verdict(row).errors == ("objective",)


def test_equal_errors_are_seldom_told_apart() -> None:
    """Two errors of equal size, estimated with any correlation: a false claim in 5% at most."""
    rng = np.random.default_rng(20261125)
    num = 2_000
    for correlation in (-1.0, -0.5, 0.0, 0.9):
        noise = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], num)
        false = 0
        for estimation, optimization in 0.05 + 0.01 * noise:
            ends = {
                name: (value, value - 0.0196, value + 0.0196)
                for name, value in (("estimation", estimation), ("optimization", optimization))
            }
            false += verdict(_bare(**ends)).kind == CLEAR
        assert false / num < 0.05 + 3 * (0.05 * 0.95 / num) ** 0.5


def _bare(**errors: tuple[float, float, float]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("total", "approximation", "objective", "slack"))
    for name, (value, lo, hi) in errors.items():
        row |= {name: value, f"{name}_lo": lo, f"{name}_hi": hi}
    return row


@pytest.mark.parametrize(
    ("last", "direction"),
    [
        (LARGE, 1),
        ((-0.05, -0.06, -0.04), -1),
        ((0.016, 0.014, 0.018), 0),
        ((0.5, None, None), None),
    ],
)
def test_a_change_is_told_where_ranges_do_not_meet(
    last: tuple[float | None, ...], direction: int | None
) -> None:
    found = change("estimation", four(), four(estimation=last))
    assert found is not None
    assert found.direction == direction


def test_what_is_unknown_at_one_end_does_not_change() -> None:
    assert change("total", four(), four(total=LARGE)) is None


def test_an_approximation_that_may_be_the_searchs_does_not_rise() -> None:
    first, last = four(), four(approximation=LARGE, approximation_is_bound=True)
    settled = change("approximation", first, four(approximation=LARGE))
    bound = change("approximation", first, last)
    assert settled is not None
    assert bound is not None
    assert (settled.direction, bound.direction) == (1, 0)


def test_the_plainest_cells_are_undamaged_ones_whatever_shows_them() -> None:
    """The first level of a distortion need not be the neutral one."""
    rows = [
        landscape_row(distortion="imbalance", severity=0.9, level=0),
        landscape_row(distortion="label_noise", severity=0.0, level=0),
        landscape_row(distortion="label_noise", severity=0.0, level=0, num_train=512),
        landscape_row(distortion="overlap", severity=0.0, level=0, num_train=512),
        landscape_row(distortion="overlap", severity=1.0, level=1, num_train=512),
    ]
    assert plainest(rows) == [rows[2]]
    assert plainest(rows[:1]) == rows[:1]
    assert distinct_cells(rows) == [rows[0], rows[1], rows[2], rows[4]]
