"""Risk against the latent dimension: figures with knees marked, and the knees in words.

Inert numbers first, then their renderer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from study.analysis.faults import plainest, shape_of, size_of
from study.analysis.frames import Row, to_rows
from study.rendering.lines import Line, draw_band
from study.rendering.style import (
    STYLE,
    balanced_columns,
    line_handles,
    look,
    new_figure,
    panel_grid,
    wrapped,
)
from study.rendering.units import Unit, unit_of
from study.rendering.words import (
    TaskRows,
    damage_words,
    distinct,
    network_words,
    number_of,
    size_words,
    split_by_task,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_IN_A_ROW = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class KneeMark:
    """Where a line has its knee; `lo` and `hi` are None where its interval is unknown."""

    place: int
    risk: float
    lo: int | None
    hi: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentPanel:
    """Lines of one depth and capacity, with their knees; None: no knee is told."""

    title: str
    lines: tuple[Line, ...]
    knees: tuple[KneeMark | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentGrid:
    """Panels that share both axes."""

    title: str
    y_label: str
    panels: tuple[LatentPanel, ...]
    labels: tuple[str, ...]  # every family of the figure, in the order of the colours
    dims: tuple[int, ...]


def latent_grids(points: pd.DataFrame, knees: pd.DataFrame) -> list[LatentGrid]:
    """Return a figure per task and population: its plainest cells, a panel per size of networks.

    Args:
        points: of study.analysis.latent_dims.build_latent_dims.
        knees: likewise.
    """
    marks = {_curve_key(row): row for row in to_rows(knees)}
    return [
        _grid(task, plainest([row for row in task.rows if row["population"] == population]), marks)
        for task in split_by_task(to_rows(points))
        for population in distinct(task.rows, "population")
    ]


def is_told(knee: Row) -> bool:
    """Whether a curve has a knee: it is not straight, for all that its noise says."""
    return knee["sharpness_lo"] is not None and knee["sharpness_lo"] > 0


def knee_rows(knees: pd.DataFrame) -> list[TaskRows]:
    """Return the knees of every population's plainest cells, by task; they are of no one k."""
    tasks = split_by_task([{**row, "latent_dim": None} for row in to_rows(knees)])
    return [replace(task, rows=_plainest_in_order(task.rows)) for task in tasks]


def knee_lines(knees: pd.DataFrame) -> list[str]:
    """Say of every family and depth of a population's plainest cells where its knee is."""
    return [
        f"{task.title}{network_words(row)} on {row['population']} ({damage_words(row)}, "
        f"n = {row['num_train']}): {knee_words(row)}"
        for task in knee_rows(knees)
        for row in task.rows
    ]


def knee_words(row: Row) -> str:
    """Say where a curve's knee is, or why none is told."""
    ends = f"k = {row['smallest']} to {row['largest']}"
    if row["sharpness"] is None and (row["num_dims"] < 3 or row["num_seeds"] < 3):
        counts = f"{row['num_dims']} latent dimensions and {row['num_seeds']} seeds"
        return f"no knee is told from {counts}: three of each are needed"
    if row["knee"] is None:
        return f"no knee: from {ends} the risk does not fall below its chord"
    unit = unit_of(row["task"])
    sharpness = f"{number_of(row, 'sharpness')} of the range below the chord of {ends}"
    if not is_told(row):
        why = "intervals are unknown" if row["sharpness_lo"] is None else "it may be straight"
        return f"no knee is told, since {why}; furthest is k = {row['knee']}, {sharpness}"
    interval = f"[{row['knee_lo']}, {row['knee_hi']}]"
    risk = unit.show(row["knee_risk"])
    return f"knee at k = {row['knee']} {interval}, risk {risk} {unit.short}, {sharpness}"


def _plainest_in_order(rows: Sequence[Row]) -> list[Row]:
    found: list[Row] = []
    for population in distinct(rows, "population"):
        held = [row for row in rows if row["population"] == population]
        found += sorted(plainest(held), key=shape_of)
    return found


