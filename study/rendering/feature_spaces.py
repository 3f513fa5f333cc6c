"""Feature spaces and how alike they are: inert numbers first, then their renderers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from study.rendering.style import (
    STYLE,
    balanced_columns,
    hatched,
    ink_on,
    look,
    new_figure,
    panel_grid,
    wrapped,
)
from study.rendering.units import UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 2.3  # inches of a panel
_MAX_COLUMNS = 6
_ENTRY = 1.15  # inches of a class in the legend
_MAX_SPOKEN = 10  # pairs that the words name


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureSpace:
    """A feature space laid out in the plane: points (N, 2) and the examples' classes (N,)."""

    label: str
    points: np.ndarray[Any, Any]
    classes: np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpaces:
    """The feature spaces of a cell's families."""

    title: str
    panels: tuple[FeatureSpace, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SimilarityMatrix:
    """Linear CKA of each two families of a cell: `values[row][column]`, None where undefined."""

    title: str
    families: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarities:
    """How alike feature spaces are, in cells that differ in their depth."""

    title: str
    panels: tuple[SimilarityMatrix, ...]


def feature_spaces(
    title: str, spaces: Mapping[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
) -> FeatureSpaces:
    """Return the info of a figure.

    Args:
        title: of the figure.
        spaces: points (N, 2) and classes (N,) by the panel's label.
    """
    panels = (
        FeatureSpace(label=label, points=points, classes=classes)
        for label, (points, classes) in spaces.items()
    )
    return FeatureSpaces(title=title, panels=tuple(panels))


def similarities(
    title: str, matrices: Mapping[str, tuple[Sequence[str], np.ndarray[Any, Any]]]
) -> Similarities:
    """Return the info of a figure.

    Args:
        title: of the figure.
        matrices: F families and their CKA, (F, F), by the panel's title; nan where undefined.
    """
    return Similarities(
        title=title,
        panels=tuple(
            SimilarityMatrix(
                title=name,
                families=tuple(families),
                values=tuple(tuple(None if np.isnan(v) else float(v) for v in row) for row in cka),
            )
            for name, (families, cka) in matrices.items()
        ),
    )


def feature_words(info: FeatureSpaces) -> str:
    """Say a figure in words: how many points of which class each panel has."""
    told = []
    for panel in info.panels:
        counts = Counter(panel.classes.tolist())
        held = ", ".join(f"{counts[k]} of class {k}" for k in sorted(counts))
        told.append((panel.label, f"{len(panel.points)} points, {held}"))
    if len({text for _, text in told}) == 1:
        names = ", ".join(label for label, _ in told)
        return f"{info.title}. In each panel {told[0][1]}; panels: {names}."
    return f"{info.title}. " + "; ".join(f"{label}: {text}" for label, text in told) + "."


def similarity_words(info: Similarities) -> str:
    """Say matrices in words: every pair, or of many the most and the least alike."""
    pairs = [
        (value, f"{panel.families[i]} and {panel.families[j]} {value:z.2f} ({panel.title})")
        for panel in info.panels
        for i, j in combinations(range(len(panel.families)), 2)
        if (value := panel.values[i][j]) is not None
    ]
    told = [text for _, text in sorted(pairs, reverse=True)]
    if len(told) <= _MAX_SPOKEN:
        return f"{info.title}. {'; '.join(told) or 'None is defined'}."
    half = _MAX_SPOKEN // 2
    most, least = "; ".join(told[:half]), "; ".join(told[-half:])
    return f"{info.title}. {len(told)} pairs. Most alike: {most}. Least alike: {least}."


def draw_feature_spaces(info: FeatureSpaces) -> Figure:
    """Draw one panel for each space, points coloured and marked by their class."""
    import matplotlib
    from matplotlib.lines import Line2D

    classes = sorted({int(k) for panel in info.panels for k in np.unique(panel.classes)})
    columns = balanced_columns(len(info.panels), _MAX_COLUMNS)
    rows = -(-len(info.panels) // columns)
    width = max(_SIDE * columns + 0.4, 6.5)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, (_SIDE + 0.3) * rows + 1.0)
        figure.suptitle(wrapped(info.title, width))
        for axes, panel in zip(
            panel_grid(figure, len(info.panels), columns), info.panels, strict=True
        ):
            _draw_space(axes, panel, classes)
        handles = [
            Line2D([], [], linestyle="", marker=look(k)[1], color=look(k)[0], label=f"class {k}")
            for k in classes
        ]
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=balanced_columns(len(classes), int(width / _ENTRY)),
            frameon=False,
        )
    return figure


def _draw_space(axes: Axes, panel: FeatureSpace, classes: Sequence[int]) -> None:
    for k in classes:
        colour, marker = look(k)
        x, y = panel.points[panel.classes == k].T
        axes.scatter(x, y, s=9, marker=marker, color=colour, alpha=0.7, linewidths=0)
    axes.set_title(panel.label, fontsize=10)
    axes.set_xticks([])  # a projection's axes mean nothing by themselves
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#aaaaaa")


def draw_similarities(info: Similarities) -> Figure:
    """Draw the matrices of CKA with their values; what is not defined is hatched."""
    import matplotlib

    longest = max(len(family) for panel in info.panels for family in panel.families)
    side = 0.45 * max(len(panel.families) for panel in info.panels) + 0.08 * longest + 0.3
    columns = balanced_columns(len(info.panels), max(1, int(13 / side)))
    rows = -(-len(info.panels) // columns)
    width = max(side * columns + 1.2, 6.5)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, (side + 0.4) * rows + 0.7)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), columns)
        for axes, panel in zip(grid, info.panels, strict=True):
            _draw_matrix(axes, panel)
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), "viridis")
        figure.colorbar(scale, ax=grid, shrink=0.8, aspect=30, label="linear CKA")
    return figure


def _draw_matrix(axes: Axes, panel: SimilarityMatrix) -> None:
    num = len(panel.families)
    values = np.array([[np.nan if v is None else v for v in row] for row in panel.values])
    axes.imshow(values, vmin=0, vmax=1, cmap="viridis")
    for row, column in np.ndindex(num, num):
        value = panel.values[row][column]
        if value is None:
            axes.add_patch(hatched(column, row))
        text = UNKNOWN if value is None else f"{value:z.2f}"
        is_dark = value is not None and value <= 0.6
        colour = ink_on(is_dark=is_dark)
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(num), panel.families, rotation=90, fontsize=9)
    axes.set_yticks(range(num), panel.families, fontsize=9)
    axes.set_title(panel.title, fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
