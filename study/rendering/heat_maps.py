"""Heat maps of an error: inert numbers first, then their renderer."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from study.analysis.frames import Row, to_rows
from study.rendering.style import COLOUR_MAP, STYLE, WRAP, new_figure, words_of
from study.trials.schema import ERRORS


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One heat map: `cells[row][column]`, None where unknown."""

    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatMaps:
    """One error over a population: a panel per distortion and sample size."""

    error: str
    population: str
    panels: tuple[Panel, ...]


def heat_maps(landscape: pd.DataFrame) -> list[HeatMaps]:
    """Return one figure per population and error, without those that know nothing."""
    rows = to_rows(landscape)
    found = []
    for population in sorted({row["population"] for row in rows}):
        mine = [row for row in rows if row["population"] == population]
        for error in ERRORS:
            if all(row[error] is None for row in mine):
                continue
            panels = [
                _panel(
                    [row for row in mine if (row["distortion"], row["num_train"]) == pair], error
                )
                for pair in sorted({(row["distortion"], row["num_train"]) for row in mine})
            ]
            found.append(HeatMaps(error=error, population=population, panels=tuple(panels)))
    return found


def _panel(rows: Sequence[Row], error: str) -> Panel:
    shapes = sorted({(row["family"], row["depth"]) for row in rows})
    columns = sorted({(row["level"], row["severity"]) for row in rows})
    held = {(row["family"], row["depth"], row["level"]): row[error] for row in rows}
    distortion, num_train = rows[0]["distortion"], rows[0]["num_train"]
    return Panel(
        title=f"{words_of(distortion)}, n = {num_train}",
        row_labels=tuple(f"{family}  {depth}" for family, depth in shapes),
        column_labels=tuple(f"{severity:g}" for _, severity in columns),
        cells=tuple(tuple(held.get((*shape, level)) for level, _ in columns) for shape in shapes),
    )


def draw_heat_maps(info: HeatMaps) -> Figure:
    """Draw an error's heat maps, in percentage points; unknown cells are hatched."""
    per_row = min(2, len(info.panels))
    num_rows = -(-len(info.panels) // per_row)
    height = sum(
        max(0.3 * len(panel.row_labels) for panel in info.panels) + 1.1 for _ in range(num_rows)
    )
    widest = max(len(panel.column_labels) for panel in info.panels)
    width = max(per_row * (2.1 + 0.72 * widest) + 1.0, 6.5)
    known = [abs(v) for p in info.panels for row in p.cells for v in row if v is not None]
    limit = 100 * max(known, default=0.0) or 1.0
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height + 0.7)
        title = f"{info.population}: {info.error} error, percentage points"
        figure.suptitle("\n".join(textwrap.wrap(title, int(width * 9))))
        grid = figure.subplots(num_rows, per_row, squeeze=False)
        for axes, panel in zip(grid.flat, info.panels, strict=False):
            _draw_panel(axes, panel, limit)
        for axes in grid.flat[len(info.panels) :]:
            axes.set_axis_off()
        scale = matplotlib.cm.ScalarMappable(Normalize(-limit, limit), COLOUR_MAP)
        figure.colorbar(scale, ax=list(grid.flat), shrink=0.8, aspect=30, pad=0.02)
    return figure


def _draw_panel(axes: Axes, panel: Panel, limit: float) -> None:
    shape = (len(panel.row_labels), len(panel.column_labels))
    numbers = [[np.nan if v is None else 100 * v for v in row] for row in panel.cells]
    axes.imshow(
        np.array(numbers).reshape(shape),
        cmap=COLOUR_MAP,
        vmin=-limit,
        vmax=limit,
        aspect="auto",
    )
    for row, column in np.ndindex(*shape):
        value = numbers[row][column]
        if np.isnan(value):
            axes.add_patch(_hatched(column, row))
        text = "–" if np.isnan(value) else f"{value:z.2f}"
        colour = "white" if abs(value) > 0.7 * limit else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(shape[1]), panel.column_labels)
    axes.set_yticks(range(shape[0]), panel.row_labels)
    axes.set_xlabel("severity")
    axes.set_title("\n".join(textwrap.wrap(panel.title, WRAP)), fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _hatched(column: int, row: int) -> Rectangle:
    corner = (column - 0.5, row - 0.5)
    return Rectangle(corner, 1, 1, facecolor="#f2f2f2", edgecolor="#c8c8c8", hatch="///", lw=0)
