"""A figure's files for a paper: SVG, PDF and PNG, as wide as a column of text."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from study.rendering.style import styled, write_figure
from study.storage.store import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = 7.0
"""Inches: the width of a page's text. Letters are legible there, and at half of it in most."""
DOTS = 200
"""Of a PNG, per inch."""
_POINTS = 72
_ROOT = re.compile(r"<svg\b[^>]*>", re.DOTALL)
_LENGTH = re.compile(r'\b(width|height)="([\d.]+)pt"')


def write_for_paper(figure: Figure, svg: Path) -> tuple[Path, ...]:
    """Write a figure, fitted to a column, as SVG, and as PDF and PNG beside it; return all three.

    Letters of SVG and PDF are outlines, so that no reader needs a font. The same numbers give the
    same bytes, but for a PDF, where what a page needs is listed in an order that changes.

    Args:
        figure: of matplotlib; its layout stays as it is from here on.
        svg: the file to write; of the others its suffix is replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    import vl_convert
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    text = write_figure(figure, svg).read_text(encoding="utf-8")
    column, for_points = fitted(text, "in", COLUMN), fitted(text, "", COLUMN * _POINTS)
    write_whole(svg, lambda temporary: temporary.write_text(column, encoding="utf-8"))
    pdf, png = svg.with_suffix(".pdf"), svg.with_suffix(".png")
    write_whole(pdf, partial(_write_bytes, vl_convert.svg_to_pdf(for_points)))
    # Not by savefig, which lays all out once more; half a dot is for sides that are rounded down.
    figure.set_layout_engine("none")
    figure.set_dpi((COLUMN * DOTS + 0.5) / figure.get_figwidth())
    with styled(figure):
        FigureCanvasAgg(figure).print_png(png)  # type: ignore[no-untyped-call]
    return svg, pdf, png


def _write_bytes(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def fitted(svg: str, unit: str, width: float) -> str:
    """Return an SVG that is so wide, and as high as that makes it.

    Args:
        svg: of matplotlib, whose root says its width and height in points.
        unit: of the width, as SVG has it; empty: its own.
        width: in that unit.
    """
    root = _ROOT.search(svg)
    lengths = dict(_LENGTH.findall(root.group())) if root else {}
    if root is None or len(lengths) < 2:
        raise ValueError("an SVG says no width and height in points")
    height = width * float(lengths["height"]) / float(lengths["width"])
    sides = {"width": width, "height": height}
    sized = _LENGTH.sub(lambda m: f'{m[1]}="{sides[m[1]]:.5g}{unit}"', root.group())
    return svg[: root.start()] + sized + svg[root.end() :]
