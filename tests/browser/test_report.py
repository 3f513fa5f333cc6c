"""The report in a real browser: nothing is asked for or wrong, every control does its work."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser, Locator

from study.analysis.term_comparisons import TERMS
from study.rendering.style import DARK_COLOURS, ERROR_COLOURS
from tests.browser.conftest import MADE_UP, Opened, open_report
from tests.rendering.pdf import sheet_of

pytestmark = pytest.mark.slow
WIDTHS = (390, 1280, 1440)
NAMES = (
    "quickstart",
    "landscape",
    pytest.param("gaussian-small", marks=pytest.mark.long),
    MADE_UP,
)
LARGEST = {"quickstart": 6e6}
"""Bytes of a page, which must be one that can be sent; of other references 15 MB."""


@pytest.fixture(scope="module", params=NAMES)
def opened(
    request: pytest.FixtureRequest, browser: Browser, reports: dict[str, Path]
) -> Iterator[Opened]:
    found = open_report(browser, reports[request.param])
    yield found
    found.page.context.close()


@pytest.fixture(scope="module")
def quickstart(browser: Browser, reports: dict[str, Path]) -> Iterator[Opened]:
    found = open_report(browser, reports["quickstart"])
    yield found
    found.page.context.close()


def rows_of(opened: Opened, table: str) -> list[list[str]]:
    """The first lines of the cells of a table's rows that are shown."""
    found: list[list[str]] = opened.page.locator(table).evaluate(
        """table => [...table.tBodies[0].rows].filter(row => !row.hidden)
           .map(row => [...row.cells].map(cell => (cell.firstChild?.textContent ?? '').trim()))"""
    )
    return found


def test_nothing_leaves_the_file_and_nothing_is_wrong(opened: Opened) -> None:
    fetched = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert fetched == [opened.page.url]
    assert opened.page.url.startswith("file://")
    assert opened.said == []


def test_every_picture_and_every_chart_is_drawn(opened: Opened) -> None:
    sizes: list[list[Any]] = opened.page.evaluate(
        """() => Promise.all([...document.images].map(async image => {
             await unpacked;
             await image.decode();
             return [image.alt.length, image.naturalWidth, image.naturalHeight]; }))"""
    )
    assert len(sizes) >= 10
    assert all(alt > 40 and width > 100 and height > 50 for alt, width, height in sizes)
    for chart in ("map", "parts"):
        box = opened.page.locator(f"#{chart} svg").bounding_box()
        assert box is not None
        assert box["width"] > 400
        assert box["height"] > 60
    files = opened.page.locator("figcaption a").evaluate_all("links => links.map(a => a.href)")
    assert len(files) == 3 * opened.page.locator("figure.picture").count()
    paths = [Path(file.removeprefix("file://").replace("%20", " ")) for file in files]
    assert {path.suffix for path in paths} == {".svg", ".pdf", ".png"}
    assert all(imread(path).std() > 0.01 for path in paths if path.suffix == ".png")
    sheets = [sheet_of(path.read_bytes()) for path in paths if path.suffix == ".pdf"]
    assert {round(sheet.width, 2) for sheet in sheets} == {7.0}
    assert not any(sheet.fonts for sheet in sheets), "letters are outlines"
    assert all(sheet.drawing.count(b"\nf") > 5 for sheet in sheets)


def test_nothing_is_wider_than_the_window(opened: Opened) -> None:
    for width in WIDTHS:
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.wait_for_timeout(200)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    used = opened.page.locator("#explore").bounding_box()
    assert used is not None
    assert used["width"] > 0.95 * 1440


def test_a_narrow_page_says_what_scrolls(opened: Opened) -> None:
    opened.page.set_viewport_size({"width": 390, "height": 900})
    navigation = opened.page.locator("nav")
    assert navigation.evaluate("nav => nav.scrollWidth > nav.clientWidth")
    box = navigation.bounding_box()
    assert box is not None
    assert box["height"] < 50, "one line"
    scrolling = opened.page.locator("nav, .scroll").evaluate_all(
        """parts => parts.filter(part => part.scrollWidth > part.clientWidth)
           .map(part => getComputedStyle(part).backgroundAttachment)"""
    )
    assert len(scrolling) > 1
    assert set(scrolling) == {"local, local, scroll, scroll"}
    is_shaded = [_has_shade(navigation, at) for at in ("left", "right")]
    navigation.evaluate("nav => { nav.scrollLeft = nav.scrollWidth; }")
    is_shaded += [_has_shade(navigation, at) for at in ("left", "right")]
    assert is_shaded == [False, True, True, False]


