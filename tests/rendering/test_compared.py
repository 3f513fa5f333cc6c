"""The page of two studies: what is apart, what is in one alone, and nothing unescaped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import study
from study.opened import StudyResults
from study.rendering.compared_page import render_compared
from tests.rendering.test_report import Page

REFERENCE = Path(__file__).parents[2] / "ray_results/reference"
HOSTILE = "</title></td><script>alert(1)</script><b>&"


@pytest.fixture(scope="module")
def quickstart() -> StudyResults:
    return study.open(REFERENCE / "quickstart")


def changed(
    found: StudyResults, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> StudyResults:
    """The same under another name, as if its landscape had been another."""
    other = StudyResults(replace(found.study, name=name))
    landscape = change(found.landscape.copy())
    other.__dict__["results"] = replace(found.results, landscape=landscape)
    return other


def page_of(first: StudyResults, second: StudyResults) -> str:
    mine, theirs = ((found.study, found.results) for found in (first, second))
    return render_compared(first.diff(second), mine, theirs, "beside-it.csv")


def section(page: Page, begin: str, end: str) -> str:
    return " ".join(page.text.split(begin)[1].split(end)[0].split())


def test_what_is_apart_is_told_with_both_values_and_an_interval(quickstart: StudyResults) -> None:
    def moved(landscape: pd.DataFrame) -> pd.DataFrame:
        is_vgg = (landscape["family"] == "vgg") & (landscape["severity"] == 0)
        for end in ("", "_lo", "_hi"):
            landscape.loc[is_vgg, f"total{end}"] += 0.25
        return landscape

    other = changed(quickstart, "moved", moved)
    page = Page(page_of(other, quickstart))
    assert page.open == []
    apart = section(page, "What is apart, in percentage points", "in common: differences")
    assert apart.count("vgg 1") == 1  # of XOR; nobody knows the total on digits
    difference = other.diff(quickstart)
    beyond = (difference["difference_lo"] > 0) | (difference["difference_hi"] < 0)
    assert beyond.tolist() == difference["apart"].tolist()
    (row,) = difference[difference["apart"]].to_dict("records")
    for name in ("this", "other", "difference"):
        value, lo, hi = (100 * row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
        assert f"{value:.2f}[{lo:.2f}, {hi:.2f}]" in apart
    half = sum(row[f"{name}_hi"] - row[f"{name}_lo"] for name in ("this", "other")) / 2
    assert row["difference_hi"] - row["difference"] == pytest.approx(half)
    assert "20 cells in common, 1 of 70 errors apart" in page.text
    assert "Nothing: the other has every cell" in section(page, "Only in moved", "Only in")


def test_what_is_in_one_alone_is_told(quickstart: StudyResults) -> None:
    def less(landscape: pd.DataFrame) -> pd.DataFrame:
        is_xor = landscape["population"] != "digits"
        unknown = (landscape["family"] == "unet") & is_xor & (landscape["severity"] == 0)
        landscape.loc[unknown, ["objective", "estimation"]] = None
        return landscape[(landscape["family"] != "vgg") | is_xor]

    page = Page(page_of(quickstart, changed(quickstart, "less", less)))
    alone = section(page, f"Only in {quickstart.name}", "Only in less")
    assert alone.count("the cell") == 2
    assert alone.count("vgg 1") == 2
    assert alone.count("objective and estimation") == 1
    assert "Nothing: the other" in section(page, "Only in less", "What was run otherwise")
    assert "vgg" not in section(page, "What was run otherwise", "\0")  # of XOR it is there


def test_an_undamaged_cell_is_told_once(quickstart: StudyResults) -> None:
    def under_another_name(landscape: pd.DataFrame) -> pd.DataFrame:
        plain = landscape[landscape["severity"] == 0]
        return pd.concat([landscape, plain.assign(distortion="none")], ignore_index=True)

    twice = changed(quickstart, "twice", under_another_name)
    assert len(twice.diff(twice)) > 70
    assert "20 cells in common, 0 of 70 errors apart" in page_of(twice, twice)


def test_names_from_outside_are_text(quickstart: StudyResults) -> None:
    def renamed(landscape: pd.DataFrame) -> pd.DataFrame:
        held = {"vgg": HOSTILE[-30:], "linear": HOSTILE}
        names = landscape["family"].replace(held).astype("string")
        population = landscape["population"].replace({"digits": f"{HOSTILE}\x1b"})
        return landscape.assign(family=names, population=population.astype("string"))

    hostile = changed(quickstart, HOSTILE, renamed)
    for text in (page_of(hostile, hostile), page_of(hostile, quickstart)):
        page = Page(text)
        assert page.open == []
        assert not {"script", "b", "img"} & set(page.tags)
        assert "\x1b" not in text
        assert HOSTILE in page.text
        assert "default-src 'none'; style-src 'unsafe-inline'\"" in text
        assert page.links == []