def _curve_key(row: Row) -> tuple[object, ...]:
    where = (row["population"], row["distortion"], row["level"], row["num_train"])
    return (row["family"], row["depth"], row["capacity"], *where)


def _grid(task: TaskRows, rows: Sequence[Row], marks: dict[tuple[object, ...], Row]) -> LatentGrid:
    labels = tuple(distinct(rows, "family"))
    panels = []
    for size in dict.fromkeys(map(_size_of_curve, sorted(rows, key=size_of))):
        curves = [
            sorted(held, key=lambda row: row["latent_dim"])
            for family in labels
            if (held := [r for r in rows if (_size_of_curve(r), r["family"]) == (size, family)])
        ]
        panels.append(
            LatentPanel(
                title=f"depth {size}",
                lines=tuple(_line(held, task.unit) for held in curves),
                knees=tuple(_mark(marks[_curve_key(held[0])], task.unit) for held in curves),
            )
        )
    where = f"{damage_words(rows[0])}, n = {rows[0]['num_train']}"
    return LatentGrid(
        title=f"{task.title}{rows[0]['population']}: risk against latent dimension, {where}",
        y_label=f"R_n(T) ({task.unit.sign})",
        panels=tuple(panels),
        labels=labels,
        dims=tuple(distinct(rows, "latent_dim")),
    )


def _size_of_curve(row: Row) -> str:
    return size_words({**row, "latent_dim": None})


def _line(rows: Sequence[Row], unit: Unit) -> Line:
    return Line(
        label=rows[0]["family"],
        x=tuple(float(row["latent_dim"]) for row in rows),
        y=tuple(unit.scale(row["risk"]) for row in rows),
        lo=tuple(unit.scale(row["risk_lo"]) for row in rows),
        hi=tuple(unit.scale(row["risk_hi"]) for row in rows),
    )


def _mark(knee: Row, unit: Unit) -> KneeMark | None:
    if not is_told(knee):
        return None
    return KneeMark(
        place=knee["knee"],
        risk=unit.factor * knee["knee_risk"],
        lo=knee["knee_lo"],
        hi=knee["knee_hi"],
    )


def draw_latent_grid(info: LatentGrid) -> Figure:
    """Draw risks over log k with their bands; a ring is the knee, the bar its interval."""
    import matplotlib
    from matplotlib.lines import Line2D

    per_row = balanced_columns(len(info.panels), MOST_IN_A_ROW)
    num_rows = -(-len(info.panels) // per_row)
    width = max(4.2 * per_row, 7.5)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, 1.4 + 3.0 * num_rows)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), per_row)
        for place, (axes, panel) in enumerate(zip(grid, info.panels, strict=True)):
            _draw(axes, panel, info)
            axes.sharey(grid[0])
            axes.set_xlabel("latent dimension k")
            if place % per_row == 0:
                axes.set_ylabel(info.y_label)
        handles = line_handles(len(info.labels))
        labels = list(info.labels)
        if any(mark for panel in info.panels for mark in panel.knees):
            handles.append(Line2D([], [], color="#555555", mfc="none", marker="o", ms=9, lw=5))
            handles[-1].set_alpha(0.6)
            labels.append("knee, 95% interval")
        columns = max(1, min(len(handles), int(width / 1.9)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    return figure


def _draw(axes: Axes, panel: LatentPanel, info: LatentGrid) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(info.dims, [str(k) for k in info.dims], fontsize=8)
    for line, knee in zip(panel.lines, panel.knees, strict=True):
        colour, marker = look(info.labels.index(line.label))
        y = [float(value or 0.0) for value in line.y]
        axes.plot(line.x, y, color=colour, marker=marker, markersize=4, linewidth=1.4)
        draw_band(axes, line, colour)
        if knee is not None:
            axes.plot([knee.place], [knee.risk], marker="o", ms=11, mfc="none", mec=colour, mew=1.6)
            if knee.lo is not None and knee.hi is not None:
                ends = ([knee.lo, knee.hi], [knee.risk, knee.risk])
                axes.plot(*ends, color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
    axes.set_title(panel.title, fontsize=10)
