"""How fast a trial settles against the risk it settles at: inert numbers first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from study.analysis.faults import plainest
from study.analysis.frames import Row, to_rows
from study.rendering.style import (
    STYLE,
    balanced_columns,
    line_handles,
    look,
    new_figure,
    panel_grid,
    wrapped,
)
from study.rendering.units import Unit
from study.rendering.words import TaskRows, damage_words, distinct, split_by_task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_IN_A_ROW = 3
"""Panels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloud:
    """A family's trials: steps until each had settled, and R_n(inf) in the unit shown."""

    label: str
    steps: tuple[int, ...]
    risk: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedPanel:
    """Trials of one n."""

    title: str
    clouds: tuple[Cloud, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedGrid:
    """Panels that share both axes."""

    title: str
    y_label: str
    panels: tuple[SpeedPanel, ...]
    labels: tuple[str, ...]  # every family of the figure, in the order of the colours


def speed_grids(trials: pd.DataFrame) -> list[SpeedGrid]:
    """Return a figure per task and population, a panel per n: measured trials that had settled.

    Undistorted, else least distorted ones.
    """
    settled = [row for row in to_rows(trials) if has_settled(row)]
    return [
        _grid(task, [row for row in task.rows if row["population"] == population])
        for task in split_by_task(settled)
        for population in distinct(task.rows, "population")
    ]


def has_settled(row: Row) -> bool:
    """Whether a measured trial says after how many steps it had settled, and at which risk."""
    is_known = bool(row["steps_to_converge"]) and row["converged_risk"] is not None
    return row["role"] == "measure" and row["status"] == "done" and is_known


def _grid(task: TaskRows, rows: Sequence[Row]) -> SpeedGrid:
    sizes = distinct(rows, "num_train")
    shown = {n: plainest([row for row in rows if row["num_train"] == n]) for n in sizes}
    where = f"{rows[0]['population']}: steps until settled against the risk then"
    return SpeedGrid(
        title=f"{task.title}{where}, {damage_words(shown[sizes[-1]][0])}",
        y_label=f"risk when settled, R_n(∞) ({task.unit.sign})",
        panels=tuple(
            SpeedPanel(title=f"n = {n}", clouds=_clouds(mine, task.unit))
            for n, mine in shown.items()
        ),
        labels=tuple(distinct([row for mine in shown.values() for row in mine], "family")),
    )


def _clouds(rows: Sequence[Row], unit: Unit) -> tuple[Cloud, ...]:
    clouds = []
    for family in distinct(rows, "family"):
        mine = [row for row in rows if row["family"] == family]
        clouds.append(
            Cloud(
                label=family,
                steps=tuple(row["steps_to_converge"] for row in mine),
                risk=tuple(unit.factor * row["converged_risk"] for row in mine),
            )
        )
    return tuple(clouds)


def draw_speed_grid(info: SpeedGrid) -> Figure:
    """Draw a point for each trial; steps on a logarithmic axis."""
    import matplotlib

    per_row = balanced_columns(len(info.panels), MOST_IN_A_ROW)
    num_rows = -(-len(info.panels) // per_row)
    width = max(3.6 * per_row, 7.5)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, 1.6 + 2.6 * num_rows)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), per_row)
        steps = [at for panel in info.panels for cloud in panel.clouds for at in cloud.steps]
        for place, (axes, panel) in enumerate(zip(grid, info.panels, strict=True)):
            _draw(axes, panel, info.labels, tick_places(min(steps), max(steps)))
            axes.sharex(grid[0])
            axes.sharey(grid[0])
            if place + per_row >= len(info.panels):
                axes.set_xlabel("optimizer steps until settled (log scale)")
            if place % per_row == 0:
                axes.set_ylabel(info.y_label)
        columns = max(1, min(len(info.labels), int(width / 1.6)))
        handles = line_handles(len(info.labels), size=5.0)
        figure.legend(
            handles, info.labels, loc="outside lower center", ncols=columns, frameon=False
        )
    return figure


def tick_places(low: float, high: float) -> tuple[float, ...]:
    """Return which places of a decade have a tick: the more, the fewer decades there are."""
    if high < 10 * low:
        return 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0
    return (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)


def _draw(axes: Axes, panel: SpeedPanel, labels: Sequence[str], places: tuple[float, ...]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=places))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps:,.0f}"))
    axes.minorticks_off()  # a tick without a number tells nothing on an axis of one decade
    axes.margins(x=0.06)
    axes.grid(color="#808080", alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for cloud in panel.clouds:
        colour, marker = look(labels.index(cloud.label))
        axes.plot(cloud.steps, cloud.risk, marker, color=colour, markersize=5, alpha=0.75)
    axes.set_title(panel.title, fontsize=10)
