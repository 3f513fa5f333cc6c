"""Tasks beside each other: in no sentence, table, picture or scale do their numbers meet."""

import re
from pathlib import Path
from typing import Any

import pytest

from study.analysis.frames import to_rows
from study.analysis.reading import read_study
from study.analysis.results import build_results
from study.rendering.answers import answers
from study.rendering.caveats import _no_best_rule, _no_floor, _no_teachers, _slack, _undone
from study.rendering.changes import changes
from study.rendering.decomposition import plain_decompositions
from study.rendering.findings import find, findings_text
from study.rendering.heat_maps import heat_maps
from study.rendering.page import render_page
from study.rendering.pictures import HEADINGS, _bar_words
from study.rendering.rankings import rankings
from study.rendering.terminal import render_landscape_text
from tests.rendering.conftest import (
    Record,
    cell_row,
    comparison_frame,
    landscape_frame,
    landscape_row,
)
from tests.rendering.synthetic_study import XOR, Asked, write_study

REBUILT: Record = {
    "task": "reconstruction",
    "bayes_risk": None,
    "approximation_is_bound": None,
    "estimation": (0.0123, 0.0101, 0.0145),
    "optimization": (0.0031, 0.0024, 0.0038),
}
DECIDED: Record = {
    "task": "classification",
    "total": (0.12, 0.11, 0.13),
    **dict.fromkeys(("approximation", "objective", "optimization"), (0.01, 0.005, 0.015)),
    "estimation": (0.09, 0.08, 0.10),
}
POINTS = re.compile(r"percent|\bpoints?\b")


def test_an_answer_says_which_of_the_two_is_larger_in_the_unit_of_the_risk() -> None:
    (answer,) = answers(landscape_frame(cell_row("ae", **REBUILT)))
    assert answer.points == "squared input"
    (line,) = answer.lines
    assert line.fault == "the sample’s"
    assert line.numbers == (
        "estimation 0.0123 [0.0101, 0.0145], beside optimization 0.00310 [0.00240, 0.00380]",
    )
    assert answer.sentence == (
        "on xor (undistorted, n = 128; squared input [95% interval]) the largest part of the "
        "error, of those that are known (estimation and optimization), is the sample’s for ae "
        "(0.0123 [0.0101, 0.0145])"
    )
    for word in ("total", "approximation", "objective"):
        assert word not in answer.sentence + "".join(line.numbers)


def test_a_total_that_is_known_without_its_parts_says_so() -> None:
    row = cell_row("ae", **{**REBUILT, "task": "inpainting", "bayes_risk": 3.0}, total=(2.0, 1, 3))
    (answer,) = answers(landscape_frame(row))
    assert answer.lines[0].fault == (
        "not known, since approximation and objective are not "
        "(largest known estimate: the sample’s)"
    )
    rows = [landscape_row("ae", **{**REBUILT, "task": "inpainting"}, total=(2.0, 1, 3))]
    assert _no_best_rule(rows).startswith(
        "The best rule of an architecture is not looked for in inpainting: approximation and "
    )
    assert _no_best_rule([landscape_row(**DECIDED)]) == ""


def test_a_task_without_teachers_says_so_and_asks_for_none() -> None:
    """Before, a denoiser's approximation was said to want best_in_class.slack_restarts."""
    cleaned, decided = (
        landscape_row("ae", **DECIDED | {"task": "denoising"}),
        landscape_row(**DECIDED),
    )
    assert _slack([cleaned]) == _no_teachers([decided]) == ""
    assert _no_teachers([cleaned]).startswith("Approximation in denoising holds what the search")
    assert "slack_restarts" in _slack([cleaned, decided])


def test_a_law_is_unknown_to_one_task_only() -> None:
    """Before, XOR was said to have no Bayes risk once an autoencoder learned from it."""
    rows = [landscape_row("ae", **REBUILT), landscape_row("vgg", **DECIDED)]
    (line,) = _no_floor(rows)
    assert line.startswith(
        f"No lower limit of the risk is known for reconstruction on {XOR}: total, approximation "
    )
    real = landscape_row("vgg", **{**DECIDED, "total": None, "bayes_risk": None}, population="a")
    assert _no_floor([real])[0].startswith("No Bayes risk is known for a: total, ")


def test_bars_are_told_in_digits_that_the_unit_has() -> None:
    """Before, all bars of a small unit were 0.00 or 0.01 in the words of the picture."""
    (info,) = plain_decompositions(landscape_frame(cell_row("ae", **REBUILT)))
    assert "ae 1: estimation 0.0123, optimization 0.00310" in _bar_words(info)


def test_each_task_has_pictures_of_its_own() -> None:
    frame = landscape_frame(cell_row("ae", **REBUILT), cell_row("vgg", **DECIDED))
    bars = plain_decompositions(frame)
    assert [info.unit.points for info in bars] == ["percentage points", "squared input"]
    assert [bar.label for bar in bars[1].panels[0].bars] == ["ae 1"]
    maps = [m for m in heat_maps(frame) if m.error == "estimation"]
    assert [m.title.rpartition(", ")[2] for m in maps] == ["percentage points", "squared input"]


