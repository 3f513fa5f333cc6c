"""The report: a page that reads without a network, with nothing of the study unescaped."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from study.analysis.files import read_trials, write_table
from study.analysis.frames import to_rows
from study.analysis.landscape import build_landscape
from study.analysis.table import build_curves, build_trials
from study.rendering.heat_maps import draw_heat_maps, heat_maps
from study.rendering.lines import error_lines, learning_curves
from study.rendering.style import write_figure
from study.rendering.terminal import WIDTH, render_landscape_text
from study.report import main, write_report
from study.trials.seeds import encode_variance_seed
from tests.analysis.conftest import study_records

Record = dict[str, Any]
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """The page's tags, pictures and text."""

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
            self.pictures.append(found)
        elif tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [found[name] for name in ("href", "src") if name in found]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag  # well formed, so that no cell leaks into the next

    def handle_data(self, data: str) -> None:
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


@pytest.fixture
def folder(records: list[Record], levels: dict[str, list[float]], tmp_path: Path) -> Path:
    """Return the folder of a small study: one family on one population."""
    small = [r for r in records if (r["family"], r["population"]) == ("linear", "xor(sigma=0.5)")]
    return make_folder(small, levels, tmp_path / "study")


def test_the_report_of_a_study(
    records: list[Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    folder = make_folder(records, levels, tmp_path / "study")
    path = write_report(folder)
    assert path == folder / "report" / "index.html"
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert "i" not in page.tags
    assert "nan" not in re.sub(r"<nan>", "", page.text.lower()).split()
    for words in (
        *("<script>alert(1)</script>", "<i>c0ffee</i>", "digits<b>&"),
        "FloatingPointError: the loss is <nan>",
        "No Bayes risk is known for digits<b>&.",
        "some seeds had not converged",
        "2 rows that other cells of the study have are missing",
        "resnet",
    ):
        assert words in page.text
    # self-contained: every link is within the page's folder, every picture is there and has words
    assert all(link is not None and "//" not in link for link in page.links)
    assert len(page.pictures) == 4 + 2 + 4 + 2  # heat maps, error lines, learning curves
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


def test_writing_twice_writes_the_same(folder: Path) -> None:
    def contents() -> dict[str, bytes]:
        write_report(folder)
        held = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in held}

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


def test_the_command_prints_the_path(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'report' / 'index.html'}\n"


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


def test_the_terminal_table_fits(records: list[Record], levels: dict[str, list[float]]) -> None:
    landscape = build_landscape(build_trials(records, levels), levels)
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
    text = render_landscape_text(build_landscape(build_trials(short, levels), levels))
    assert re.search(r"\d\.\d\d \[", text)


def test_figures_are_numbers_first(
    records: list[Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    trials = build_trials(records, levels)
    landscape = build_landscape(trials, levels)
    maps = heat_maps(landscape)
    # nothing is drawn of the errors nobody knows on digits
    assert [(m.population, m.error) for m in maps[:2]] == [
        ("digits", "estimation"),
        ("digits", "optimization"),
    ]
    total = next(m for m in maps if m.error == "total")
    assert [panel.title for panel in total.panels] == ["imbalance, n = 256", "label noise, n = 256"]
    assert total.panels[1].column_labels == ("0", "0.1", "0.2")
    held = next(
        row
        for row in to_rows(landscape)
        if (row["population"], row["distortion"], row["level"])
        == ("xor(sigma=0.5)", "label_noise", 2)
        and (row["family"], row["depth"]) == ("resnet", 3)
    )
    place = total.panels[1].row_labels.index("resnet  3")
    assert total.panels[1].cells[place][2] == held["total"]
    assert len(error_lines(landscape)) == 4
    curves = learning_curves(trials, build_curves(records))
    line = curves[0].panels[0][0].lines[0]
    # the seeds ran 15, 20, 25 and 30 epochs; the short ones keep their last value
    assert line.x == tuple(float(epoch) for epoch in range(30))
    last = [
        r["curves"][-1]["train_risk"]
        for r in records
        if (r["family"], r["depth"], r["population"]) == ("linear", 1, "digits")
        and (r["role"], r["distortion"]) == ("measure", "none")
    ]
    assert line.y[-1] == pytest.approx(100 * sum(last) / 4)
    assert curves[0].panels[0][0].mark == 10.0
    assert write_figure(draw_heat_maps(total), tmp_path / "x.png").stat().st_size > 1000


def test_unknown_cells_are_drawn_as_unknown(records: list[Record], tmp_path: Path) -> None:
    levels = {"label_noise": [0.0, 0.1, 0.3]}  # nobody was trained at 0.3
    landscape = build_landscape(build_trials(records, levels), levels)
    total = next(m for m in heat_maps(landscape) if m.error == "total")
    assert {row[2] for row in total.panels[0].cells} == {None}
    write_figure(draw_heat_maps(total), tmp_path / "x.svg")


@pytest.mark.parametrize("module", ["report", "density", "frames", "intervals", "terminal"])
def test_analysis_loads_nothing_heavy(module: str) -> None:
    heavy = (
        "torch",
        "ray",
        "optuna",
        "sklearn",
        "classcomp",
        "study.request.spec",
        "matplotlib.pyplot",
    )
    code = f"import sys, study.{module}; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_the_command_runs_as_a_module(folder: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "study.report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).is_file()
    assert read_trials(folder / "trials.parquet")[1]["label_noise"] == [0.0, 0.1, 0.2]


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
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert page.open == []
    for words in ("Where the variance comes from", "data x init x order", "Rideal(T)", "12.34"):
        assert words in page.text
    for name in ("comparisons", "learning_curves", "variance"):
        assert len(pd.read_csv(folder / f"{name}.csv")) > 0
    landscape = to_rows(pd.read_parquet(folder / "landscape.parquet"))
    known = {(r["family"], r["num_train"]) for r in landscape if not pd.isna(r["ideal_risk"])}
    assert known == {("linear", 64)}
