"""One report of a table whose every name is an attack: drawn, bounded, and nothing runs in it."""

import json
import re
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.text import Text

from study.analysis.files import write_table
from study.analysis.reading import read_study
from study.analysis.table import build_curves, build_trials
from study.rendering.embedding import libraries
from study.rendering.inference import draw_searches, searches
from study.rendering.names import LONGEST_LABEL, LONGEST_NAME, shown_name
from study.rendering.style import write_figure
from study.report import terminal_text, write_report
from tests.attacks.attacking import back_in_time
from tests.rendering.synthetic_study import Asked, Maker

FAMILIES = {
    "linear": "v" * 10**6,
    "vgg": "$\\q{$",
    "vae_kmeans": "<script>alert(1)</script></svg>--><img src=x onerror=alert(1)>",
}
POPULATIONS = ("p" * 10**5 + "\x1b[2J\x07\u202e{{7*7}}\n<b>", "%s%n\x00\ud7ff中文(sigma=$\\frac$)")
ERROR = "\x1b]0;title\x07" + "</td><script>" + "e" * 10**6


class Tags(HTMLParser):
    """What a browser would make of a page: its attributes, and the texts of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.scripts = 0
        self.is_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        self.is_script = tag == "script"
        self.scripts += self.is_script

    def handle_data(self, data: str) -> None:
        if self.is_script:
            self.texts.append(data)
            self.is_script = False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    asked = Asked(depths=(1,), num_train=(128,), seeds=3, streams=(1_000,), populations=("p",))
    records = Maker(asked).records()
    for number, record in enumerate(records):
        record["family"] = FAMILIES[record["family"]]
        record["population"] = POPULATIONS[record["distortion"] != "none"]
        if record["role"] == "search" and number % 7 == 0:
            record |= {"status": "failed", "error": ERROR}
        record["hyperparameters"] = {"$\\q{$" * 30: "$\\q{$", "h\x1b": "x" * 10**5}
    levels = {"label_noise": [0.2], "imbalance": [0.9], "$\\q{$": [0.1]}
    write_table(build_trials(records, levels), place / "trials", levels=levels)
    write_table(build_curves(records), place / "curves")
    (place / "provenance.json").write_text('{"name": "<script>\\u001b", "runs": [{"a": "$"}]}')
    return place


@pytest.mark.slow
def test_a_hostile_table_is_drawn(folder: Path) -> None:
    begin = time.process_time()
    with back_in_time():
        page = write_report(folder)
        told = terminal_text(folder, 100)
    assert time.process_time() - begin < 20
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    tags = Tags(text)
    assert tags.scripts == 3, "what is explored, Vega and the page's own"
    assert not any(name.startswith("on") for name in tags.attributes)
    assert all("\u2028" not in one and "\u2029" not in one for one in tags.texts)
    held = json.loads(tags.texts[0])
    assert {cell["family"] for cell in held["cells"]} == {
        shown_name(name, LONGEST_LABEL) for name in FAMILIES.values()
    }
    assert not set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text))
    packed = re.findall(r'data-packed="([^"]*)"', text)
    assert max(map(len, packed)) < 60_000
    own = len(text) - len(libraries()) - sum(map(len, packed))
    assert own < 400_000, "no name is there as long as it was: one alone has 10**6 letters"
    figures = sorted((folder / "report/figures").glob("*.svg"))
    assert figures
    for figure in figures:
        root = ET.fromstring(figure.read_bytes())  # control characters would be no XML
        assert {element.tag.rpartition("}")[2] for element in root.iter()}.isdisjoint(
            {"script", "a", "foreignObject"}
        )
        assert root.attrib["width"] == "7in"
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        assert max(width, height) < 5_000
    assert all(line.isprintable() for line in told.splitlines())


def test_a_name_that_matplotlib_would_hide() -> None:
    held = {"inference/steps": np.arange(3), "inference/mse": np.array([0.3, 0.2, 0.1])}
    (axes,) = draw_searches(searches("a", {"_x d1": held, "y d1": held})).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["_x d1", "y d1"]


def test_no_name_is_set_by_tex(tmp_path: Path) -> None:
    """A matplotlibrc where the command is started may ask for it, with a preamble of its own."""
    held = {"inference/steps": np.arange(3), "inference/mse": np.array([0.3, 0.2, 0.1])}
    with matplotlib.rc_context({"text.usetex": True, "text.latex.preamble": "\\oops"}):
        figure = draw_searches(searches("a", {"b": held}))
        assert not any(text.get_usetex() for text in figure.findobj(Text))
        assert write_figure(figure, tmp_path / "a.svg").stat().st_size > 0


def test_names_as_they_are_drawn() -> None:
    plain = "gaussians(means=[0, 1])"
    assert shown_name(plain) == plain
    for name in (*FAMILIES.values(), *POPULATIONS, ERROR, "a\ud800"):
        drawn = shown_name(name)
        assert len(drawn) <= LONGEST_NAME
        assert drawn.isprintable()
    assert shown_name("a\x01") != shown_name("a\x02"), "different names stay different"
    assert shown_name("a" * 10**6) != shown_name("a" * 10**6 + "b")


def test_tables_keep_names_as_they_are(folder: Path) -> None:
    assert set(read_study(folder).trials["family"]) == set(FAMILIES.values())
    assert isinstance(pq.read_table(folder / "trials.parquet"), pa.Table)
