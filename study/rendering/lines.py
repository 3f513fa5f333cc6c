"""Lines with bands, against severity or epochs: inert numbers first, then their renderer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.frames import Row, to_rows
from study.analysis.intervals import mean
from study.rendering.style import STYLE, look, new_figure, wrapped
from study.rendering.words import TaskRows, Unit, damage_words, split_by_task, words_of
from study.trials.roles import ROLES
from study.trials.schema import ERRORS
from study.trials.trial import UNDISTORTED

CurvePoints = dict[str, list[tuple[float, float]]]
"""Pairs of an epoch and the train risk after it, in order, by trial."""


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
    """Lines that share axes; `mark` is a vertical line, None for none."""

    title: str
    lines: tuple[Line, ...]
    mark: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LineGrid:
    """Panels in rows that share a y axis: `panels[row][column]`."""

    title: str
    x_label: str
    y_labels: tuple[str, ...]
    panels: tuple[tuple[LinePanel, ...], ...]
    labels: tuple[str, ...]  # every line of the figure, in the order of the colours
    x_ticks: tuple[float, ...] | None = None  # None: wherever they fall


def error_lines(landscape: pd.DataFrame) -> list[LineGrid]:
    """Return the errors against severity: rows are errors, columns depths, lines families.

    One figure per task, population, distortion and sample size, where there are two levels or more.
    """
    grids = []
    for task in split_by_task(to_rows(landscape)):
        groups: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
        for row in task.rows:
            groups[row["population"], row["distortion"], row["num_train"]].append(row)
        for (population, distortion, num_train), rows in sorted(groups.items()):
            errors = [name for name in ERRORS if any(row[name] is not None for row in rows)]
            severities = _distinct(rows, "severity")
            if len(severities) < 2 or not errors:
                continue
            damage = words_of(distortion)
            grids.append(
                LineGrid(
                    title=f"{task.title}{population}: errors against {damage}, n = {num_train}",
                    x_label=f"severity of {damage}",
                    y_labels=tuple(f"{name} ({task.unit.sign})" for name in errors),
                    panels=tuple(_error_panels(rows, name, task.unit) for name in errors),
                    labels=tuple(_distinct(rows, "family")),
                    x_ticks=tuple(severities),
                )
            )
    return grids


def _error_panels(rows: Sequence[Row], error: str, unit: Unit) -> tuple[LinePanel, ...]:
    panels = []
    for depth in _distinct(rows, "depth"):
        lines = []
        for family in _distinct(rows, "family"):
            mine = [r for r in rows if (r["depth"], r["family"]) == (depth, family)]
            mine.sort(key=lambda row: row["severity"])
            lines.append(
                Line(
                    label=family,
                    x=tuple(row["severity"] for row in mine),
                    y=tuple(unit.scale(row[error]) for row in mine),
                    lo=tuple(unit.scale(row[f"{error}_lo"]) for row in mine),
                    hi=tuple(unit.scale(row[f"{error}_hi"]) for row in mine),
                )
            )
        panels.append(LinePanel(title=f"depth {depth}", lines=tuple(lines)))
    return tuple(panels)


def learning_curves(trials: pd.DataFrame, curves: pd.DataFrame) -> list[LineGrid]:
    """Return train risk against epochs, one figure per task and population, a panel per depth.

    Measuring trials only, at the least distorted level and the largest sample; the line is the
    mean over seeds and the band their range. A run that settled early keeps its last value.
    """
    points = _curve_points(curves)
    measured = [
        row
        for row in to_rows(trials)
        if row["role"] in ROLES
        and ROLES[row["role"]].is_measured
        and row["status"] == "done"
        and row["trial_id"] in points
    ]
    return [
        _curve_grid(task, population, points)
        for task in split_by_task(measured)
        for population in _distinct(task.rows, "population")
    ]


def _curve_grid(task: TaskRows, population: str, points: CurvePoints) -> LineGrid:
    rows = plainest([row for row in task.rows if row["population"] == population])
    where = f"{damage_words(rows[0])}, n = {rows[0]['num_train']}"
    return LineGrid(
        title=f"{task.title}{population}: learning curves, {where}",
        x_label="epochs",
        y_labels=(f"train risk ({task.unit.sign})",),
        panels=(
            tuple(
                _curve_panel([row for row in rows if row["depth"] == depth], points, task.unit)
                for depth in _distinct(rows, "depth")
            ),
        ),
        labels=tuple(_distinct(rows, "family")),
    )


def _curve_points(curves: pd.DataFrame) -> CurvePoints:
    points: CurvePoints = defaultdict(list)
    for row in to_rows(curves):
        if row["epoch"] is not None and row["train_risk"] is not None:
            points[row["trial_id"]].append((row["epoch"], row["train_risk"]))
    return {trial_id: sorted(found) for trial_id, found in points.items()}


def plainest(rows: Sequence[Row]) -> list[Row]:
    """Keep the undistorted rows (else the first level's) at the largest sample."""

    def damage(row: Row) -> tuple[bool, str, int]:
        return row["distortion"] != UNDISTORTED, row["distortion"], row["level"]

    least = min(map(damage, rows))
    kept = [row for row in rows if damage(row) == least]
    largest = max(row["num_train"] for row in kept)
    return [row for row in kept if row["num_train"] == largest]


def _curve_panel(rows: Sequence[Row], points: CurvePoints, unit: Unit) -> LinePanel:
    lines = []
    for family in _distinct(rows, "family"):
        held = [points[row["trial_id"]] for row in rows if row["family"] == family]
        epochs = sorted({epoch for curve in held for epoch, _ in curve})
        ats = [[unit.factor * _last_value(curve, epoch) for curve in held] for epoch in epochs]
        lines.append(
            Line(
                label=family,
                x=tuple(epochs),
                y=tuple(mean(values) for values in ats),
                lo=tuple(min(values) for values in ats),
                hi=tuple(max(values) for values in ats),
            )
        )
    budgets = {row["budget_epochs"] for row in rows} - {None}
    mark = float(budgets.pop()) if len(budgets) == 1 else None
    return LinePanel(title=f"depth {rows[0]['depth']}", lines=tuple(lines), mark=mark)


def _last_value(curve: Sequence[tuple[float, float]], epoch: float) -> float:
    """Return the curve's value at the last of its epochs not after `epoch`, else its first."""
    return next((value for at, value in reversed(curve) if at <= epoch), curve[0][1])


def _distinct(rows: Sequence[Row], name: str) -> list[Any]:
    return sorted({row[name] for row in rows})


def draw_line_grid(info: LineGrid) -> Figure:
    """Draw lines with their bands; rows share the y axis, the legend is below."""
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
            grid[row][0].set_ylabel(info.y_labels[row])
        if info.x_ticks is not None:
            grid[0][0].set_xticks(info.x_ticks, [f"{tick:g}" for tick in info.x_ticks])
        handles = _legend_handles(grid[0][0], info.labels)
        columns = max(1, min(len(handles), int(width / 1.6)))
        figure.legend(
            handles, info.labels, loc="outside lower center", ncols=columns, frameon=False
        )
    return figure


def _draw_lines(axes: Axes, panel: LinePanel, labels: Sequence[str]) -> None:
    crowded = max((len(line.x) for line in panel.lines), default=0) > 12
    for line in panel.lines:
        colour, marker = look(labels.index(line.label))
        known = [i for i, y in enumerate(line.y) if y is not None]
        x = [line.x[i] for i in known]
        marks: dict[str, Any] = {"markevery": max(1, len(x) // 6)} if crowded else {}
        y = [float(line.y[i] or 0.0) for i in known]
        axes.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.4, **marks)
        band = [i for i in known if line.lo[i] is not None and line.hi[i] is not None]
        lo = [float(line.lo[i] or 0.0) for i in band]
        hi = [float(line.hi[i] or 0.0) for i in band]
        axes.fill_between([line.x[i] for i in band], lo, hi, color=colour, alpha=0.15, linewidth=0)
    if panel.mark is not None:
        axes.axvline(panel.mark, color="#555555", linestyle=":", linewidth=1.2)
    axes.axhline(0.0, color="#999999", linewidth=0.8, zorder=0)


def _legend_handles(axes: Axes, labels: Sequence[str]) -> list[Any]:
    looks = [look(index) for index in range(len(labels))]
    return [axes.plot([], [], color=c, marker=m, markersize=4)[0] for c, m in looks]
