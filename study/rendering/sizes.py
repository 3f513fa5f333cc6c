"""Figures of learning curves: R_n(inf) against n, the fit through it, and U_A below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from study.analysis.faults import shape_of
from study.analysis.frames import Row, to_rows
from study.rendering.style import (
    STYLE,
    line_handles,
    look,
    new_figure,
    wrapped,
)
from study.rendering.units import Unit
from study.rendering.words import TaskRows, size_words, split_by_task, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUM_FIT_POINTS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeLine:
    """A family's risks as shown by n, its fitted curve, and U_A (None where it is unknown)."""

    label: str
    num_train: tuple[int, ...]
    risk: tuple[float, ...]
    fit_num_train: tuple[float, ...]
    fit_risk: tuple[float, ...]
    limit: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeGrid:
    """Panels of learning curves: rows are severities, columns depths and k."""

    title: str
    y_label: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    panels: tuple[tuple[tuple[SizeLine, ...], ...], ...]
    labels: tuple[str, ...]  # every family of the figure, in the order of the colours


def size_grids(landscape: pd.DataFrame, fits: pd.DataFrame) -> list[SizeGrid]:
    """Return one figure per task, population and distortion that has a fitted learning curve.

    Args:
        landscape: of study.analysis.landscape.build_landscape.
        fits: of study.analysis.learning_curves.build_learning_curves.
    """
    grids = []
    for task in split_by_task(to_rows(landscape)):
        families = {row["family"] for row in task.rows}  # a family has one task
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in to_rows(fits):
            if row["family"] in families:
                groups[row["population"], row["distortion"]].append(row)
        grids += [_grid(task, rows) for _, rows in sorted(groups.items())]
    return grids


def _grid(task: TaskRows, fits: Sequence[Row]) -> SizeGrid:
    """Return the figure of one population and distortion, whose fits these are."""
    population, distortion = fits[0]["population"], fits[0]["distortion"]
    points: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in task.rows:
        is_here = (row["population"], row["distortion"]) == (population, distortion)
        if is_here and row["converged_risk"] is not None:
            points[row["severity"], size_words(row), row["family"]].append(row)
    held = {(fit["severity"], size_words(fit), fit["family"]): fit for fit in fits}
    severities, families = (sorted({fit[name] for fit in fits}) for name in ("severity", "family"))
    in_order = sorted(fits, key=lambda fit: shape_of(fit)[1:])
    sizes = tuple(dict.fromkeys(map(size_words, in_order)))
    panels = tuple(
        tuple(
            tuple(
                _line(held[key], points[key], task.unit)
                for family in families
                if (key := (severity, size, family)) in held
            )
            for size in sizes
        )
        for severity in severities
    )
    damage = words_of(distortion)
    return SizeGrid(
        title=f"{task.title}{population}: risk at convergence against sample size, {damage}",
        y_label=f"risk ({task.unit.sign})",
        row_labels=tuple(f"severity {severity:g}" for severity in severities),
        column_labels=tuple(f"depth {size}" for size in sizes),
        panels=panels,
        labels=tuple(families),
    )


def _line(fit: Row, points: Sequence[Row], unit: Unit) -> SizeLine:
    known = sorted((row["num_train"], unit.factor * row["converged_risk"]) for row in points)
    sizes = np.geomspace(known[0][0], known[-1][0], _NUM_FIT_POINTS)
    c, a, b = _fitted(fit)
    is_fitted = a is not None and b is not None and c is not None
    curve = unit.factor * (c + a * sizes**-b) if is_fitted else np.array([])
    return SizeLine(
        label=fit["family"],
        num_train=tuple(size for size, _ in known),
        risk=tuple(risk for _, risk in known),
        fit_num_train=tuple(sizes.tolist()) if is_fitted else (),
        fit_risk=tuple(curve.tolist()),
        limit=unit.scale(fit["limit_risk"]),
    )


def _fitted(fit: Row) -> tuple[Any, Any, Any]:
    """Return c, a and b of the fit with c free; else of the one that ends in U_A."""
    if fit["c"] is not None:
        return fit["c"], fit["a"], fit["b"]
    return fit["rate_c"], fit["rate_a"], fit["rate"]


def draw_size_grid(info: SizeGrid) -> Figure:
    """Draw means as markers, fits as lines, U_A as dashes; n on a logarithmic axis."""
    import matplotlib

    num_rows, num_columns = len(info.row_labels), len(info.column_labels)
    width, height = max(3.6 * num_columns, 7.5), 2.3 * num_rows + 1.4
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height)
        figure.suptitle(wrapped(info.title, width))
        grid = figure.subplots(num_rows, num_columns, squeeze=False, sharex=True, sharey="row")
        for row, panels in enumerate(info.panels):
            for axes, lines in zip(grid[row], panels, strict=True):
                _draw(axes, lines, info.labels)
            grid[row][0].set_ylabel(f"{info.y_label}\n{info.row_labels[row]}")
        for axes, label in zip(grid[0], info.column_labels, strict=True):
            axes.set_title(label, fontsize=10)
        for axes in grid[-1]:
            axes.set_xlabel("training examples n")
        handles = line_handles(len(info.labels), size=5.0)
        columns = max(1, min(len(handles), int(width / 1.6)))
        figure.legend(
            handles, info.labels, loc="outside lower center", ncols=columns, frameon=False
        )
    return figure


def _draw(axes: Axes, lines: Sequence[SizeLine], labels: Sequence[str]) -> None:
    from matplotlib.ticker import NullLocator

    sizes = sorted({size for line in lines for size in line.num_train})
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [str(size) for size in sizes])
    for line in lines:
        colour, marker = look(labels.index(line.label))
        axes.plot(line.num_train, line.risk, linestyle="", marker=marker, markersize=5, c=colour)
        axes.plot(line.fit_num_train, line.fit_risk, color=colour, linewidth=1.3)
        if line.limit is not None:
            axes.axhline(line.limit, color=colour, linestyle="--", linewidth=0.9)
