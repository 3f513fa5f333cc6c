"""What models generate, beside real examples: inert arrays first, then the renderers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from study.rendering.style import COLOURS, STYLE, balanced_columns, new_figure, panel_grid, wrapped

Array = np.ndarray[Any, np.dtype[Any]]
_SIDE = 2.6  # inches of a panel
_MAX_COLUMNS = 4


class Shown(Protocol):
    """A trial and its exhibits (study.rendering.exhibits)."""

    @property
    def label(self) -> str:
        """Of its panel."""

    @property
    def arrays(self) -> Mapping[str, Array]:
        """By key."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Samples:
    """Panels of a figure by their labels.

    Attributes:
        title: of the figure.
        what: a panel holds, in words.
        panels: pictures (rows, columns) or (rows, columns, 3) in [0, 1], or points (P, 2).
    """

    title: str
    what: str
    panels: Mapping[str, Array]


def sample_grids(title: str, shown: Sequence[Shown]) -> Samples:
    """Real images, then those of each trial, black and white where the real ones have them."""
    real = shown[0].arrays["samples/real"]
    images = {"real": real} | {one.label: one.arrays["samples/images"] for one in shown}
    across = round(np.sqrt(len(real)))
    return Samples(
        title=title,
        what=f"{len(real)} images",
        panels={label: mosaic(held, across, real) for label, held in images.items()},
    )


def samples_along(title: str, shown: Sequence[Shown]) -> Samples | None:
    """The same noise in each column, a row for each look while a trial was trained."""
    panels = {}
    for one in shown:
        looks, steps = one.arrays["samples/along"], one.arrays["samples/along_steps"]
        if looks.ndim == 5 and len(looks) == len(steps):
            label = f"{one.label}: after {', '.join(map(str, steps))} steps"
            rows = looks.reshape(-1, *looks.shape[2:])
            panels[label] = mosaic(rows, looks.shape[1], one.arrays["samples/real"])
    what = "a row of images for each look during training"
    return Samples(title=title, what=what, panels=panels) if panels else None


def sample_points(title: str, shown: Sequence[Shown]) -> Samples:
    """Real points, then those of each trial, by their first two coordinates."""
    points = {"real": shown[0].arrays["samples/real_points"]}
    points |= {one.label: one.arrays["samples/points"] for one in shown}
    flat = {label: _plane(held) for label, held in points.items()}
    return Samples(title=title, what=f"{len(flat['real'])} points", panels=flat)


def mosaic(images: Array, across: int, real: Array) -> Array:
    """Images (M, C, H, W) as one picture, row by row with a white line between, in [0, 1].

    Three channels are colours; of any other number the mean is shown. Grey levels end where the
    real images' do.
    """
    low, high = float(real.min()), float(real.max())
    scaled = ((images - low) / ((high - low) or 1.0)).clip(0, 1)
    shown = scaled if images.shape[1] == 3 else scaled.mean(axis=1, keepdims=True)
    padded = np.pad(shown, ((0, -len(shown) % across), *((0, 0),) * 3), constant_values=1.0)
    padded = np.pad(padded, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=1.0)
    num, channels, height, width = padded.shape
    rows = padded.reshape(num // across, across, channels, height, width)
    picture = rows.transpose(0, 3, 1, 4, 2).reshape(-1, across * width, channels)
    return picture[:, :, 0] if channels == 1 else picture


def sample_words(info: Samples) -> str:
    """Say a figure in words."""
    return f"{info.title}. Panels of {info.what}: {'; '.join(info.panels)}."


def draw_samples(info: Samples) -> Figure:
    """Draw a picture or a cloud of points in each panel."""
    columns = balanced_columns(len(info.panels), _MAX_COLUMNS)
    rows = -(-len(info.panels) // columns)
    width = max(_SIDE * columns + 0.4, 6.5)
    heights = [min(p.shape[0] / p.shape[1], 2.0) for p in info.panels.values() if _is_picture(p)]
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, (_SIDE * max(heights, default=1.0) + 0.5) * rows + 0.8)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), columns)
        for axes, (label, panel) in zip(grid, info.panels.items(), strict=True):
            axes.set_title(wrapped(label, _SIDE), fontsize="small")
            if _is_picture(panel):
                axes.imshow(panel, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set_axis_off()
                continue
            axes.scatter(panel[:, 0], panel[:, 1], s=2, color=COLOURS[0], linewidths=0)
            real = info.panels["real"]
            for limit, column in ((axes.set_xlim, 0), (axes.set_ylim, 1)):
                low, high = real[:, column].min(), real[:, column].max()
                room = 0.1 * (high - low) or 1.0
                limit(low - room, high + room)
    return figure


def _plane(points: Array) -> Array:
    """The first two coordinates; a second of 0 where there is one."""
    return np.pad(points, ((0, 0), (0, max(0, 2 - points.shape[1]))))[:, :2]


def _is_picture(panel: Array) -> bool:
    return panel.ndim == 3 or panel.shape[1] > 2
