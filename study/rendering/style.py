"""What all pictures share: colours, markers, sizes of type, words, files."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from study.trials.trial import UNDISTORTED

# Okabe and Ito (2008): told apart by readers with any of the common colour deficiencies; the
# markers tell the lines apart without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
COLOUR_MAP = "PuOr_r"  # diverging, purple below 0 and orange above, safe likewise
WRAP = 46
STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "classcomp",  # the same numbers give the same file
    "figure.dpi": 100.0,
}


def words_of(name: str) -> str:
    """Turn a distortion's name into words."""
    return "undistorted" if name == UNDISTORTED else name.replace("_", " ")


def look(index: int) -> tuple[str, str]:
    """Return a line's colour and marker."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def new_figure(width: float, height: float) -> Figure:
    """Return a figure that belongs to no global state and needs no display."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as the path's suffix says (svg, png); the same numbers, the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, metadata=metadata)
    return path
