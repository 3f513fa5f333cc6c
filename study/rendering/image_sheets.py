"""Sheets of images, row by row: inert numbers first, then their renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.exhibits import Arrays
from study.rendering.style import STYLE, balanced_columns, new_figure, panel_grid, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]
Held = Mapping[str, Arrays]
"""What trials hold, by their labels."""

_CELL = 0.45  # inches of an image's side
_MIN_WIDTH, _MAX_WIDTH = 2.4, 6.2  # inches of a panel
_PAGE = 13.0  # inches of a figure, at most
_COLOUR_CHANNELS = 3
_GAP_SHARE = 10  # images are apart by a pixel for every so many


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sheet:
    """Images of one trial, those of a row beside each other.

    Attributes:
        label: of the panel.
        images: (R, K, C, H, W); three channels are colours, any others' mean is a grey. Nan:
            nothing is there.
        scale: (R, 2) what is black in a row, and what is white.
        rows: a label of each; or none has one.
        columns: a label of each; or none has one.
        note: what else there is to say of it.
    """

    label: str
    images: Array
    scale: Array
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    note: str = ""

    @property
    def mosaic(self) -> Array:
        """All images as one, (height, width) or (height, width, 3), from 0 to 1; gaps are nan."""
        num_rows, num_columns, channels, height, width = self.images.shape
        low, high = (limit[:, None, None, None, None] for limit in self.scale.T)
        span = np.where(high > low, high - low, 1)
        shown = ((self.images - low) / span).clip(0, 1)
        if channels != _COLOUR_CHANNELS:
            shown = shown.mean(axis=2, keepdims=True)
        gap = self.gap
        whole = np.full((num_rows, num_columns, shown.shape[2], height + gap, width + gap), np.nan)
        whole[..., :height, :width] = shown
        tiled = whole.transpose(0, 3, 1, 4, 2)
        flat = tiled.reshape(num_rows * (height + gap), num_columns * (width + gap), -1)
        return flat[:-gap, :-gap].squeeze(axis=2) if flat.shape[2] == 1 else flat[:-gap, :-gap]

    @property
    def gap(self) -> int:
        """Pixels between two images; of long ones no more than they are wide."""
        sides = self.images.shape[3:]
        return int(min(-(-max(sides) // _GAP_SHARE), *sides))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheets:
    """The sheets of a cell's families; `how` says in words what is in one."""

    title: str
    how: str
    panels: tuple[Sheet, ...]


def in_rows(images: Array, across: int) -> Array:
    """Return images (N, C, H, W) as rows of so many, the last one filled up by nan."""
    num_rows = -(-len(images) // across)
    filled = np.full((num_rows * across, *images.shape[1:]), np.nan)
    filled[: len(images)] = images
    return filled.reshape(num_rows, across, *images.shape[1:])


def greys(images: Array, held: Held, real: str) -> Array:
    """Return a scale for all rows: the range of all trials' real images, so that greys compare.

    Args:
        images: of a sheet.
        held: of all trials of the figure.
        real: the key of the real images.
    """
    low = min(arrays[real].min() for arrays in held.values())
    high = max(arrays[real].max() for arrays in held.values())
    return same_scale(images, low, high)


def same_scale(images: Array, low: float, high: float) -> Array:
    """Return one black and one white for all rows of a sheet."""
    return np.tile([low, high], (len(images), 1))


def sheet_words(info: Sheets) -> str:
    """Say a figure in words: how it is read, and what is to be said of each panel."""
    told = "; ".join(f"{p.label}: {p.note}" if p.note else p.label for p in info.panels)
    return f"{info.title}. {info.how} Panels: {told}."


def draw_sheets(info: Sheets) -> Figure:
    """Draw each trial's sheet, as large as its images ask for."""
    import matplotlib

    shapes = [panel.images.shape for panel in info.panels]
    width = min(max(_CELL * max(shape[1] for shape in shapes), _MIN_WIDTH), _MAX_WIDTH)
    height = max(width * m.shape[0] / m.shape[1] for m in (p.mosaic for p in info.panels))
    margin = 0.4 + 0.08 * max((len(row) for p in info.panels for row in p.rows), default=0)
    columns = balanced_columns(len(shapes), max(1, int(_PAGE / (width + margin))))
    num_rows = -(-len(shapes) // columns)
    has_columns = any(panel.columns for panel in info.panels)
    with matplotlib.rc_context(STYLE):
        whole = max((width + margin) * columns, 6.5)
        figure = new_figure(whole, (height + 0.4 + 0.3 * has_columns) * num_rows + 0.6)
        figure.set_layout_engine("constrained", w_pad=0.12)
        figure.suptitle(wrapped(info.title, whole))
        for axes, panel in zip(panel_grid(figure, len(shapes), columns), info.panels, strict=True):
            _draw_sheet(axes, panel)
    return figure


def _draw_sheet(axes: Axes, sheet: Sheet) -> None:
    mosaic = sheet.mosaic
    if mosaic.ndim == 3:
        mosaic = np.nan_to_num(mosaic, nan=1.0)
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(sheet.label, fontsize=10)
    height, width = (side + sheet.gap for side in sheet.images.shape[3:])
    axes.set_yticks(_centres(len(sheet.rows), height), sheet.rows, fontsize=8)
    axes.set_xticks(_centres(len(sheet.columns), width), sheet.columns, fontsize=8)
    axes.tick_params(length=0)
    axes.set_anchor("N")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _centres(num: int, side: int) -> Sequence[float]:
    return [side * (i + 0.5) - 1 for i in range(num)]
