"""A figure's files for a paper: SVG, PDF and PNG, as wide as a column of text."""

import re
from functools import partial
from pathlib import Path

from study.storage.store import write_whole

COLUMN = 7.0
"""Inches: the width of a page's text. Letters are legible there, and at half of it in most."""
DOTS = 200
"""Of a PNG, per inch."""
_POINTS = 72
_ROOT = re.compile(r"<svg\b[^>]*>", re.DOTALL)
_LENGTH = re.compile(r'\b(width|height)="([\d.]+)pt"')


def write_for_paper(svg: Path) -> tuple[Path, ...]:
    """Fit an SVG of matplotlib to a column and write it as PDF and PNG beside; return all three.

    Its letters are outlines, so that no reader needs a font. The same SVG gives the same bytes, but
    for a PDF, where what a page needs is listed in an order that changes.

    Raises:
        ValueError: the file does not say how large it is.
        OSError: the folder cannot be written.
    """
    import vl_convert

    text = svg.read_text(encoding="utf-8")
    column, for_points = fitted(text, "in", COLUMN), fitted(text, "", COLUMN * _POINTS)
    write_whole(svg, lambda temporary: temporary.write_text(column, encoding="utf-8"))
    pdf, png = svg.with_suffix(".pdf"), svg.with_suffix(".png")
    for path, data in (
        (pdf, vl_convert.svg_to_pdf(for_points)),
        (png, vl_convert.svg_to_png(for_points, ppi=DOTS)),
    ):
        write_whole(path, partial(_write_bytes, data))
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
