"""The report: a page that reads without a network, with nothing of the study unescaped."""

import base64
import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from study.analysis.files import Stopping, read_trials, write_table
from study.analysis.frames import to_rows
from study.analysis.reading import read_study
from study.analysis.results import build_results, write_results
from study.analysis.table import build_curves, build_trials
from study.rendering.findings import find
from study.rendering.page import render_page
from study.rendering.pictures import HEADINGS
from study.report import main, terminal_text, write_report
from study.trials.seeds import encode_variance_seed
from tests.analysis.conftest import study_records

Record = dict[str, Any]
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """The page's tags, pictures and text; a picture's `src` is its file, all of it in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "img":
            assert b"<svg" in gzip.decompress(base64.b64decode(str(found["data-packed"])))
            self.pictures.append(found | {"src": found["data-file"]})
        elif tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [found[name] for name in ("href",) if name in found]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag  # well formed, so that no cell leaks into the next

    def handle_data(self, data: str) -> None:
        if "script" not in self.open:
            self.text += data


def make_folder(records: list[Record], levels: dict[str, list[float]], found: Path) -> Path:
    """Write a study's folder, whose name, labels and messages hold markup."""
    for record in records:
        if record["population"] == "digits":
            record["population"] = "digits<b>&"
    write_table(build_trials(records, levels), found / "trials", levels=levels)
    write_table(build_curves(records), found / "curves")
    provenance = {"name": "<script>alert(1)</script>", "git": {"commit": "<i>c0ffee</i>"}}
    (found / "provenance.json").write_text(json.dumps(provenance))
    return found


def page_without_pictures(folder: Path) -> Page:
    """Return the page's tables and texts, for which nothing need be drawn."""
    study = read_study(folder)
    results = build_results(study.trials, study.levels, study.decisions)
    findings = find(study, results)
    return Page(render_page(study, results, dict.fromkeys(HEADINGS, ()), (), findings))


@pytest.fixture
def folder(records: list[Record], levels: dict[str, list[float]], tmp_path: Path) -> Path:
    """Return the folder of a small study: one family on one population."""
    small = [r for r in records if (r["family"], r["population"]) == ("linear", "xor(sigma=0.5)")]
    return make_folder(small, levels, tmp_path / "study")


