"""Points in space that a reader turns: what the page holds of them, and turn.js draws.

Numbers and shapes alone go to the script; every text is the page's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.rendering.style import COLOURS, MARKERS, look

Array = np.ndarray[Any, np.dtype[Any]]
AZIMUTH, ELEVATION = 0.6, 0.35
"""Radians: from where a scene is seen before it is turned; turn.js has the same."""
MOST_NAMED = len(COLOURS) * len(MARKERS)
"""Classes of a legend: there are no more looks."""
_STEPS = 999  # from a scene's middle to its furthest point: coordinates are whole numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How a class is drawn: its marker as an SVG path, y downwards, within .75 of 0."""

    name: str
    colour: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Points of one panel.

    Attributes:
        label: of the panel.
        told: numbers of it.
        points: x, y and z of each point, whole numbers from -999 to 999.
        marks: of each point the place of its mark among the legend's.
    """

    label: str
    told: str
    points: str
    marks: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenes:
    """Panels that share a legend; of very many classes it has the first ones."""

    legend: tuple[Mark, ...]
    panels: tuple[Scene, ...]


def marks_of(names: Iterable[str]) -> tuple[Mark, ...]:
    """Return the marks of classes, in the order of their names; as pictures have them."""
    looks = [(name, *look(place)) for place, name in enumerate(names)]
    return tuple(Mark(name=n, colour=c, path=marker_path(m)) for n, c, m in looks[:MOST_NAMED])


def scene(label: str, told: str, points: Array, marks: Sequence[int]) -> Scene:
    """Return points (N, 3) as a scene; `marks` are places of their classes among all."""
    whole = np.rint(_STEPS * in_ball(points)).astype(int)
    return Scene(
        label=label,
        told=told,
        points=" ".join(map(str, whole.ravel())),
        marks=" ".join(str(place % MOST_NAMED) for place in marks),
    )


def in_ball(points: Array) -> Array:
    """Return points (N, 3) around their middle, the furthest at distance 1."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    furthest = np.linalg.norm(centred, axis=1).max(initial=0.0)
    found: Array = centred / furthest if furthest > 0 else centred
    return found


def seen(points: Array) -> Array:
    """Return points (N, 3) as they are seen: to the right, upwards, and towards the reader."""
    x, y, z = points.T
    right = np.cos(AZIMUTH) * x + np.sin(AZIMUTH) * y
    away = np.cos(AZIMUTH) * y - np.sin(AZIMUTH) * x
    up = np.cos(ELEVATION) * z + np.sin(ELEVATION) * away
    return np.stack([right, up, np.sin(ELEVATION) * z - np.cos(ELEVATION) * away], axis=1)


def marker_path(marker: str) -> str:
    """Return matplotlib's marker as an SVG path."""
    from matplotlib.markers import MarkerStyle
    from matplotlib.path import Path

    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
    style = MarkerStyle(marker)
    segments = style.get_path().transformed(style.get_transform()).iter_segments()
    return "".join(
        "Z" if code == Path.CLOSEPOLY else letters[code] + _down(vertices)
        for vertices, code in segments
    )


def _down(vertices: Array) -> str:
    """Coordinates (2 K,) of points in words, y downwards."""
    return " ".join(f"{v:z.3f}" for v in (vertices.reshape(-1, 2) * [1, -1]).ravel())