def _has_shade(part: Locator, side: str) -> bool:
    """Whether a side is no white paper, above all letters; the outermost pixel is the page's."""
    pixels = shot(part)[2, 1:-1]
    return bool(((pixels[:3] if side == "left" else pixels[-3:]) < 250).all())


def shot(part: Locator) -> "np.ndarray[Any, Any]":
    """Return what a part of the page looks like: (height, width, 3) bytes."""
    return np.round(255 * imread(io.BytesIO(part.screenshot()))[..., :3]).astype(int)


def test_a_click_on_a_cell_shows_its_trials(quickstart: Opened, reports: dict[str, Path]) -> None:
    page = quickstart.page
    page.set_viewport_size({"width": 1440, "height": 1000})
    before, steps = rows_of(quickstart, "#trials"), quickstart.times()
    label = "severity: 0.2; network: vgg 1"
    page.locator(f'#map path[aria-label*="{label}"]').first.click(force=True)
    quickstart.drawn(steps + 1)
    trials = pd.read_parquet(reports["quickstart"].parents[1] / "trials.parquet")
    is_cell = (
        (trials["family"] == "vgg")
        & trials["population"].str.startswith("xor")
        & (trials["severity"] == 0.2)
    )
    measured = trials[is_cell & (trials["role"] == "measure")].sort_values("seed")
    shown = [row for row in rows_of(quickstart, "#trials") if row[0] == "measure"]
    assert shown != [row for row in before if row[0] == "measure"]
    assert [row[1] for row in shown] == [str(seed) for seed in measured["seed"]]
    assert [row[3] for row in shown] == [f"{100 * risk:.2f}" for risk in measured["risk"]]
    assert [row[5] for row in shown] == [str(steps) for steps in measured["steps"]]
    searched = [row for row in rows_of(quickstart, "#trials") if row[0] == "search"]
    assert len(searched) == (is_cell & (trials["role"] == "search")).sum()
    assert "vgg 1" in page.locator("#cell-title").inner_text()
    assert page.locator("#curves svg").is_visible()
    assert page.locator("#parts-title").inner_text().startswith("The four errors at severity 0.2")


def test_another_error_has_the_numbers_of_the_landscape(
    quickstart: Opened, reports: dict[str, Path]
) -> None:
    landscape = pd.read_parquet(reports["quickstart"].parents[1] / "landscape.parquet")
    for population, error in (("xor", "estimation"), ("digits", "optimization")):
        value = quickstart.page.locator('select[name="population"] option').evaluate_all(
            "(options, name) => options.find(one => one.text.startsWith(name)).value", population
        )
        for name, chosen in (("population", value), ("error", error)):
            steps = quickstart.times()
            quickstart.page.locator(f'#explore select[name="{name}"]').select_option(chosen)
            quickstart.drawn(steps + 1)
        mine = landscape[landscape["population"].str.startswith(population)]
        texts = quickstart.page.locator("#map svg text").all_text_contents()
        told = [re.sub(r"[~≤↔\s]|−\d+$", "", text) for text in texts]
        for number in mine[error]:
            assert f"{100 * number:z.2f}" in told


def test_comparisons_are_sorted_and_filtered(quickstart: Opened) -> None:
    page, table = quickstart.page, "h2#comparisons ~ .filterable table >> nth=0"
    header = page.locator(f"{table} >> th:has-text('difference') button").first
    column = [h.strip() for h in page.locator(f"{table} >> th").all_inner_texts()].index(
        "difference"
    )
    is_significant = [row[-1] for row in rows_of(quickstart, table)]
    assert is_significant == sorted(is_significant, reverse=True), "yes before no"
    for turn in (1, -1):
        header.click()
        values = [float(row[column]) for row in rows_of(quickstart, table)]
        assert len(set(values)) > 5
        assert values == sorted(values, reverse=turn < 0)
    form = page.locator("h2#comparisons ~ form").first
    form.locator("input[type=search]").fill("vgg linear")
    assert {frozenset(row[2:4]) for row in rows_of(quickstart, table)} == {
        frozenset(("vgg", "linear"))
    }
    form.locator("input[type=search]").fill("")
    form.locator("input[type=checkbox]").check()
    shown = rows_of(quickstart, table)
    assert len(shown) == is_significant.count("yes") > 0
    assert {row[-1] for row in shown} == {"yes"}
    assert f"{len(shown)} of {len(is_significant)}" in form.inner_text()


