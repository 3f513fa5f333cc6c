"""Maps of latents by class: inert numbers first, then their renderer, and the scenes to turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from study.analysis.columns import MAP_LAYOUTS
from study.analysis.exhibits import MAP_LABELS, MAP_QUALITY
from study.analysis.frames import to_rows
from study.rendering.image_sheets import Array, Held
from study.rendering.names import LONGEST_LABEL, shown_name
from study.rendering.scenes import MOST_NAMED, Scenes, in_ball, marks_of, scene, seen
from study.rendering.style import STYLE, balanced_columns, look, new_figure, panel_grid, wrapped
from study.rendering.units import UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MAPPED = 8
"""Trials of a picture: the first ones."""
LAYOUT_WORDS: Mapping[str, str] = {
    "latents": "latents",
    "unit_latents": "unit latents",
    "mds": "MDS of latents",
    "unit_mds": "MDS of unit latents",
    "tsne": "t-SNE of latents",
}
_SIDE = 2.6  # inches of a panel


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LatentMap:
    """A map of a trial's latents.

    Attributes:
        label: of the trial.
        layout: of LAYOUT_WORDS.
        points: (N, 3), or (N, 2) in the plane.
        classes: (N,) of the examples.
        told: its numbers.
    """

    label: str
    layout: str
    points: Array
    classes: Array
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentMaps:
    """The maps of a cell's families; `names` are those of the classes, by number."""

    title: str
    panels: tuple[LatentMap, ...]
    names: Mapping[int, str]


def names_of_classes(per_class: pd.DataFrame) -> dict[str, dict[int, str]]:
    """Return the names of each population's classes, of those that have one.

    Args:
        per_class: the table of errors by class, as it is shown.
    """
    found: dict[str, dict[int, str]] = {}
    for row in to_rows(per_class):
        if row["class_name"] not in (None, str(row["class"])):
            name = shown_name(row["class_name"], LONGEST_LABEL)
            found.setdefault(row["population"], {})[row["class"]] = name
    return found


def latent_maps(title: str, held: Held, names: Mapping[int, str]) -> LatentMaps:
    """Return the maps of the first trials, MOST_MAPPED at most.

    Args:
        title: of the figure.
        held: what trials hold, by their labels.
        names: of the classes that have one.
    """
    panels = [
        LatentMap(
            label=label,
            layout=layout,
            points=arrays[f"latent_map/{layout}"],
            classes=arrays[MAP_LABELS],
            told=_told(layout, arrays[MAP_QUALITY][MAP_LAYOUTS.index(layout)].tolist()),
        )
        for label, arrays in list(held.items())[:MOST_MAPPED]
        for layout in ("mds", "unit_mds", "tsne")
        if f"latent_map/{layout}" in arrays
    ]
    present = sorted({k for panel in panels for k in panel.classes.tolist()})
    return LatentMaps(
        title=title,
        panels=tuple(panels),
        names={k: names.get(k, f"class {k}") for k in present},
    )


def _told(layout: str, numbers: Sequence[float]) -> str:
    silhouette, knn, stress = (UNKNOWN if v != v else f"{v:z.2f}" for v in numbers)
    about_stress = "" if layout == "tsne" else f", stress {stress}"
    return f"silhouette {silhouette}, k-NN {knn}{about_stress}"


def map_words(info: LatentMaps) -> str:
    """Say a figure in words: what is laid out, and each map's numbers."""
    told: dict[str, list[str]] = {}
    for panel in info.panels:
        told.setdefault(panel.label, []).append(f"{LAYOUT_WORDS[panel.layout]}: {panel.told}")
    panels = ". ".join(f"{label}: {'; '.join(maps)}" for label, maps in told.items())
    classes = ", ".join(list(info.names.values())[:MOST_NAMED])
    num = max(len(panel.classes) for panel in info.panels)
    return f"{info.title}. {num} evaluation examples by class ({classes}). {panels}."


def map_scenes(info: LatentMaps) -> Scenes:
    """Return the maps in three dimensions as scenes to turn."""
    places = {k: place for place, k in enumerate(info.names)}
    panels = [
        scene(
            f"{panel.label}: {LAYOUT_WORDS[panel.layout]}",
            panel.told,
            panel.points,
            [places[k] for k in panel.classes.tolist()],
        )
        for panel in info.panels
        if panel.points.shape[1] == 3
    ]
    return Scenes(legend=marks_of(info.names.values()), panels=tuple(panels))


def draw_latent_maps(info: LatentMaps) -> Figure:
    """Draw each map, those in three dimensions from one side, what is near larger."""
    import matplotlib
    from matplotlib.lines import Line2D

    labels = list(dict.fromkeys(panel.label for panel in info.panels))
    layouts = [name for name in LAYOUT_WORDS if name in {p.layout for p in info.panels}]
    columns, rows = len(layouts), len(labels)
    width = max(_SIDE * columns + 0.4, 6.5)
    names = list(info.names.values())[:MOST_NAMED]
    entries = max(1, int(width / (0.5 + 0.08 * max(map(len, names)))))
    with matplotlib.rc_context(STYLE):
        height = (_SIDE + 0.6) * rows + 0.8 + 0.2 * (len(names) // entries)
        figure = new_figure(width, height)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, rows * columns, columns)
        for axes in grid:
            axes.set_axis_off()
        for panel in info.panels:
            place = columns * labels.index(panel.label) + layouts.index(panel.layout)
            _draw_map(grid[place], panel, list(info.names))
        looks = [(name, *look(place)) for place, name in enumerate(names)]
        figure.legend(
            handles=[Line2D([], [], ls="", color=c, marker=m, label=n) for n, c, m in looks],
            loc="outside lower center",
            ncols=balanced_columns(len(looks), entries),
            frameon=False,
        )
    return figure


def _draw_map(axes: Axes, panel: LatentMap, classes: Sequence[int]) -> None:
    axes.set_title(
        f"{wrapped(panel.label, _SIDE)}\n{LAYOUT_WORDS[panel.layout]}\n{panel.told}", fontsize=8
    )
    axes.set_axis_on()
    axes.set_xticks([])  # a map's axes mean nothing by themselves
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#aaaaaa")
    is_deep = panel.points.shape[1] == 3
    points = seen(in_ball(panel.points)) if is_deep else panel.points
    sizes = 9 * (1 + 0.5 * points[:, 2]) if is_deep else np.full(len(points), 9.0)
    for place, k in enumerate(classes):
        colour, marker = look(place)
        mine = panel.classes == k
        x, y = points[mine, :2].T
        axes.scatter(x, y, s=sizes[mine], marker=marker, color=colour, alpha=0.7, linewidths=0)
    if is_deep:  # the same on all sides, so that no map is stretched
        axes.set_xlim(-1.05, 1.05)
        axes.set_ylim(-1.05, 1.05)
