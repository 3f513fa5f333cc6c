"""Risks and errors against the number of parameters, and the peaks in words.

Inert numbers first, then their renderer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from study.analysis.capacities import INTERPOLATES
from study.analysis.curve_columns import FOUR
from study.analysis.faults import distinct_cells, is_undamaged, shape_of
from study.analysis.frames import Row, to_rows
from study.analysis.moments import MIN_SEEDS
from study.analysis.peak import MIN_POINTS
from study.rendering.lines import Line, draw_band
from study.rendering.style import COLOURS, ERROR_COLOURS, STYLE, new_figure, wrapped
from study.rendering.units import Unit, unit_of
from study.rendering.words import (
    TaskRows,
    counted,
    damage_words,
    interval_of,
    network_words,
    split_by_task,
    value_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

RISKS = {
    "risk": "R_n(T)",
    "converged_risk": "R_n(∞)",
    "resubstitution_risk": "L",
    "limit_risk": "U_A",
    "best_in_class_risk": "U_H",
}
"""What is drawn against the number of parameters, and by which sign."""
RISK_COLOURS = dict(zip(RISKS.values(), COLOURS, strict=False))
DASHED = ("U_A", "U_H")

NO_ERRORS = f"{INTERPOLATES:g}".removeprefix("0")


@dataclass(frozen=True, kw_only=True, slots=True)
class CapacityPanel:
    """A curve over capacity: its risks, and beside them its errors.

    Attributes:
        threshold: parameters from which the own sample is interpolated; None: nowhere, or unknown.
        peaks: (parameters, risk) of the peaks that are told.
    """

    title: str
    risks: tuple[Line, ...]
    errors: tuple[Line, ...]
    threshold: float | None
    peaks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CapacityGrid:
    """Curves of one law, damage and sample size, a row of two panels each."""

    title: str
    unit: Unit
    panels: tuple[CapacityPanel, ...]


def capacity_grids(capacities: pd.DataFrame, peaks: pd.DataFrame) -> list[CapacityGrid]:
    """Return a figure per task, population, damage and sample size, a row per curve.

    Args:
        capacities: of study.analysis.capacities.build_capacities.
        peaks: likewise.
    """
    told: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in to_rows(peaks):
        told[_curve_key(row)].append(row)
    grids = []
    for task in split_by_task(to_rows(capacities)):
        figures: dict[tuple[object, ...], list[Row]] = defaultdict(list)
        for row in sorted(distinct_cells(task.rows), key=_place):
            figures[row["population"], damage_words(row), row["num_train"]].append(row)
        for (population, damage, num_train), rows in figures.items():
            curves: dict[tuple[object, ...], list[Row]] = defaultdict(list)
            for row in rows:
                curves[_curve_key(row)].append(row)
            where = f"{damage}, n = {num_train}"
            grids.append(
                CapacityGrid(
                    title=f"{task.title}{population}: risk against parameters, {where}",
                    unit=task.unit,
                    panels=tuple(_panel(held, told[key], task) for key, held in curves.items()),
                )
            )
    return grids


def peak_rows(peaks: pd.DataFrame) -> list[TaskRows]:
    """Return the peaks of distinct curves, by task; those of the least damage first."""
    tasks = split_by_task(_without_capacity(peaks))
    return [replace(task, rows=_distinct_curves(task.rows)) for task in tasks]


def peak_lines(peaks: pd.DataFrame) -> list[str]:
    """Say of every curve that has a peak where, how high, and what carries it; count the others."""
    lines = []
    for task in peak_rows(peaks):
        shown = [row for row in task.rows if row["is_peak"]]
        lines += [f"{task.title}{_where(row)}: {peak_words(row)}" for row in shown]
        open_ = [row for row in task.rows if row["is_peak"] is None]
        none = len(task.rows) - len(shown) - len(open_)
        if none:
            of = f"{none} of {counted(len(task.rows), 'curve')} over capacity"
            lines.append(f"{task.title}no peak is shown in {of}: of R_n(T), or of R_n(inf)")
        if open_:
            of = counted(len(open_), "curve")
            lines.append(
                f"{task.title}whether there is a peak is not known of {of}: "
                f"{MIN_POINTS} capacities, {MIN_SEEDS} seeds and intervals are needed"
            )
    return lines


def peak_words(row: Row) -> str:
    """Say where a told peak is, how far it stands out, and which error carries it."""
    unit = unit_of(row["task"])
    size = row["peak_num_parameters"]
    parameters = "" if size is None else f" ({size:,} parameters)"
    rise, fall = (
        f"+{value_of(row, way, unit)} {interval_of(row, way, unit)}" for way in ("rise", "fall")
    )
    carried = "" if row["carried_by"] is None else f", of which {row['carried_by']} is most"
    first = row["interpolation"]
    interpolates = "" if first is None else f"; L is at most {NO_ERRORS} at c = {first:g}"
    return (
        f"{RISKS[row['quantity']]} has a peak at c = {row['peak']:g}{parameters}: {rise} "
        f"{unit.short} above c = {row['left']:g}, {fall} above c = {row['right']:g}"
        f"{carried}{interpolates}"
    )


def _where(row: Row) -> str:
    damage = f"{damage_words(row)}, n = {row['num_train']}"
    return f"{network_words(row)} on {row['population']} ({damage})"


def _without_capacity(peaks: pd.DataFrame) -> list[Row]:
    return [{**row, "capacity": None} for row in to_rows(peaks)]


def _distinct_curves(rows: Sequence[Row]) -> list[Row]:
    """Keep one of the rows of each curve and quantity, in the order of their damage and size."""
    found: list[Row] = []
    for quantity in dict.fromkeys(row["quantity"] for row in rows):
        found += distinct_cells([row for row in rows if row["quantity"] == quantity])
    return sorted(found, key=_place)


def _place(row: Row) -> tuple[object, ...]:
    """What is undistorted first, then by distortion and its level."""
    damage = (not is_undamaged(row), row["distortion"], row["level"] or 0)
    return (row["population"], *damage, row["num_train"], *shape_of(row))


def _curve_key(row: Row) -> tuple[object, ...]:
    where = (row["population"], row["distortion"], row["level"], row["num_train"])
    return (*shape_of({**row, "capacity": None}), *where)


def _panel(rows: Sequence[Row], peaks: Sequence[Row], task: TaskRows) -> CapacityPanel:
    known = [row for row in rows if row["num_parameters"] is not None]
    sizes = {row["capacity"]: float(row["num_parameters"]) for row in known}
    first = peaks[0]["interpolation"] if peaks else None
    return CapacityPanel(
        title=network_words({**rows[0], "capacity": None}),
        risks=tuple(_line(known, name, label, task.unit) for name, label in RISKS.items()),
        errors=tuple(_line(known, name, name, task.unit) for name in FOUR),
        threshold=sizes.get(first),
        peaks=tuple(
            (float(row["peak_num_parameters"]), task.unit.factor * row["peak_risk"])
            for row in peaks
            if row["is_peak"] and row["peak_num_parameters"] is not None
        ),
    )


def _line(rows: Sequence[Row], name: str, label: str, unit: Unit) -> Line:
    held = [row for row in rows if row[name] is not None]
    return Line(
        label=label,
        x=tuple(float(row["num_parameters"]) for row in held),
        y=tuple(unit.scale(row[name]) for row in held),
        lo=tuple(unit.scale(row.get(f"{name}_lo")) for row in held),
        hi=tuple(unit.scale(row.get(f"{name}_hi")) for row in held),
    )


def draw_capacity_grid(info: CapacityGrid) -> Figure:
    """Draw risks and errors over log parameters; a ring is a peak, dotted is where L is small."""
    import matplotlib
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    num_rows, width = len(info.panels), 9.0
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, 1.6 + 2.7 * num_rows)
        figure.suptitle(wrapped(info.title, width))
        grid = figure.subplots(num_rows, 2, squeeze=False, sharex=True)
        for (left, right), panel in zip(grid, info.panels, strict=True):
            _draw(left, panel.risks, RISK_COLOURS)
            _draw(right, panel.errors, ERROR_COLOURS)
            right.axhline(0.0, color="#999999", linewidth=0.8, zorder=0)
            for axes in (left, right):
                axes.set_title(panel.title, fontsize=10)
                if panel.threshold is not None:
                    axes.axvline(panel.threshold, color="#777777", linestyle=":", zorder=0)
            for x, y in panel.peaks:
                left.plot([x], [y], marker="o", ms=11, mfc="none", mec="#555555", mew=1.6)
            left.set_ylabel(f"risk ({info.unit.sign})")
            right.set_ylabel(f"error ({info.unit.sign})")
        for axes in grid[-1]:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlabel("parameters")
        handles = _handles(info)
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=6, frameon=False
        )
    return figure


def _draw(axes: Axes, lines: Sequence[Line], colours: Mapping[str, str]) -> None:
    for line in lines:
        colour = colours[line.label]
        y = [float(value or 0.0) for value in line.y]
        style = "--" if line.label in DASHED else "-"
        axes.plot(line.x, y, color=colour, linestyle=style, marker="o", markersize=3.5, lw=1.4)
        draw_band(axes, line, colour)


def _handles(info: CapacityGrid) -> dict[str, Line2D]:
    """What the legend shows of the lines, rings and thresholds that any panel has."""
    from matplotlib.lines import Line2D

    drawn = {
        line.label for panel in info.panels for line in (*panel.risks, *panel.errors) if line.x
    }
    found = {
        label: Line2D([], [], color=colour, linestyle="--" if label in DASHED else "-")
        for label, colour in {**RISK_COLOURS, **ERROR_COLOURS}.items()
        if label in drawn
    }
    if any(panel.threshold is not None for panel in info.panels):
        found[f"L is at most {NO_ERRORS}"] = Line2D([], [], color="#777777", linestyle=":")
    if any(panel.peaks for panel in info.panels):
        found["peak"] = Line2D([], [], color="#555555", mfc="none", marker="o", ms=9, lw=0)
    return found