def test_a_term_is_chosen(quickstart: Opened) -> None:
    page, table = quickstart.page, "[data-choose=term] table >> nth=0"
    form = page.locator("form:has(+ [data-choose=term])").first
    rows = rows_of(quickstart, table)
    assert {row[0] for row in rows} == set(TERMS)
    is_sure = [row[-1] == "yes" for row in rows]
    assert is_sure == sorted(is_sure, reverse=True), "the significant ones first"
    assert {row[-1] for row in rows if row[0] == "approximation"} == {"a bound"}
    form.locator("select").select_option("estimation")
    shown = rows_of(quickstart, table)
    assert {row[0] for row in shown} == {"estimation"}
    form.locator("input[type=checkbox]").check()
    assert len(rows_of(quickstart, table)) == sum(row[-1] == "yes" for row in shown) > 0
    form.locator("input[type=checkbox]").uncheck()
    form.locator("select").select_option("")
    assert len(rows_of(quickstart, table)) == len(rows)


def test_controls_are_reached_by_keys(quickstart: Opened) -> None:
    page = quickstart.page
    page.locator("#explore select[name=error]").focus()
    before, steps = page.locator("#map-title").inner_text(), quickstart.times()
    page.keyboard.press("ArrowUp")
    quickstart.drawn(steps + 1)
    assert page.locator("#map-title").inner_text() != before
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name ?? ''"))
    assert "cell" in reached


def test_exhibits_of_a_cell_are_beside_it(browser: Browser, reports: dict[str, Path]) -> None:
    opened = open_report(browser, reports["made up"])
    options = opened.page.locator('select[name="n"] option').all_inner_texts()
    opened.page.locator('select[name="n"]').select_option(options[-1])  # exhibits are of these
    opened.drawn(2)
    names = opened.page.locator("#cell-exhibits a").evaluate_all(
        "links => links.map(a => a.getAttribute('href'))"
    )
    kinds = {re.sub(r"#exhibit_\d+_", "", name) for name in names}
    assert {"confusion", "decision_map", "reconstructions", "traversals", "samples"} <= kinds
    assert all(opened.page.locator(name).count() == 1 for name in names)
    opened.page.context.close()


def test_dark_and_print(browser: Browser, reports: dict[str, Path]) -> None:
    opened = open_report(browser, reports["quickstart"], "dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    ink = opened.page.locator("#map svg .role-axis-label text").first.get_attribute("fill")
    assert opened.page.evaluate(colour) == "rgb(21, 24, 28)"
    assert ink == "#e6e6e6"
    assert opened.page.evaluate(
        "getComputedStyle(document.querySelector('.chip.approximation')).backgroundColor"
    ) == "rgb({}, {}, {})".format(*_bytes(DARK_COLOURS["approximation"]))
    indigo, violet = (_bytes(one["approximation"]) for one in (ERROR_COLOURS, DARK_COLOURS))
    fills = opened.page.locator("#parts svg path").evaluate_all(
        "paths => paths.map(path => path.getAttribute('fill'))"
    )
    assert DARK_COLOURS["approximation"] in fills
    assert ERROR_COLOURS["approximation"] not in fills
    picture = opened.page.locator("#faults_00 img")
    light, dim = {(255, 255, 255), indigo}, {(21, 24, 28), violet}
    assert _among(picture, light | dim) == dim
    opened.page.emulate_media(media="print", color_scheme="light")  # as a browser prints
    assert _among(picture, light | dim) == light
    assert opened.page.evaluate(colour) == "rgb(255, 255, 255)"
    assert not opened.page.locator("#explore").is_visible()
    opened.page.context.close()


def _bytes(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _among(picture: Locator, colours: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """Return the colours that a five-hundredth of a picture has."""
    pixels = shot(picture)
    return {colour for colour in colours if (pixels == colour).all(axis=-1).mean() > 0.002}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_of_a_size_to_send(reports: dict[str, Path], name: str) -> None:
    assert reports[name].stat().st_size < LARGEST.get(name, 15e6)
