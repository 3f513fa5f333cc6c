"""Heat maps of an error: inert numbers first, then their renderer."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from study.analysis.columns import ERRORS
from study.analysis.faults import populations_of, shape_of
from study.analysis.frames import Row, to_rows
from study.rendering.style import (
    COLOUR_MAP,
    STYLE,
    hatched,
    ink_on,
    new_figure,
    panel_grid,
    wrapped,
)
from study.rendering.units import Unit
from study.rendering.words import TaskRows, mark_of, network_words, split_by_task, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WRAP = 46  # characters of a panel's title


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One heat map: `cells[row][column]`, None where unknown; `marks` stand before the numbers."""

    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]
    marks: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatMaps:
    """One error of one task over a population: a panel per distortion and sample size.

    `limit` is where colours end, in the unit shown: the same on all of the task's populations.
    """

    title: str
    error: str
    population: str
    unit: Unit
    panels: tuple[Panel, ...]
    limit: float


def heat_maps(landscape: pd.DataFrame) -> list[HeatMaps]:
    """Return one figure per task, population and error, without those that know nothing."""
    return [
        _maps_of(task, population, error)
        for task in split_by_task(to_rows(landscape))
        for population in populations_of(task.rows)
        for error in ERRORS
        if any(row[error] is not None for row in task.rows if row["population"] == population)
    ]


def _maps_of(task: TaskRows, population: str, error: str) -> HeatMaps:
    panels: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in task.rows:
        if row["population"] == population:
            panels[row["distortion"], row["num_train"]].append(row)
    return HeatMaps(
        title=f"{task.title}{population}: {error} error, {task.unit.points}",
        error=error,
        population=population,
        unit=task.unit,
        panels=tuple(_panel(rows, error) for _, rows in sorted(panels.items())),
        limit=colour_limit(task, error),
    )


def colour_limit(task: TaskRows, error: str) -> float:
    """Return where an error's colours end, in the task's unit: on all populations, at every n."""
    known = [abs(row[error]) for row in task.rows if row[error] is not None]
    return task.unit.factor * max(known, default=0.0) or 1.0


def _panel(rows: Sequence[Row], error: str) -> Panel:
    shapes = {shape_of(row): network_words(row) for row in sorted(rows, key=shape_of)}
    columns = sorted({(row["level"], row["severity"]) for row in rows})
    held = {(*shape_of(row), row["level"]): row for row in rows}
    grid = [[held.get((*shape, level)) for level, _ in columns] for shape in shapes]
    distortion, num_train = rows[0]["distortion"], rows[0]["num_train"]
    return Panel(
        title=f"{words_of(distortion)}, n = {num_train}",
        row_labels=tuple(shapes.values()),
        column_labels=tuple(f"{severity:g}" for _, severity in columns),
        cells=tuple(tuple(None if row is None else row[error] for row in line) for line in grid),
        marks=tuple(
            tuple("" if row is None else mark_of(row, error) for row in line) for line in grid
        ),
    )


def draw_heat_maps(info: HeatMaps) -> Figure:
    """Draw an error's heat maps on one scale of colours; unknown cells are hatched."""
    import matplotlib
    from matplotlib.colors import Normalize

    per_row = min(2, len(info.panels))
    num_rows = -(-len(info.panels) // per_row)
    height = num_rows * (0.3 * max(len(panel.row_labels) for panel in info.panels) + 1.1)
    widest = max(len(panel.column_labels) for panel in info.panels)
    width = max(per_row * (2.1 + 0.72 * widest) + 1.0, 6.5)
    limit = info.limit
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height + 0.7)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), per_row)
        for axes, panel in zip(grid, info.panels, strict=True):
            _draw_panel(axes, panel, info.unit, limit)
        scale = matplotlib.cm.ScalarMappable(Normalize(-limit, limit), COLOUR_MAP)
        figure.colorbar(scale, ax=figure.axes, shrink=0.8, aspect=30, pad=0.02)
    return figure


def _draw_panel(axes: Axes, panel: Panel, unit: Unit, limit: float) -> None:
    num_rows, num_columns = len(panel.row_labels), len(panel.column_labels)
    shown = [[np.nan if v is None else unit.factor * v for v in row] for row in panel.cells]
    axes.imshow(np.array(shown), cmap=COLOUR_MAP, vmin=-limit, vmax=limit, aspect="auto")
    for row, column in np.ndindex(num_rows, num_columns):
        value = panel.cells[row][column]
        if value is None:
            axes.add_patch(hatched(column, row))
        is_dark = abs(shown[row][column]) > 0.7 * limit
        axes.text(
            column,
            row,
            f"{panel.marks[row][column]}{unit.show(value)}",
            ha="center",
            va="center",
            color=ink_on(is_dark=is_dark),
            fontsize=9,
        )
    axes.set_xticks(range(num_columns), panel.column_labels)
    axes.set_yticks(range(num_rows), panel.row_labels)
    axes.set_xlabel("severity")
    axes.set_title("\n".join(textwrap.wrap(panel.title, _WRAP)), fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
