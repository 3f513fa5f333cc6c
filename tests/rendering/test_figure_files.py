"""A figure's files for a paper: as wide as a column, whatever matplotlib made."""

import re
import struct
from pathlib import Path

import pytest

from study.rendering.figure_files import COLUMN, DOTS, fitted, write_for_paper
from study.rendering.style import new_figure
from tests.rendering.pdf import sheet_of


@pytest.mark.parametrize("width", [4.0, 11.0])
def test_files_are_as_wide_as_a_column(tmp_path: Path, width: float) -> None:
    figure = new_figure(width, width / 2)
    figure.subplots().plot([0, 1], [0.123456789, 1])
    svg, pdf, png = write_for_paper(figure, tmp_path / "a.svg")
    text = svg.read_text(encoding="utf-8")
    assert re.search(rf'<svg [^>]*width="{COLUMN:g}in" height="{COLUMN / 2:g}in"', text)
    assert f'viewBox="0 0 {72 * width:g} {36 * width:g}"' in text
    sheet = sheet_of(pdf.read_bytes())
    assert [sheet.width, sheet.height] == pytest.approx([COLUMN, COLUMN / 2], rel=1e-3)
    assert sheet.fonts == ()
    assert sheet.drawing.count(b"\nf") > 10, "letters are outlines, filled"
    with pytest.raises(AssertionError):
        sheet_of(pdf.read_bytes()[:-30])
    header = png.read_bytes()[16:24]
    assert struct.unpack(">II", header) == (COLUMN * DOTS, COLUMN * DOTS / 2)


def test_only_the_root_is_resized() -> None:
    svg = '<?xml?><svg height="50pt" width="100pt" viewBox="0 0 100 50"><g width="100pt"/></svg>'
    assert fitted(svg, "in", 7.0) == svg.replace("50pt", "3.5in").replace(
        '"100pt" view', '"7in" view'
    )
    for bad in ("<svg>", "nothing"):
        with pytest.raises(ValueError, match="no width and height"):
            fitted(bad, "in", 7.0)
