"""What models generate, beside real examples: inert arrays first, then the renderers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from study.analysis.exhibits import Arrays
from study.rendering.image_sheets import Array, Held, Sheet, Sheets, greys, in_rows, same_scale
from study.rendering.style import COLOURS, STYLE, balanced_columns, new_figure, panel_grid, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL = "samples/real"
DRAWN, FITTED_TO = "fitted/drawn", "fitted/real"
_SIDE = 2.6  # inches of a panel
_MAX_COLUMNS = 4


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PointClouds:
    """Points (P, 2) by the label of their panel; real ones come first."""

    title: str
    panels: Mapping[str, Array]


def sample_sheets(title: str, held: Held) -> Sheets:
    """Return real images, then those of each trial."""
    real = next(iter(held.values()))[REAL]
    images = {"real": real}
    images |= {label: arrays["samples/images"] for label, arrays in held.items()}
    across = math.isqrt(len(real) - 1) + 1
    panels = []
    for label, those in images.items():
        rows = in_rows(those, across)
        panels.append(Sheet(label=label, images=rows, scale=greys(rows, held, REAL)))
    how = f"{len(real)} images each; black and white are where the real ones have them."
    return Sheets(title=title, how=how, panels=tuple(panels))


def along_sheets(title: str, held: Held) -> Sheets | None:
    """Return what a trial generated while it was trained, a row for each look; None of points."""
    panels = []
    for label, arrays in held.items():
        looks, steps = arrays["samples/along"], arrays["samples/along_steps"]
        if looks.ndim == 5 and len(looks) == len(steps):
            rows = tuple(map(str, steps))
            scale, note = greys(looks, held, REAL), f"after {', '.join(rows)} steps"
            panels.append(Sheet(label=label, images=looks, scale=scale, rows=rows, note=note))
    how = "The same noise in each column, a row for each look during training, after so many steps."
    return Sheets(title=title, how=how, panels=tuple(panels)) if panels else None


def fitted_sheets(title: str, arrays: Arrays, class_names: Mapping[int, str]) -> Sheets | None:
    """Return a law's images of each class, each row above one of real images where there are any.

    Args:
        title: of the figure.
        arrays: of the law's exhibit of its images; empty: it has none.
        class_names: of classes that have one.
    """
    drawn, real = arrays.get(DRAWN), arrays.get(FITTED_TO)
    if drawn is None or not drawn.size:
        return None
    names = [class_names.get(k, f"class {k}") for k in range(len(drawn))]
    if real is None or real.shape != drawn.shape:
        images, rows = drawn, tuple(names)
        how = (
            "No real images beside them: the data set was not on the machine. Black is 0, white 1."
        )
    else:
        images = np.stack([drawn, real], axis=1).reshape(-1, *drawn.shape[1:])
        rows = tuple(text for name in names for text in (name, f"{name}, real"))
        how = "Each class as the law draws it, above real test images of it; black is 0, white 1."
    scale = same_scale(images, 0, 1)
    sheet = Sheet(label="class by class", images=images, scale=scale, rows=rows)
    return Sheets(title=title, how=how, panels=(sheet,))


def point_clouds(title: str, held: Held) -> PointClouds:
    """Return real points, then those of each trial, by their first two coordinates."""
    points = {"real": next(iter(held.values()))["samples/real_points"]}
    points |= {label: arrays["samples/points"] for label, arrays in held.items()}
    panels = {label: _plane(those) for label, those in points.items()}
    return PointClouds(title=title, panels=panels)


def point_words(info: PointClouds) -> str:
    """Say a figure in words."""
    return f"{info.title}. Panels of {len(info.panels['real'])} points: {'; '.join(info.panels)}."


def draw_point_clouds(info: PointClouds) -> Figure:
    """Draw each panel's points, where the real ones are."""
    import matplotlib

    columns = balanced_columns(len(info.panels), _MAX_COLUMNS)
    rows = -(-len(info.panels) // columns)
    width = max(_SIDE * columns + 0.4, 6.5)
    low, high = info.panels["real"].min(axis=0), info.panels["real"].max(axis=0)
    spread = high - low
    room = np.where(spread > 1e-100, 0.1 * spread, 1.0)  # matplotlib takes less for none
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, (_SIDE + 0.5) * rows + 0.8)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), columns)
        for axes, (label, points) in zip(grid, info.panels.items(), strict=True):
            axes.set_title(wrapped(label, _SIDE), fontsize="small")
            axes.scatter(points[:, 0], points[:, 1], s=2, color=COLOURS[0], linewidths=0)
            axes.set_xlim(low[0] - room[0], high[0] + room[0])
            axes.set_ylim(low[1] - room[1], high[1] + room[1])
    return figure


def _plane(points: Array) -> Array:
    """The first two coordinates; a second of 0 where there is one."""
    return np.pad(points, ((0, 0), (0, max(0, 2 - points.shape[1]))))[:, :2]