def test_the_terminal_shows_the_errors_that_a_task_knows() -> None:
    """Three columns of dashes took the room that small numbers need."""
    frame = landscape_frame(cell_row("linear_autoencoder", **REBUILT), cell_row("vgg", **DECIDED))
    text = render_landscape_text(frame, 80)
    first, second = text.split("reconstruction · errors in squared input")
    assert "percentage points" in first
    assert not POINTS.search(second)
    assert "unknown: total, approximation and objective" in " ".join(second.split())
    assert "no lower limit of the risk" in second
    (head,) = (line for line in second.splitlines() if line.startswith("family"))
    assert head.split() == ["family", "d", "sev.", "estimation", "optimization"]
    (line,) = (line for line in second.splitlines() if line.startswith("linear_autoencoder"))
    assert line.split("  ")[-2:] != [""]
    assert "0.0123 [0.0101,0.0145]" in line
    assert "0.00310 [0.00240,0.00380]" in line


def test_families_are_ranked_in_their_unit() -> None:
    row = {
        "task": "reconstruction",
        "first": "ae",
        "second": "linear_ae",
        "num_pairs": 5,
        "difference": -0.0123,
        "difference_lo": -0.0145,
        "difference_hi": -0.0101,
        "p_holm": 0.01,
        "significant": True,
    }
    (ranking,) = rankings(comparison_frame(row), [XOR])
    assert ranking.headline == (
        "over all cells of xor ae errs 0.0123 [0.0101, 0.0145] units of squared input (p = 0.01) "
        "less than linear_ae"
    )


def test_a_change_is_told_in_the_unit_of_the_risk() -> None:
    larger = {**REBUILT, "num_train": 512, "estimation": (0.004, 0.003, 0.005)}
    (held,) = changes(landscape_frame(cell_row("ae", **REBUILT), cell_row("ae", **larger)))
    (sentence,) = held.sentences
    assert "estimation falls" in sentence
    assert "0.0123 [0.0101, 0.0145] to 0.0040 [0.0030, 0.0050]" in sentence


def test_severities_of_the_noise_that_is_taken_off_are_not_compared():
    """R* of a bump picture falls as its frame widens: no rule is better for it."""

    def found(task: str) -> tuple[list[str], list[str]]:
        facts = {"task": task, "distortion": "feature_noise"}
        small = (0.02, 0.01, 0.03)
        first = cell_row("net", **facts, severity=1.0, estimation=(0.09, 0.08, 0.10), num_train=16)
        last = cell_row("net", **facts, severity=30.0, level=1, estimation=small)
        longer = cell_row("net", **facts, severity=1.0, estimation=(0.05, 0.045, 0.055))
        frame = landscape_frame(first, last, longer)
        told = [sentence for held in changes(frame) for sentence in held.sentences]
        return told, _undone(to_rows(frame))

    told, caveats = found("denoising")
    assert [sentence.split(":")[0] for sentence in told] == ["n from 16 to 128 (feature noise 1)"]
    (caveat,) = caveats
    assert caveat.startswith("Each feature noise is a denoising problem of its own")
    told, caveats = found("reconstruction")
    assert told[0].startswith("feature noise from 1 to 30 (n = 128): estimation falls")
    assert caveats == []


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a study of classifiers and autoencoders on one law, with every table."""
    folder = tmp_path_factory.mktemp("mixed")
    asked = Asked(
        families=("linear", "vgg"),
        depths=(1,),
        populations=(XOR,),
        num_train=(128, 256, 512),
        seeds=3,
        streams=(1_000, 4_000),
    )
    write_study(folder, asked, autoencoders=("autoencoder", "linear_autoencoder"))
    return written_page(folder)


def written_page(folder: Path) -> str:
    """The page without its pictures, which take their time and are other tests'."""
    study = read_study(folder)
    results = build_results(study.trials, study.levels, study.decisions)
    found = find(study, results)
    for line in findings_text(found).splitlines()[2:]:  # the headline tells of all tasks
        assert not (POINTS.search(line) and "squared input" in line), line
    rows = results.landscape[results.landscape["task"] == "reconstruction"]
    assert rows["estimation_lo"].notna().all()
    assert rows["total"].isna().all()
    assert results.notes == ()
    return render_page(study, results, {heading: [] for heading in HEADINGS}, [], found)


def tables_of(page: str) -> list[str]:
    return re.findall(r"<table.*?</table>", page, re.DOTALL)


def test_no_table_of_risks_on_the_page_has_families_of_two_tasks(page: str) -> None:
    """Before, six tables held numbers of either unit in one column, and none said which."""
    held = [
        {
            name
            for name in ("linear", "vgg", "autoencoder", "linear_autoencoder")
            if f'<td class="text">{name}</td>' in table
        }
        for table in tables_of(page.partition('<h2 id="cost">')[0])
    ]
    classifiers, autoencoders = {"linear", "vgg"}, {"autoencoder", "linear_autoencoder"}
    assert all(names <= classifiers or names <= autoencoders for names in held)
    # landscapes, U_H and U_A, hyperparameters, comparisons over all and by cell, learning curves
    assert sum(names == autoencoders for names in held) >= 6
    assert sum(names == classifiers for names in held) >= 6


def test_the_page_says_what_is_unknown_of_which_task(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "no lower limit of the risk is known for reconstruction on xor" in text
    assert "no Bayes risk" not in text
    assert "percentage points (classification), squared input (reconstruction)" in text
    assert "L is the risk (of a classifier the share of errors) on the very sample" in text


def test_a_page_of_classifiers_speaks_of_errors(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"families": ("linear",), "depths": (1,), "populations": (XOR,)}
    write_study(tmp_path, Asked(**asked, num_train=(128,), seeds=2, streams=(1_000,)))
    text = " ".join(written_page(tmp_path).split())
    assert "L is the share of errors on the very sample" in text
    assert "squared input" not in text
