"""The landscape in a terminal."""

import io
import re
from typing import Any

import pytest

from study.analysis.columns import ERRORS
from study.analysis.frames import to_rows
from study.rendering.terminal import SHORT, WIDTH, render_landscape_text
from tests.rendering.conftest import cell_row, landscape_frame, landscape_of

Record = dict[str, Any]


@pytest.mark.parametrize("width", [80, WIDTH, 140])
def test_the_terminal_table_fits(
    width: int, records: list[Record], levels: dict[str, list[float]]
) -> None:
    landscape = landscape_of(records, levels)
    text = render_landscape_text(landscape, width)
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= width
    assert sum(" · n = 256" in line for line in lines) == 4
    assert "nan" not in text.lower()
    assert "<NA>" not in text
    # one line with values a row of the landscape, and the unknown total of real data a dash
    values = [line for line in lines if re.match(r"^(\S+ +\d+)? +[\d.]+\*? ", line)]
    assert len(values) == len(landscape)
    assert sum("*" in line for line in values) == 2
    row = next(r for r in to_rows(landscape) if r["total"] is not None and r["level"] == 1)
    assert any(f"{100 * row['total']:z.{places}f}" in text for places in (1, 2))


def every_error(**changes: Any) -> Record:
    numbers = {
        "total": (0.1734, 0.1612, 0.1856),
        "approximation": (0.1411, 0.1303, 0.1519),
        "objective": (0.0104, 0.0052, 0.0156),
        "estimation": (0.0309, 0.0201, 0.0417),
        "optimization": (-0.009, -0.0141, -0.0039),
    }
    return cell_row("vae_kmeans", **(numbers | changes))


def test_where_no_total_is_known_the_risk_itself_is_shown() -> None:
    real = cell_row("ae", bayes_risk=None, optimization=(0.01, 0.0, 0.02)) | {"risk": 0.3125}
    text = render_landscape_text(landscape_frame(real), 100)
    assert "R_n(T)" in text.split("sev.")[2].split("\n")[0]
    assert "31.25" in text
    whole = render_landscape_text(landscape_frame(every_error(risk=0.3125)), 100)
    assert "R_n(T)" not in whole
    assert "31.25" not in whole


@pytest.mark.parametrize("width", [80, 100, 140])
def test_every_error_its_interval_and_its_marks_are_there(width: int) -> None:
    row = every_error(approximation_is_bound=True, share_converged=0.8, slack=0.0123)
    text = render_landscape_text(landscape_frame(row), width)
    assert max(map(len, text.splitlines())) <= width
    for error in ERRORS:
        assert {error, SHORT.get(error)} & set(text.split())
    for number in ("17.3", "≤14.1", "1.0", "~3.", "~-0.9", "1.2"):
        assert number in text
    assert text.count("[") == 5 + 1  # and the legend's
    for meaning in ("U_H may fall further", "had not settled", "may be the search’s"):
        assert meaning in " ".join(text.split())


def test_a_mark_that_is_not_used_is_not_explained() -> None:
    text = render_landscape_text(landscape_frame(every_error()))
    for mark in ("≤", "~", "*:", "unknown", "slack"):
        assert mark not in text


def test_intervals_go_below_before_decimals_are_gone() -> None:
    wide, narrow = (render_landscape_text(landscape_frame(every_error()), w) for w in (140, 80))
    assert "17.34 [16.12,18.56]" in wide
    above, below = narrow.splitlines()[-2:]
    assert re.findall(r"-?\d+\.\d+", above) == ["17.3", "14.1", "1.0", "3.1", "-0.9"]
    assert below.split() == ["[16.1,18.6]", "[13.0,15.2]", "[0.5,1.6]", "[2.0,4.2]", "[-1.4,-0.4]"]


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
    landscape["task"] = ["inpainting" if f == "resnet" else None for f in landscape["family"]]
    text = render_landscape_text(landscape)
    first, second = text.split("inpainting · errors in units of inpainting risk")
    assert first.startswith("classification · errors in percentage points")
    assert "resnet" not in first
    assert re.findall(r"^\w+ +\d", second, re.MULTILINE)
    assert {line.split()[0] for line in second.splitlines() if re.match(r"\w+ +\d ", line)} == {
        "resnet"
    }


def test_no_bayes_risk_is_said_where_its_dashes_are() -> None:
    unknown = {"population": "digits", "bayes_risk": None, "estimation": (0.1, 0.09, 0.11)}
    frame = landscape_frame(every_error(), cell_row(**unknown), cell_row("a", 2, **unknown))
    lines = render_landscape_text(frame, 140).splitlines()
    (known,) = (line for line in lines if line.startswith("xor"))
    (real,) = (line for line in lines if line.startswith("digits"))
    assert real == "digits · label noise · n = 128 · unknown: no Bayes risk"
    assert "unknown" not in known
    assert lines.index(known) < lines.index(real)
