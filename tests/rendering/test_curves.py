"""Learning curves: a trunk and its branches, and never a line through both."""

from typing import Any

import pytest

from study.analysis.table import build_curves, build_trials
from study.rendering.curves import (
    TO_BUDGET,
    TO_LIMIT,
    TRUNK,
    CurveGrid,
    draw_curve_grid,
    learning_curves,
)
from tests.rendering.conftest import Record, make_record

TRAJECTORY = [
    ("budget", 0, 0.5),
    ("budget", 1, 0.4),
    ("budget", 2, 0.3),
    ("cooldown", 3, 0.22),
    ("cooldown", 4, 0.2),
    ("settle", 3, 0.28),
    ("settle", 4, 0.26),
    ("final_cooldown", 5, 0.18),
    ("final_cooldown", 6, 0.1),
]


def trial(seed: int, points: list[tuple[Any, int, float]], **changes: Any) -> Record:
    curves = [
        {"phase": phase, "step": 8 * epoch, "epoch": epoch, "train_risk": risk}
        for phase, epoch, risk in points
    ]
    return make_record(
        "measure", seed=seed, schema=2, risk=0.2, curves=curves, **{"budget_epochs": 4, **changes}
    )


def grid_of(*records: Record) -> CurveGrid:
    (grid,) = learning_curves(build_trials(records, {}), build_curves(records))
    return grid


def strands(grid: CurveGrid, kind: str) -> list[Any]:
    return [strand for strand in grid.panels[0].strands if strand.kind == kind]


def test_two_branches_leave_one_trunk() -> None:
    grid = grid_of(trial(0, TRAJECTORY))
    (trunk,) = strands(grid, TRUNK)
    assert (trunk.x, trunk.y) == ((0, 1, 2, 3, 4), pytest.approx((50, 40, 30, 28, 26)))
    (branch,) = strands(grid, TO_BUDGET)  # from where it left, to T
    assert (branch.x, branch.y) == ((2, 3, 4), pytest.approx((30, 22, 20)))
    (last,) = strands(grid, TO_LIMIT)
    assert (last.x, last.y) == ((4, 5, 6), pytest.approx((26, 18, 10)))
    assert grid.panels[0].mark == 4.0
    for line in draw_curve_grid(grid).axes[0].lines[:3]:
        places = list(line.get_xdata())
        assert places == sorted(set(places))  # no zig-zag


def test_trunks_are_means_and_each_seed_settles_on_its_own() -> None:
    shorter = [point for point in TRAJECTORY if point[:2] != ("settle", 4)]
    shorter = [(phase, at - (phase == "final_cooldown"), risk) for phase, at, risk in shorter]
    grid = grid_of(trial(0, TRAJECTORY), trial(1, shorter))
    (trunk,) = strands(grid, TRUNK)
    assert trunk.y[-1] == pytest.approx((26 + 28) / 2)  # the ended one keeps its last value
    assert (trunk.lo[-1], trunk.hi[-1]) == pytest.approx((26, 28))
    assert [strand.x for strand in strands(grid, TO_LIMIT)] == [(4, 5, 6), (3, 4, 5)]


def test_a_budget_in_steps_has_an_axis_in_steps() -> None:
    changes = {"budget_epochs": None, "max_epochs": None, "budget_steps": 32, "max_steps": 80}
    grid = grid_of(trial(0, TRAJECTORY) | changes)
    assert (grid.x_label, grid.panels[0].mark) == ("steps", 32.0)
    assert strands(grid, TRUNK)[0].x == (0, 8, 16, 24, 32)


def test_points_of_an_earlier_table_are_a_trunk() -> None:
    grid = grid_of(trial(0, [(None, epoch, 0.5 - 0.1 * epoch) for epoch in range(3)]))
    assert [strand.kind for strand in grid.panels[0].strands] == [TRUNK]


def test_a_trial_that_is_all_cooldown_has_a_branch_alone() -> None:
    points = [("cooldown", 0, 0.5), ("cooldown", 1, 0.3)]
    grid = grid_of(trial(0, points))
    assert [strand.kind for strand in grid.panels[0].strands] == [TO_BUDGET]
    draw_curve_grid(grid)


def test_a_fitted_model_is_a_point() -> None:
    (strand,) = grid_of(trial(0, [("fit", 1, 0.25)])).panels[0].strands
    assert (strand.kind, strand.x, strand.y) == (TRUNK, (1,), (25.0,))


def test_every_n_has_a_figure() -> None:
    records = [trial(0, TRAJECTORY, num_train=n) for n in (64, 256)]
    grids = learning_curves(build_trials(records, {}), build_curves(records))
    assert [grid.title.rpartition(", ")[2] for grid in grids] == ["n = 64", "n = 256"]
    assert all(len(strands(grid, TRUNK)) == 1 for grid in grids)
