"""Lines with bands, against severity: inert numbers first, then their renderer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import pandas as pd

from study.analysis.columns import ERRORS
from study.analysis.faults import plainest, populations_of, size_of
from study.analysis.frames import Row, to_rows
from study.rendering.style import (
    ERROR_COLOURS,
    STYLE,
    line_handles,
    look,
    new_figure,
    wrapped,
)
from study.rendering.units import Unit
from study.rendering.words import damage_words, distinct, size_words, split_by_task, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line with a band: `lo` and `hi` are None where the band is unknown."""

    label: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    lo: tuple[float | None, ...]
    hi: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LinePanel:
    """Lines that share axes."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LineGrid:
    """Panels in rows that share a y axis: `panels[row][column]`."""

    title: str
    x_label: str
    y_labels: tuple[str, ...]
    panels: tuple[tuple[LinePanel, ...], ...]
    labels: tuple[str, ...]  # every line of the figure, in the order of the colours
    x_ticks: tuple[float, ...]
    is_log: bool = False  # of the x axis
    row_colours: tuple[str, ...]  # of each row's axis
    per: str = "depth"  # what a column is of, in words


def error_lines(landscape: pd.DataFrame) -> list[LineGrid]:
    """Return the errors against severity: rows are errors, columns depths, lines families.

    One figure per task, population, distortion, sample size, latent dimension and capacity, where
    there are two levels or more.
    """
    grids = []
    for task in split_by_task(to_rows(landscape)):
        groups: dict[tuple[str, str, int, int, float], list[Row]] = defaultdict(list)
        for row in task.rows:
            key = (row["population"], row["distortion"], row["num_train"])
            groups[*key, row["latent_dim"] or 0, row["capacity"] or 0.0].append(row)
        order = populations_of(task.rows)
        in_order = sorted(groups.items(), key=lambda held: (order.index(held[0][0]), *held[0]))
        for (population, distortion, num_train, latent_dim, capacity), rows in in_order:
            errors = [name for name in ERRORS if any(row[name] is not None for row in rows)]
            severities = distinct(rows, "severity")
            if len(severities) < 2 or not errors:
                continue
            damage, where = words_of(distortion), f"n = {num_train}"
            where += f", k = {latent_dim}" if latent_dim else ""
            where += f", c = {capacity:g}" if capacity else ""
            grids.append(
                LineGrid(
                    title=f"{task.title}{population}: errors against {damage}, {where}",
                    x_label=f"severity of {damage}",
                    y_labels=tuple(f"{name} ({task.unit.sign})" for name in errors),
                    panels=tuple(_error_panels(rows, name, task.unit) for name in errors),
                    labels=tuple(distinct(rows, "family")),
                    x_ticks=tuple(severities),
                    row_colours=tuple(ERROR_COLOURS.get(name, "#000000") for name in errors),
                )
            )
    return grids


def errors_by_size(landscape: pd.DataFrame) -> list[LineGrid]:
    """Return the errors of the plainest cells against n: rows are errors, columns networks' sizes.

    One figure per task and population that has two sample sizes or more.
    """
    grids = []
    for task in split_by_task(to_rows(landscape)):
        for population in populations_of(task.rows):
            mine = [row for row in task.rows if row["population"] == population]
            least = plainest(mine)[0]
            damage = (least["distortion"], least["level"])
            rows = [row for row in mine if (row["distortion"], row["level"]) == damage]
            sizes = distinct(rows, "num_train")
            errors = [name for name in ERRORS if any(row[name] is not None for row in rows)]
            if len(sizes) < 2 or not errors:
                continue
            grids.append(
                LineGrid(
                    title=f"{task.title}{population}: errors against n, {damage_words(least)}",
                    x_label="training examples n",
                    y_labels=tuple(f"{name} ({task.unit.sign})" for name in errors),
                    panels=tuple(
                        _error_panels(rows, name, task.unit, "num_train") for name in errors
                    ),
                    labels=tuple(distinct(rows, "family")),
                    x_ticks=tuple(sizes),
                    is_log=True,
                    row_colours=tuple(ERROR_COLOURS.get(name, "#000000") for name in errors),
                )
            )
    return grids


def _error_panels(
    rows: Sequence[Row], error: str, unit: Unit, along: str = "severity"
) -> tuple[LinePanel, ...]:
    panels = []
    for size in dict.fromkeys(map(size_words, sorted(rows, key=size_of))):
        lines = []
        for family in distinct(rows, "family"):
            mine = [row for row in rows if (size_words(row), row["family"]) == (size, family)]
            mine.sort(key=itemgetter(along))
            lines.append(
                Line(
                    label=family,
                    x=tuple(row[along] for row in mine),
                    y=tuple(unit.scale(row[error]) for row in mine),
                    lo=tuple(unit.scale(row[f"{error}_lo"]) for row in mine),
                    hi=tuple(unit.scale(row[f"{error}_hi"]) for row in mine),
                )
            )
        panels.append(LinePanel(title=f"depth {size}", lines=tuple(lines)))
    return tuple(panels)


def draw_line_grid(info: LineGrid) -> Figure:
    """Draw lines with their bands; rows share the y axis, the legend is below."""
    import matplotlib
    from matplotlib.ticker import NullLocator

    num_rows, num_columns = len(info.panels), max(len(row) for row in info.panels)
    width, height = max(3.6 * num_columns, 7.5), 2.3 * num_rows + 1.4
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height)
        figure.suptitle(wrapped(info.title, width))
        grid = figure.subplots(num_rows, num_columns, squeeze=False, sharex=True, sharey="row")
        for row, panels in enumerate(info.panels):
            for axes, panel in zip(grid[row], panels, strict=False):
                _draw_lines(axes, panel, info.labels)
                axes.set_title(panel.title if row == 0 else "", fontsize=10)
                axes.set_xlabel(info.x_label if row == num_rows - 1 else "")
                axes.spines["left"].set(color=info.row_colours[row], linewidth=3.0)
            grid[row][0].set_ylabel(info.y_labels[row])
        grid[0][0].set_xscale("log" if info.is_log else "linear")
        grid[0][0].xaxis.set_minor_locator(NullLocator())
        grid[0][0].set_xticks(info.x_ticks, [f"{tick:g}" for tick in info.x_ticks])
        handles = line_handles(len(info.labels))
        columns = max(1, min(len(handles), int(width / 1.6)))
        figure.legend(
            handles, info.labels, loc="outside lower center", ncols=columns, frameon=False
        )
    return figure


def draw_band(axes: Axes, line: Line, colour: str) -> None:
    """Draw a line's intervals, of the points that have one."""
    band = [
        (x, lo, hi)
        for x, lo, hi in zip(line.x, line.lo, line.hi, strict=True)
        if lo is not None and hi is not None
    ]
    x, lo, hi = zip(*band, strict=True) if band else ((), (), ())
    axes.fill_between(x, lo, hi, color=colour, alpha=0.15, linewidth=0)


def _draw_lines(axes: Axes, panel: LinePanel, labels: Sequence[str]) -> None:
    for line in panel.lines:
        colour, marker = look(labels.index(line.label))
        known = [i for i, y in enumerate(line.y) if y is not None]
        x = [line.x[i] for i in known]
        y = [float(line.y[i] or 0.0) for i in known]
        axes.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.4)
        draw_band(axes, line, colour)
    axes.axhline(0.0, color="#999999", linewidth=0.8, zorder=0)
