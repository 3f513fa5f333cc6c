"""Confusion matrices side by side: inert numbers first, then their renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.rendering.style import (
    SHARE_MAP,
    STYLE,
    balanced_columns,
    ink_on,
    new_figure,
    panel_grid,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_PRINTED = 12  # classes; with more of them the counts would run into each other


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """What one rule decides: `counts[true][decided]` examples.

    Of the Bayes rule they are expected, with labels averaged out given x, and no whole numbers.
    """

    label: str
    counts: tuple[tuple[float, ...], ...]

    @property
    def shares(self) -> tuple[tuple[float | None, ...], ...]:
        """The counts as shares of their row; None where a class has no examples."""
        return tuple(
            tuple(count / sum(row) if sum(row) else None for count in row) for row in self.counts
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusions:
    """The rules of a cell's families, and of what classes with a name are called."""

    title: str
    panels: tuple[Confusion, ...]
    names: Mapping[int, str]

    def name(self, label: int) -> str:
        """What a class is called."""
        return self.names.get(label, str(label))


def confusions(
    title: str, counts: Mapping[str, np.ndarray[Any, Any]], names: Mapping[int, str]
) -> Confusions:
    """Return the info of a figure.

    Args:
        title: of the figure.
        counts: (K, K) by the panel's label; rows are true classes.
        names: of classes that have one.
    """
    return Confusions(
        title=title,
        panels=tuple(
            Confusion(label=label, counts=tuple(tuple(row) for row in held.tolist()))
            for label, held in counts.items()
        ),
        names=names,
    )


def confusion_words(info: Confusions) -> str:
    """Say a figure in words: for each rule how many it gets right, and its commonest mistake."""
    return f"{info.title}. " + " ".join(_panel_words(panel, info) for panel in info.panels)


def _panel_words(panel: Confusion, info: Confusions) -> str:
    total = sum(map(sum, panel.counts))
    right = sum(row[true] for true, row in enumerate(panel.counts))
    mistakes = [
        (count, true, decided)
        for true, row in enumerate(panel.counts)
        for decided, count in enumerate(row)
        if true != decided
    ]
    count, true, decided = max(mistakes, key=lambda found: found[0], default=(0, 0, 0))
    pair = f"class {info.name(true)} decided as {info.name(decided)}"
    most = f", {pair} {count:.0f} times" if round(count) else ""
    return f"{panel.label}: {right:.0f} of {total:.0f} right{most}."


def draw_confusions(info: Confusions) -> Figure:
    """Draw shares of the true class as colours, with the counts printed."""
    import matplotlib

    num_classes = max(len(panel.counts) for panel in info.panels)
    side = max(1.7, 0.32 * num_classes + 0.5)
    with matplotlib.rc_context(STYLE):
        columns = balanced_columns(len(info.panels), max(1, int(13 / side)))
        rows = -(-len(info.panels) // columns)
        width = max(side * columns + 1.0, 6.5)
        figure = new_figure(width, (side + 0.35) * rows + 0.8)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), columns)
        for number, (axes, panel) in enumerate(zip(grid, info.panels, strict=True)):
            _draw_panel(axes, panel)
            _name_ticks(axes, info, is_first=number % columns == 0)
            axes.set_ylabel("true class" if number % columns == 0 else "")
            axes.set_xlabel("decided" if number + columns >= len(info.panels) else "")
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), SHARE_MAP)
        figure.colorbar(scale, ax=grid, shrink=0.8, aspect=30, label="share of the true class")
    return figure


def _draw_panel(axes: Axes, panel: Confusion) -> None:
    shares = np.array([[np.nan if v is None else v for v in row] for row in panel.shares])
    axes.imshow(shares, cmap=SHARE_MAP, vmin=0, vmax=1)
    num_classes = len(panel.counts)
    if num_classes <= _MAX_PRINTED:
        for true, decided in np.ndindex(num_classes, num_classes):
            colour = ink_on(is_dark=bool(shares[true, decided] > 0.6))
            text = f"{panel.counts[true][decided]:.0f}"
            axes.text(decided, true, text, ha="center", va="center", color=colour, fontsize=7.5)
    axes.set_xticks(range(num_classes))
    axes.set_yticks(range(num_classes))
    axes.tick_params(length=0, labelsize=7.5)
    axes.spines[:].set_visible(False)
    axes.set_title(panel.label, fontsize=10)


def _name_ticks(axes: Axes, info: Confusions, *, is_first: bool) -> None:
    """Names of classes below every panel, and to the left of the first of a row."""
    if not info.names:
        return
    names = [info.name(int(place)) for place in axes.get_xticks()]
    axes.set_xticklabels(names, rotation=90)
    axes.set_yticklabels(names if is_first else [])