@pytest.mark.slow
def test_the_report_of_a_study(
    records: list[Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    folder = make_folder(records, levels, tmp_path / "study")
    path = write_report(folder)
    assert path == folder / "report" / "index.html"
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.tags.count("script") == 3  # what is explored, Vega, the page's own
    assert "<script>alert" not in text
    assert "b" not in page.tags
    assert "i" not in page.tags
    assert "nan" not in re.sub(r"<nan>", "", page.text.lower()).split()
    for words in (
        *("<script>alert(1)</script>", "<i>c0ffee</i>", "digits<b>&"),
        "FloatingPointError: the loss is <nan>",
        "no Bayes risk is known for digits<b>&.",
        "every seed had settled; in the others (marked ~)",
        "2 rows that other cells of the study have are missing",
        "objective: the objective’s fault",
        "resnet",
    ):
        assert words in page.text
    assert [link for link in page.links if (link or "").startswith("#")] == [
        *("#explore", "#details", "#read", "#verdicts", "#comparisons", "#landscape", "#figures"),
        *("#hyperparameters", "#cost", "#run", "#missing", "#failed"),
    ]
    # self-contained: every link is within the page's folder, every picture is there and has words
    assert all(link is not None and "//" not in link for link in page.links)
    drawn = Counter(Path(str(picture["src"])).name.split("_")[0] for picture in page.pictures)
    assert drawn == {"faults": 1, "damage": 4, "heat": 5 + 2, "lines": 4, "curves": 2}
    for picture in page.pictures:
        assert len(picture["alt"] or "") > 40
        assert ElementTree.parse(path.parent / str(picture["src"])).getroot().tag.endswith("svg")
    for name in ("landscape.parquet", "landscape.csv", "best_in_class.csv"):
        assert (folder / name).stat().st_size > 0


def test_the_page_shows_the_numbers_of_the_landscape(folder: Path) -> None:
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    landscape = to_rows(pd.read_parquet(folder / "landscape.parquet"))
    shown = [f"{100 * row['total']:z.2f}" for row in landscape if not pd.isna(row["total"])]
    assert len(shown) == 10
    for number in shown:
        assert number in page.text


def test_the_answer_is_before_every_table(folder: Path) -> None:
    """Whose fault, by family, with intervals, in the page's first words and in the terminal's."""
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    before, _, _ = page.text.partition("total = R")
    text = (folder / "findings.txt").read_text(encoding="utf-8")
    headline, answers = text.splitlines()[:2], text.splitlines()[4:5]
    assert headline[0].startswith("On xor (undistorted, n = 256) which part is the largest")
    assert headline[0].endswith("for linear, since not all parts and intervals are.")
    for told in (*headline, "linear"):
        assert told in before
    assert all(line.startswith("  linear, depth") for line in answers)
    shown = terminal_text(folder, 100)
    first, last = (" ".join(part.split()) for part in (shown[:800], shown[-800:]))
    assert first.startswith(headline[0])
    assert headline[0] in last  # the last screen says it again
    assert page.tags.index("table") > page.tags.index("section")


def test_that_there_are_no_decisions_is_said_once_and_why(folder: Path) -> None:
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert page.text.count("There is no folder decisions/") == 1
    assert "since the rules’ decisions on the evaluation sample (decisions/) are not" in page.text


@pytest.mark.slow
def test_writing_twice_writes_the_same(folder: Path) -> None:
    def contents() -> dict[str, bytes]:
        write_report(folder)
        held = [path for path in folder.rglob("*") if path.is_file()]
        # svg2pdf lists what a PDF's pages need in an order that changes
        return {str(path): path.read_bytes() if path.suffix != ".pdf" else b"" for path in held}

    first = contents()
    stale = folder / "report" / "figures" / "heat_99_total.svg"
    stale.write_text("from an earlier state of the study")
    assert contents() == first


def test_a_trials_table_alone_is_enough(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "trials.parquet"
    alone.parent.mkdir()
    alone.write_bytes((folder / "trials.parquet").read_bytes())
    path = write_report(alone, tmp_path / "out")
    assert path == tmp_path / "out" / "report" / "index.html"
    text = path.read_text(encoding="utf-8")
    assert "Learning curves" not in text
    assert "Provenance" not in text
    assert sorted(p.name for p in alone.parent.iterdir()) == ["trials.parquet"]


def test_an_empty_study_has_a_report(tmp_path: Path) -> None:
    write_table(build_trials([], {}), tmp_path / "trials")
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "No cell has been trained yet." in text
    assert "There is nothing to draw yet." in text
    assert Page(text).links == ["#details", "#read", "#run"]


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (("abc",), ""),
        (("abc", "def<b>"), "trials ran under 2 versions of the code: "),
        (("abc", None), "trials is not known"),
    ],
)
def test_the_summary_says_which_code_ran(
    codes: tuple[str | None, ...],
    words: str,
    records: list[Record],
    levels: dict[str, list[float]],
    tmp_path: Path,
) -> None:
    small = [r for r in records if (r["family"], r["population"]) == ("linear", "xor(sigma=0.5)")]
    for number, record in enumerate(small):
        record["code"] = codes[number % len(codes)]
    page = page_without_pictures(make_folder(small, levels, tmp_path))
    told = page.text.rpartition("What was run")[2].partition("Missing rows")[0]
    assert words in told
    assert ("versions of the code" in told) == ("versions" in words)
    assert ("not known" in told) == ("not known" in words)


def test_the_summary_says_by_which_rule_there_are_so_many_seeds(
    records: list[Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    small = [r for r in records if (r["family"], r["population"]) == ("linear", "xor(sigma=0.5)")]
    folder = make_folder(small, levels, tmp_path)
    assert "at first, then as many" not in page_without_pictures(folder).text
    stopping = Stopping(precision=0.005, first_seeds=4, max_seeds=20)
    write_table(build_trials(small, levels), folder / "trials", levels=levels, stopping=stopping)
    told = page_without_pictures(folder).text
    assert "4 at first, then as many as their spread asks for" in told
    assert "±0.005, 20 at most" in told


def test_winners_and_defaults_are_in_a_table(
    make: Callable[..., Record],
    records: list[Record],
    levels: dict[str, list[float]],
    tmp_path: Path,
) -> None:
    small = [r for r in records if (r["depth"], r["population"]) == (1, "xor(sigma=0.5)")]
    for record in small:
        if record["role"] == "measure":
            record["hyperparameters"] = {"learning_rate": 0.03, "batch_size": 32}
    where = {"family": "resnet", "distortion": "label_noise", "severity": 0.2}
    used = {"learning_rate": 0.03, "batch_size": 32}
    small.append(make("search", **where, hyperparameters=used, validation_risk=0.0987))
    small.append(make("search", "stopped", **where, seed=1, hyperparameters={"batch_size": 8}))
    page = page_without_pictures(make_folder(small, levels, tmp_path))
    told = page.text.partition("All of them, cell by cell")[2].partition("Cost")[0]
    assert "batch_size = 32, learning_rate = 0.03" in told
    assert "xor(sigma=0.5) · label noise 0.2 · n = 256" in told
    assert "search, 2 tried, 1 stopped" in told
    assert "9.87" in told
    assert "4 cells of xor(sigma=0.5)" in told


@pytest.mark.slow
def test_the_command_prints_what_was_found_and_the_path(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder)]) == 0
    *told, empty, path = capsys.readouterr().out.splitlines()
    assert (empty, path) == ("", str(folder / "report" / "index.html"))
    headline = (folder / "findings.txt").read_text(encoding="utf-8").splitlines()[:2]
    assert " ".join(line.strip() for line in told) == " ".join(headline)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "holds no trials.parquet"),
        (lambda path: path.write_bytes(b"no"), "cannot be read as parquet"),
        (lambda path: (path.parent / "provenance.json").write_text("{"), "cannot be read as JSON"),
        (lambda path: (path.parent / "provenance.json").write_text("[]"), "no JSON object"),
        (lambda path: (path.parent / "curves.parquet").write_bytes(b""), "curves.parquet cannot"),
        (lambda path: (path.parent / "report").write_text("in the way"), "report"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    spoil: Callable[[Path], object],
    words: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(folder / "trials.parquet")
    assert main([str(folder)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert words in told.err


def test_a_wrong_command_line_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_a_program_is_told_where_everything_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"page", "headline", "findings", "tables", "latex"}
    page = (ROOT / "docs/operations.md").read_text()
    assert all(f"`{key}`" in page for key in told)
    assert told["page"] == str(folder / "report/index.html")
    assert told["findings"] == (folder / "findings.txt").read_text().splitlines()
    assert told["headline"] == told["findings"][: len(told["headline"])]
    assert str(folder / "landscape.csv") in told["tables"]
    assert all(Path(table).is_file() for table in told["tables"])
    assert told["latex"] is None


def test_quietly_it_prints_the_path_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "-q"]) == 0
    assert capsys.readouterr().out == f"{folder}/report/index.html\n"


