"""The risk along training: figures with the places to stop marked, and these in words.

Inert numbers first, then their renderer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from study.analysis.faults import shape_of
from study.analysis.frames import Row, to_rows, turned
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
from study.rendering.units import Unit
from study.rendering.words import (
    TaskRows,
    counted,
    damage_words,
    distinct,
    interval_of,
    network_words,
    size_words,
    split_by_task,
    value_of,
    words_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_IN_A_ROW = 3
OVER_BUDGET, OVER_CONVERGED = "gain_over_budget", "gain_over_converged"
_REFERENCES = {OVER_BUDGET: "R_n(T)", OVER_CONVERGED: "R_n(∞)"}
_MARKS: dict[str, tuple[str, Literal["none", "full"]]] = {
    "best": ("o", "none"),
    "budget": ("D", "full"),
    "converged": ("X", "full"),
}
_KEY = {"best": "smallest risk", "budget": "R_n(T)", "converged": "R_n(∞)"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """A level's risk along training with its band, and its places.

    Attributes:
        risk: over steps or epochs.
        train: the training risk at the same places.
        marks: (place, risk) by the names of `_MARKS`; one whose place is not known is left out.
    """

    risk: Line
    train: tuple[float | None, ...]
    marks: dict[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class TracePanel:
    """One family and depth, a line for each level."""

    title: str
    lines: tuple[Traced, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceGrid:
    """Panels that share the axis of risks."""

    title: str
    x_label: str
    y_label: str
    panels: tuple[TracePanel, ...]
    labels: tuple[str, ...]  # every level of the figure, in the order of the colours


def trace_grids(traces: pd.DataFrame, stops: pd.DataFrame) -> list[TraceGrid]:
    """Return a figure per task, population, distortion and sample size; a panel per network.

    Args:
        traces: of study.analysis.traces.build_traces.
        stops: likewise, the places to stop.
    """
    marks = {_cell(row): row for row in to_rows(stops)}
    grids = []
    for task in split_by_task(to_rows(traces)):
        groups: dict[tuple[str, str, int], list[Row]] = {}
        for row in task.rows:
            key = (row["population"], row["distortion"], row["num_train"])
            groups.setdefault(key, []).append(row)
        grids += [_grid(task, groups[key], marks) for key in sorted(groups)]
    return grids


def stop_tables(stops: pd.DataFrame) -> list[TaskRows]:
    """Return where to stop, by task, networks and levels in their order."""

    def place(row: Row) -> tuple[object, ...]:
        damage = (row["distortion"], row["severity"], row["num_train"])
        return (row["population"], *shape_of(row), *damage)

    return split_by_task(sorted(to_rows(stops), key=place))


def stop_lines(stops: pd.DataFrame) -> list[str]:
    """Say where stopping early helps or costs, and where the risk falls twice; the rest counted."""
    lines = []
    for task in stop_tables(stops):
        seen: dict[tuple[object, ...], Row] = {}
        for row in task.rows:  # undistorted cells are in every distortion's rows
            seen.setdefault((*_trained(row),), row)
        told = [
            f"{task.title}{words}" for row in seen.values() if (words := _words(row, task.unit))
        ]
        rest = len(seen) - len(told)
        lines += told
        if rest:
            lines.append(
                f"{task.title}in {rest} of {counted(len(seen), 'traced cell')} no stop that other "
                "seeds chose is told apart from R_n(T) and R_n(∞), and no second descent is told"
            )
    return lines


def stop_words(row: Row) -> str:
    """Say after how many steps the risk is smallest, epochs where steps are not the same."""
    axis = "epoch" if row["best_step"] is None else "step"
    if row[f"best_{axis}"] is None:
        return "at steps of each seed's own"
    lo, hi = (row[f"best_{axis}_{end}"] for end in ("lo", "hi"))
    interval = "" if lo is None or hi is None else f" [{lo:g}, {hi:g}]"
    return f"{row[f'best_{axis}']:g}{interval} {axis}s"


def _trained(row: Row) -> tuple[object, ...]:
    return (row["population"], *shape_of(row), damage_words(row), row["num_train"])


def _words(row: Row, unit: Unit) -> str:
    """A sentence; empty where nothing is told."""
    gains = [words for name in _REFERENCES if (words := _gain_words(row, name, unit))]
    where = (
        f"{network_words(row)} on {row['population']} ({damage_words(row)}, n = {row['num_train']})"
    )
    parts = []
    if gains:
        parts.append(
            f"the risk is smallest after {stop_words(row)}; a stop that other seeds chose is "
            f"{' and '.join(gains)}"
        )
    if row["is_second_descent"]:
        parts.append(
            f"the risk falls twice, with a peak{_place_words(row, 'peak')}: it rises by "
            f"{value_of(row, 'rise', unit)} {interval_of(row, 'rise', unit)} and falls by "
            f"{value_of(row, 'fall', unit)} {interval_of(row, 'fall', unit)} {unit.short}"
        )
    return f"{where}: {'; '.join(parts)}" if parts else ""


def _place_words(row: Row, name: str) -> str:
    axis = "step" if row[f"{name}_step"] is not None else "epoch"
    place = row[f"{name}_{axis}"]
    return "" if place is None else f" after {place:g} {axis}s"


def _gain_words(row: Row, name: str, unit: Unit) -> str:
    """By how much a stop is better or worse; empty where that is not told."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    if lo is None or lo <= 0 <= hi:
        return ""
    gain, side = (row, "below") if lo > 0 else (turned(row, name), "above")
    shown = f"{value_of(gain, name, unit)} {interval_of(gain, name, unit)} {unit.short}"
    return f"{shown} {side} {_REFERENCES[name]}"


