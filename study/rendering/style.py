"""What all pictures share: colours, markers, sizes of type, files."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle


# Okabe and Ito (2008): told apart by readers with any of the common colour deficiencies; the
# markers tell the lines apart without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
COLOUR_MAP = "PuOr_r"  # diverging, purple below 0 and orange above, safe likewise
# Tol (2021), "muted": told apart likewise, and none of the lines' colours, so that a colour is
# either a family's or an error's. The page's style sheet has the same.
ERROR_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "approximation": "#332288",
        "objective": "#CC6677",
        "estimation": "#DDCC77",
        "optimization": "#88CCEE",
    }
)
# On a dark screen indigo would stand out from the paper by 1.5 to 1. This has its hue and 4.0 to 1,
# and is 37 or more from the other three in CIELAB, with whichever cones one sees.
DARK_COLOURS: Mapping[str, str] = MappingProxyType(
    {name: "#7766DD" if name == "approximation" else it for name, it in ERROR_COLOURS.items()}
)
"""ERROR_COLOURS on a dark screen: of the page and, by unpack.js, of the pictures in it."""
ABRIDGED = "…"
"""What stands in a name in the place of its middle (study.rendering.names)."""
SHARE_MAP = "Blues"  # from 0 to 1, safe likewise
_SYMBOL = re.compile(r"\b(?:U_[AH]|R_n)\b")
STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "classcomp",  # the same numbers give the same file
    "figure.dpi": 100.0,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.usetex": False,  # nor is a name a program, whatever a matplotlibrc nearby says
}


def look(index: int) -> tuple[str, str]:
    """Return a line's colour and marker."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def line_handles(num_lines: int, size: float = 4.0) -> list[Line2D]:
    """Return what a legend shows of the first lines, with markers of so many points."""
    from matplotlib.lines import Line2D

    looks = [look(index) for index in range(num_lines)]
    return [Line2D([], [], color=c, marker=m, markersize=size) for c, m in looks]


def class_colours(num_classes: int) -> tuple[str, ...]:
    """Return a colour for each class: the lines' own, of a continuous scale where they run out."""
    import matplotlib

    if num_classes <= len(COLOURS):
        return COLOURS[:num_classes]
    shades = matplotlib.colormaps["viridis"].resampled(num_classes)
    return tuple(matplotlib.colors.to_hex(shades(k)) for k in range(num_classes))


def pale(colour: str) -> str:
    """Return a colour mixed with twice as much white."""
    import matplotlib

    red, green, blue = (2 / 3 + channel / 3 for channel in matplotlib.colors.to_rgb(colour))
    return str(matplotlib.colors.to_hex((red, green, blue)))


def balanced_columns(num_panels: int, at_most: int) -> int:
    """Return how many columns leave the last of the fewest rows as full as may be."""
    num_rows = -(-num_panels // at_most)
    return -(-num_panels // num_rows)


def wrapped(title: str, width: float) -> str:
    """Break a figure's title into lines that fit its width in inches."""
    return "\n".join(textwrap.wrap(title, int(width * 9)))


def panel_grid(figure: Figure, num_panels: int, num_columns: int) -> list[Axes]:
    """Return the axes of so many panels, row by row; places left over stay empty."""
    grid = figure.subplots(-(-num_panels // num_columns), num_columns, squeeze=False)
    for axes in grid.flat[num_panels:]:
        axes.set_axis_off()
    return list(grid.flat[:num_panels])


def hatched(column: int, row: int) -> Rectangle:
    """Return what covers a cell of a heat map that is not known."""
    from matplotlib.patches import Rectangle

    corner = (column - 0.5, row - 0.5)
    return Rectangle(corner, 1, 1, facecolor="#f2f2f2", edgecolor="#c8c8c8", hatch="///", lw=0)


def new_figure(width: float, height: float) -> Figure:
    """Return a figure that belongs to no global state and needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def ink_on(*, is_dark: bool) -> str:
    """Return the colour of letters on a coloured ground, which is as it is on a dark screen too.

    There black letters turn white (unpack.js); these are not quite black, and stay.
    """
    return "white" if is_dark else "#111111"


def write_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as the path's suffix says (svg, png); the same numbers, the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with styled(figure):
        figure.savefig(path, metadata=metadata)
    return path


@contextmanager
def styled(figure: Figure) -> Iterator[None]:
    """Draw a figure in our style in here, whatever a matplotlibrc nearby says.

    U_A, U_H and R_n have their subscripts in here alone: a figure's texts stay what they were.
    """
    import matplotlib
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    symbolic = [(t, t.get_text()) for t in texts if _SYMBOL.search(t.get_text())]
    for text in texts:  # what was made before the style holds
        text.set_parse_math(False)
    for text, words in symbolic:
        text.set_text(_SYMBOL.sub(r"$\\mathregular{\g<0>}$", words.replace("$", r"\$")))
        text.set_parse_math(True)
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A name in letters that the font lacks is drawn as boxes, and reads well on the page.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        if any(ABRIDGED in text.get_text() for text in texts):
            # Of names as long as that: they leave no room, and nobody is told in every picture.
            warnings.filterwarnings("ignore", "constrained_layout not applied", UserWarning)
        try:
            yield
        finally:
            for text, words in symbolic:
                text.set_text(words)
                text.set_parse_math(False)