def test_the_command_runs_as_a_module(folder: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "study.report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.splitlines()[-1]).is_file()
    assert read_trials(folder / "trials.parquet")[1]["label_noise"] == [0.0, 0.1, 0.2]


@pytest.mark.slow
def test_what_was_asked_for_has_its_section(
    make: Callable[..., Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    records = study_records(num_seeds=3, num_train=(64, 128, 256))
    kept = [r for r in records if r["population"] == "xor(sigma=0.5)" and r["depth"] == 1]
    path = write_report(make_folder(kept, levels, tmp_path / "plain"))
    page = Page(path.read_text(encoding="utf-8"))
    for words in ("Families compared", "Holm 1979", "Sample size", "c − U"):
        assert words in page.text
    for words in ("Where the variance comes from", "Rideal(T)"):
        assert words not in page.text
    assert any("sizes_" in (picture["src"] or "") for picture in page.pictures)
    cell = {"family": "linear", "num_train": 64}
    for seed in range(3):
        kept.append(make("ideal", seed=seed, risk=0.1234, **cell))
    for crossing in product(range(2), repeat=3):
        seed, risk = encode_variance_seed(*crossing), 0.1 + 0.01 * sum(crossing)
        kept.append(make("variance", seed=seed, risk=risk, converged_risk=risk, **cell))
    folder = make_folder(kept, levels, tmp_path / "asked")
    page = page_without_pictures(folder)
    write_results(build_results(*read_trials(folder / "trials.parquet")), folder, levels)
    assert page.open == []
    for words in ("Where the variance comes from", "data x init x order", "Rideal(T)", "12.34"):
        assert words in page.text
    for name in ("comparisons", "learning_curves", "variance"):
        assert len(pd.read_csv(folder / f"{name}.csv")) > 0
    landscape = to_rows(pd.read_parquet(folder / "landscape.parquet"))
    known = {(r["family"], r["num_train"]) for r in landscape if not pd.isna(r["ideal_risk"])}
    assert known == {("linear", 64)}
