"""Figures and words of the risk along training, from tables made by hand."""

from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.curve_columns import EARLY_STOPPING_COLUMNS, TRACE_COLUMNS
from study.analysis.frames import Row, typed_frame
from study.rendering.style import write_figure
from study.rendering.traces import draw_trace_grid, stop_lines, stop_tables, trace_grids

CELL = {
    "family": "vgg",
    "task": "classification",
    "depth": 1,
    "population": "xor(sigma=0.5)",
    "distortion": "label_noise",
    "level": 0,
    "severity": 0.0,
    "num_train": 64,
}
NOISY = {**CELL, "level": 1, "severity": 0.4}


def points(cell: Row, **changes: Any) -> list[Row]:
    return [
        {**cell, "step": step, "epoch": step / 2, "train_risk": 0.1, "num_running": 3, **changes}
        | {"risk": risk, "risk_lo": risk - 0.01, "risk_hi": risk + 0.01}
        for step, risk in ((32, 0.2), (2, 0.4), (8, 0.1))  # a table's order is nobody's concern
    ]


def stop(cell: Row, **changes: Any) -> Row:
    known = {"num_seeds": 3, "best_step": 8, "best_step_lo": 2, "best_step_hi": 32}
    risks = {"best_risk": 0.1, "budget_step": 20, "budget_risk": 0.15}
    gains = {"gain_over_budget": 0.05, "gain_over_budget_lo": 0.01, "gain_over_budget_hi": 0.09}
    ends = {"end_step": 32, "converged_risk": 0.2, "is_second_descent": False}
    over = {
        "gain_over_converged": 0.1,
        "gain_over_converged_lo": -0.1,
        "gain_over_converged_hi": 0.3,
    }
    return {**cell, **known, **risks, **gains, **ends, **over, **changes}


def stops(*rows: Row) -> pd.DataFrame:
    return typed_frame(rows, EARLY_STOPPING_COLUMNS)


def test_a_figure_has_a_line_for_each_level_with_its_marks(tmp_path: Path) -> None:
    table = typed_frame([*points(NOISY), *points(CELL)], TRACE_COLUMNS)
    (grid,) = trace_grids(table, stops(stop(CELL), stop(NOISY, budget_step=None)))
    assert grid.labels == ("undistorted", "label noise 0.4")
    (panel,) = grid.panels
    plain, noisy = panel.lines
    assert (plain.risk.label, noisy.risk.label) == grid.labels
    assert plain.risk.x == (2.0, 8.0, 32.0)
    assert plain.risk.y == (40.0, 10.0, 20.0)
    assert plain.train == (10.0, 10.0, 10.0)
    assert plain.marks == {"best": (8.0, 10.0), "budget": (20.0, 15.0), "converged": (32.0, 20.0)}
    assert set(noisy.marks) == {"best", "converged"}  # T is at steps of each seed's own
    path = write_figure(draw_trace_grid(grid), tmp_path / "traces.svg")
    drawn = path.read_text()
    assert drawn.count("mathdefault") == 0  # names are no mathematics, and ticks no names


def test_where_steps_differ_the_axis_is_in_epochs() -> None:
    table = typed_frame(points(CELL, step=None), TRACE_COLUMNS)
    changed = stop(CELL, best_step=None, best_epoch=4.0, end_step=None, end_epoch=16.0)
    (grid,) = trace_grids(table, stops(changed))
    assert grid.x_label == "epochs"
    assert grid.panels[0].lines[0].risk.x == (1.0, 4.0, 16.0)
    (line,) = stop_lines(stops(changed))
    assert "smallest after 4 epochs" in line


def test_only_what_an_interval_tells_is_said() -> None:
    told, rest = stop_lines(stops(stop(CELL), stop(NOISY, gain_over_budget_lo=-0.01)))
    assert told == (
        "vgg 1 on xor(sigma=0.5) (undistorted, n = 64): the risk is smallest after 8 [2, 32] "
        "steps; a stop that other seeds chose is 5.00 [1.00, 9.00] points below R_n(T)"
    )
    assert rest.startswith("in 1 of 2 traced cells no stop")


def test_an_undistorted_cell_of_two_distortions_is_told_once() -> None:
    other = {**CELL, "distortion": "overlap", "severity": 0.0}
    (line,) = stop_lines(stops(stop(CELL), stop(other)))
    assert "undistorted" in line
    (task,) = stop_tables(stops(stop(NOISY), stop(CELL), stop(other)))
    assert [row["severity"] for row in task.rows] == [0.0, 0.4, 0.0]


def test_of_fewer_seeds_than_judge_nothing_is_told() -> None:
    unknown = dict.fromkeys(
        [f"gain_over_budget{end}" for end in ("", "_lo", "_hi")]
        + [f"gain_over_converged{end}" for end in ("", "_lo", "_hi")]
    )
    (line,) = stop_lines(stops(stop(CELL, **unknown, is_second_descent=None)))
    assert line.startswith("in 1 of 1 traced cell no stop")
    assert stop_lines(stops()) == []