def _cell(row: Row) -> tuple[object, ...]:
    where = (row["population"], row["distortion"], row["level"], row["num_train"])
    return (*where, *shape_of(row))


def _grid(task: TaskRows, rows: Sequence[Row], marks: dict[tuple[object, ...], Row]) -> TraceGrid:
    axis = "step" if all(row["step"] is not None for row in rows) else "epoch"
    levels = {row["severity"]: damage_words(row) for row in rows}
    first, panels = rows[0], []
    for shape in sorted({shape_of(row) for row in rows}):
        mine = [row for row in rows if shape_of(row) == shape]
        lines = []
        for severity in distinct(mine, "severity"):
            held = [row for row in mine if row["severity"] == severity and row[axis] is not None]
            if held:
                stop = marks[_cell(held[0])]
                lines.append(_traced(held, stop, axis, task.unit, levels[severity]))
        title = f"{shape[0]}, depth {size_words(mine[0])}"
        panels.append(TracePanel(title=title, lines=tuple(lines)))
    damage = words_of(first["distortion"])
    return TraceGrid(
        title=f"{task.title}{first['population']}: risk along training, {damage}, "
        f"n = {first['num_train']}",
        x_label=f"{axis}s",
        y_label=f"risk ({task.unit.sign})",
        panels=tuple(panels),
        labels=tuple(levels[severity] for severity in sorted(levels)),
    )


def _traced(rows: Sequence[Row], stop: Row, axis: str, unit: Unit, label: str) -> Traced:
    in_order = sorted(rows, key=lambda row: row[axis])
    places = {
        "best": (stop[f"best_{axis}"], stop["best_risk"]),
        "budget": (stop[f"budget_{axis}"], stop["budget_risk"]),
        "converged": (stop[f"end_{axis}"], stop["converged_risk"]),
    }
    return Traced(
        risk=Line(
            label=label,
            x=tuple(float(row[axis]) for row in in_order),
            y=tuple(unit.scale(row["risk"]) for row in in_order),
            lo=tuple(unit.scale(row["risk_lo"]) for row in in_order),
            hi=tuple(unit.scale(row["risk_hi"]) for row in in_order),
        ),
        train=tuple(unit.scale(row["train_risk"]) for row in in_order),
        marks={
            name: (float(place), unit.factor * risk)
            for name, (place, risk) in places.items()
            if place is not None and risk is not None
        },
    )


def draw_trace_grid(info: TraceGrid) -> Figure:
    """Draw risks solid with their bands and training risks dashed, over a logarithmic axis."""
    import matplotlib
    from matplotlib.lines import Line2D
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    per_row = balanced_columns(len(info.panels), MOST_IN_A_ROW)
    num_rows = -(-len(info.panels) // per_row)
    width = max(4.4 * per_row, 7.5)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, 1.6 + 3.0 * num_rows)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), per_row)
        for place, (axes, panel) in enumerate(zip(grid, info.panels, strict=True)):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            for line in panel.lines:
                _draw(axes, line, info.labels)
            axes.set_title(panel.title, fontsize=10)
            axes.sharey(grid[0])
            axes.set_xlabel(info.x_label)
            if place % per_row == 0:
                axes.set_ylabel(info.y_label)
        handles = line_handles(len(info.labels))
        handles.append(Line2D([], [], color="#555555", linestyle="--"))
        handles += [
            Line2D([], [], color="#555555", linestyle="", marker=marker, fillstyle=fill, ms=9)
            for marker, fill in _MARKS.values()
        ]
        labels = [*info.labels, "training risk", *_KEY.values()]
        columns = max(1, min(len(handles), int(width / 1.6)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    return figure


def _draw(axes: Axes, line: Traced, labels: Sequence[str]) -> None:
    colour, marker = look(labels.index(line.risk.label))
    y = [float(value or 0.0) for value in line.risk.y]
    axes.plot(line.risk.x, y, color=colour, marker=marker, markersize=3, linewidth=1.4)
    known = [i for i, value in enumerate(line.train) if value is not None]
    train = [float(line.train[i] or 0.0) for i in known]
    axes.plot([line.risk.x[i] for i in known], train, color=colour, linestyle="--", linewidth=0.9)
    draw_band(axes, line.risk, colour)
    for name, (place, risk) in line.marks.items():
        shape, fill = _MARKS[name]
        axes.plot([place], [risk], color=colour, marker=shape, fillstyle=fill, markersize=9)
