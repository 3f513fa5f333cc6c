"""What rules decide in the plane, beside the Bayes rule: inert numbers first, then the renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from study.rendering.style import (
    STYLE,
    balanced_columns,
    class_colours,
    new_figure,
    pale,
    panel_grid,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Regions = np.ndarray[Any, np.dtype[np.int64]]
_SIDE = 2.2  # inches of a panel
_MAX_COLUMNS = 6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DecisionMap:
    """One rule's regions.

    Attributes:
        label: of the rule.
        rule: (G, G) the class it decides, row 0 at the lowest second coordinate.
        bayes: (G, G) the class that the Bayes rule decides at the same points.
        extent: (x_low, x_high, y_low, y_high) in the law's coordinates.
    """

    label: str
    rule: Regions
    bayes: Regions
    extent: tuple[float, float, float, float]

    @property
    def share_differing(self) -> float:
        """How much of the square is decided otherwise than by the Bayes rule."""
        return float((self.rule != self.bayes).mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionMaps:
    """The rules of a cell's families on one law."""

    title: str
    panels: tuple[DecisionMap, ...]

    @property
    def num_classes(self) -> int:
        """Classes, as far as anything decides for them."""
        return 1 + int(max(max(p.rule.max(), p.bayes.max()) for p in self.panels))


def decision_maps(
    title: str, maps: Mapping[str, Mapping[str, np.ndarray[Any, Any]]]
) -> DecisionMaps:
    """Return the info of a figure.

    Args:
        title: of the figure.
        maps: "rule" (G, G), "bayes" (G, G) and "extent" (4,) by the panel's label.
    """
    panels = []
    for label, held in maps.items():
        x_low, x_high, y_low, y_high = (float(value) for value in held["extent"])
        extent = (x_low, x_high, y_low, y_high)
        panels.append(
            DecisionMap(label=label, rule=held["rule"], bayes=held["bayes"], extent=extent)
        )
    return DecisionMaps(title=title, panels=tuple(panels))


def decision_words(info: DecisionMaps) -> str:
    """Say a figure in words: where it is drawn, and how much each rule decides otherwise."""
    x_low, x_high, y_low, y_high = info.panels[0].extent
    shares = ", ".join(f"{p.label} {100 * p.share_differing:.1f} %" for p in info.panels)
    return (
        f"{info.title}. Regions of {info.num_classes} classes for x from {x_low:.3g} to "
        f"{x_high:.3g} and y from {y_low:.3g} to {y_high:.3g}. Share of the square that is decided "
        f"otherwise than by the Bayes rule: {shares}."
    )


def draw_decision_maps(info: DecisionMaps) -> Figure:
    """Draw the Bayes rule's regions, then each rule's: pale where they agree, else in full."""
    import matplotlib
    from matplotlib.patches import Patch

    colours = class_colours(info.num_classes)
    num_panels = 1 + len(info.panels)
    columns = balanced_columns(num_panels, _MAX_COLUMNS)
    rows = -(-num_panels // columns)
    width = max(_SIDE * columns + 0.4, 6.5)
    x_low, x_high, y_low, y_high = info.panels[0].extent
    height = min(_SIDE * (y_high - y_low) / (x_high - x_low), 2 * _SIDE)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, (height + 0.6) * rows + 1.0)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, num_panels, columns)
        bayes = replace(info.panels[0], rule=info.panels[0].bayes)
        for axes, panel in zip(grid, (bayes, *info.panels), strict=True):
            _draw_regions(axes, panel, colours)
            axes.set_title(
                f"{panel.label}\n{100 * panel.share_differing:.1f} % differ", fontsize=10
            )
        grid[0].set_title("Bayes rule", fontsize=10)
        figure.legend(
            handles=[
                Patch(facecolor=colour, label=f"class {k}{how}")
                for k, full in enumerate(colours)
                for colour, how in ((pale(full), ""), (full, ", not so Bayes"))
            ],
            loc="outside lower center",
            ncols=max(2, 2 * int(width / 4)),
            frameon=False,
        )
    return figure


def _draw_regions(axes: Axes, panel: DecisionMap, colours: Sequence[str]) -> None:
    from matplotlib.colors import ListedColormap

    both = [shade for full in colours for shade in (pale(full), full)]
    axes.imshow(
        2 * panel.rule + (panel.rule != panel.bayes),
        cmap=ListedColormap(both),
        vmin=-0.5,
        vmax=len(both) - 0.5,
        origin="lower",
        extent=panel.extent,
        interpolation="nearest",
    )
    axes.tick_params(labelsize=8)
