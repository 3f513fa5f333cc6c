"""The landscape in a terminal."""

import io
import re
from typing import Any

import pytest

from study.analysis.frames import to_rows
from study.rendering.terminal import WIDTH, render_landscape_text
from tests.rendering.conftest import landscape_of

Record = dict[str, Any]


def test_the_terminal_table_fits(records: list[Record], levels: dict[str, list[float]]) -> None:
    landscape = landscape_of(records, levels)
    text = render_landscape_text(landscape)
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert sum(" · n = 256" in line for line in lines) == 4
    assert "nan" not in text.lower()
    assert "<NA>" not in text
    # one line a row of the landscape, and the unknown total of real data a dash
    values = [line for line in lines if re.search(r" (–|-?\d+\.\d+ \[.*\])$", line)]
    assert len(values) == len(landscape)
    assert sum("*" in line for line in values) == 2
    row = next(r for r in to_rows(landscape) if r["total"] is not None and r["level"] == 1)
    assert f"{100 * row['total']:z.1f} [" in text


def test_the_terminal_table_gives_up_decimals_before_it_wraps(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    short = [r for r in records if r["family"] == "linear" and r["population"] != "digits"]
    text = render_landscape_text(landscape_of(short, levels))
    assert re.search(r"\d\.\d\d \[", text)


@pytest.mark.parametrize("width", [40, 70])
def test_a_narrow_terminal_wraps_cells_and_loses_nothing(
    width: int, records: list[Record], levels: dict[str, list[float]]
) -> None:
    short = [r for r in records if r["family"] == "linear" and r["population"] != "digits"]
    landscape = landscape_of(short, levels)
    lines = render_landscape_text(landscape, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    wide = render_landscape_text(landscape, width=200)
    assert sum(line.count("[") for line in lines) == wide.count("[")


def test_the_text_is_plain_whatever_the_terminal_and_the_names(
    monkeypatch: pytest.MonkeyPatch, records: list[Record], levels: dict[str, list[float]]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    for record in records:
        if record["family"] == "linear":
            record["family"] = "[red]:bomb:[/red]"
    text = render_landscape_text(landscape_of(records, levels), width=200)
    assert "\x1b" not in text
    assert "[red]:bomb:[/red]" in text
    ascii_terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    ascii_terminal.write(text)
    ascii_terminal.flush()


def test_tasks_have_tables_and_units_of_their_own(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    landscape = landscape_of(records, levels)
    landscape["task"] = ["denoising" if f == "resnet" else None for f in landscape["family"]]
    text = render_landscape_text(landscape)
    first, second = text.split("denoising · errors in units of denoising risk")
    assert first.startswith("classification · errors in percentage points")
    assert "resnet" not in first
    assert re.findall(r"^\w+ +\d", second, re.MULTILINE)
    assert {line.split()[0] for line in second.splitlines() if re.match(r"\w+ +\d ", line)} == {
        "resnet"
    }
