"""Figures of learning curves: R_n(inf) against n, the fit through it, and U below it."""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from study.analysis.frames import Row, to_rows
from study.rendering.style import STYLE, look, new_figure, words_of

_NUM_FIT_POINTS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeLine:
    """A family's risks in percent by n, its fitted curve, and U (None where it is unknown)."""

    label: str
    num_train: tuple[int, ...]
    risk: tuple[float, ...]
    fit_num_train: tuple[float, ...]
    fit_risk: tuple[float, ...]
    best: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeGrid:
    """Panels of learning curves: rows are severities, columns depths."""

    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    panels: tuple[tuple[tuple[SizeLine, ...], ...], ...]
    labels: tuple[str, ...]  # every family of the figure, in the order of the colours


def size_grids(landscape: pd.DataFrame, fits: pd.DataFrame) -> list[SizeGrid]:
    """Return one figure per population and distortion that has a fitted learning curve.

    Args:
        landscape: of study.analysis.landscape.build_landscape.
        fits: of study.analysis.learning_curves.build_learning_curves.
    """
    names = ("population", "distortion", "severity", "family", "depth")
    points: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in to_rows(landscape):
        if row["converged_risk"] is not None:
            points[tuple(row[name] for name in names)].append(row)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in to_rows(fits):
        groups[row["population"], row["distortion"]].append(row)
    grids = []
    for (population, distortion), rows in sorted(groups.items()):
        axes = {name: sorted({row[name] for row in rows}) for name in names}
        held = {tuple(row[name] for name in names): row for row in rows}
        panels = [
            [
                tuple(
                    _line(held[key], points[key])
                    for family in axes["family"]
                    if (key := (population, distortion, severity, family, depth)) in held
                )
                for depth in axes["depth"]
            ]
            for severity in axes["severity"]
        ]
        damage = words_of(distortion)
        grids.append(
            SizeGrid(
                title=f"{population}: risk at convergence against sample size, {damage}",
                row_labels=tuple(f"severity {severity:g}" for severity in axes["severity"]),
                column_labels=tuple(f"depth {depth}" for depth in axes["depth"]),
                panels=tuple(tuple(row) for row in panels),
                labels=tuple(axes["family"]),
            )
        )
    return grids


def _line(fit: Row, points: Sequence[Row]) -> SizeLine:
    known = sorted((row["num_train"], 100 * row["converged_risk"]) for row in points)
    sizes = np.geomspace(known[0][0], known[-1][0], _NUM_FIT_POINTS)
    curve = 100 * (fit["c"] + fit["a"] * sizes ** -fit["b"])
    best = fit["best_in_class_risk"]
    return SizeLine(
        label=fit["family"],
        num_train=tuple(size for size, _ in known),
        risk=tuple(risk for _, risk in known),
        fit_num_train=tuple(sizes.tolist()),
        fit_risk=tuple(curve.tolist()),
        best=None if best is None else 100 * best,
    )


def draw_size_grid(info: SizeGrid) -> Figure:
    """Draw means as markers, fits as lines, U as dashes; n on a logarithmic axis."""
    num_rows, num_columns = len(info.row_labels), len(info.column_labels)
    width, height = max(3.6 * num_columns, 7.5), 2.3 * num_rows + 1.4
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height)
        figure.suptitle("\n".join(textwrap.wrap(info.title, int(width * 9))))
        grid = figure.subplots(num_rows, num_columns, squeeze=False, sharex=True, sharey="row")
        for row, panels in enumerate(info.panels):
            for axes, lines in zip(grid[row], panels, strict=True):
                _draw(axes, lines, info.labels)
            grid[row][0].set_ylabel(f"risk (%)\n{info.row_labels[row]}")
        for axes, label in zip(grid[0], info.column_labels, strict=True):
            axes.set_title(label, fontsize=10)
        for axes in grid[-1]:
            axes.set_xlabel("training examples n")
        handles = [_handle(index) for index in range(len(info.labels))]
        columns = max(1, min(len(handles), int(width / 1.6)))
        figure.legend(
            handles, info.labels, loc="outside lower center", ncols=columns, frameon=False
        )
    return figure


def _draw(axes: Axes, lines: Sequence[SizeLine], labels: Sequence[str]) -> None:
    sizes = sorted({size for line in lines for size in line.num_train})
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [str(size) for size in sizes])
    for line in lines:
        colour, marker = look(labels.index(line.label))
        axes.plot(line.num_train, line.risk, linestyle="", marker=marker, markersize=5, c=colour)
        axes.plot(line.fit_num_train, line.fit_risk, color=colour, linewidth=1.3)
        if line.best is not None:
            axes.axhline(line.best, color=colour, linestyle="--", linewidth=0.9)


def _handle(index: int) -> Line2D:
    colour, marker = look(index)
    return Line2D([], [], color=colour, marker=marker, markersize=5)
