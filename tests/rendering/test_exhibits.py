"""Exhibits: what is drawn is what was given, on the page, in pictures and in words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis.exhibits import Arrays, cka_matrix
from study.analysis.frames import Row
from study.rendering.confusion import confusion_words, confusions, draw_confusions
from study.rendering.decision_maps import decision_maps, decision_words, draw_decision_maps
from study.rendering.exhibits import KINDS
from study.rendering.feature_spaces import (
    draw_feature_spaces,
    draw_similarities,
    feature_spaces,
    feature_words,
    similarities,
    similarity_words,
)
from study.rendering.shown import MAX_PICTURES, shown_exhibits, shown_trials
from study.rendering.style import write_figure
from study.report import write_report
from study.trials.exhibits import corruption_exhibit, samples_exhibit
from study.trials.trial import cell_of
from tests.rendering.conftest import make_exhibits, write_exhibits
from tests.rendering.test_report import Page, make_folder

Record = dict[str, Any]
HOSTILE = "</title><script>alert(1)</script> $x^{"


def test_a_confusion_matrix_prints_its_counts() -> None:
    info = confusions("a law", {"vgg 1": np.array([[90, 10], [30, 270]]), HOSTILE: np.eye(2)}, {})
    assert info.panels[0].shares == ((0.9, 0.1), (0.1, 0.9))
    figure = draw_confusions(info)
    assert [text.get_text() for text in figure.axes[0].texts] == ["90", "10", "30", "270"]
    assert figure.axes[0].images[0].get_array().tolist() == [[0.9, 0.1], [0.1, 0.9]]
    words = confusion_words(info)
    assert "vgg 1: 360 of 400 right, class 1 decided as 0 30 times." in words
    assert f"{HOSTILE}: 2 of 2 right." in words


def test_a_class_without_examples_has_no_shares() -> None:
    info = confusions("a law", {"vgg 1": np.array([[4, 1], [0, 0]])}, {})
    assert info.panels[0].shares == ((0.8, 0.2), (None, None))
    shown = draw_confusions(info).axes[0].images[0].get_array()
    assert np.ma.getmaskarray(np.ma.masked_invalid(shown)).tolist() == [[False] * 2, [True] * 2]


def test_what_is_empty_or_has_one_class_stops_no_page() -> None:
    rows = [_row(family=family) for family in ("vgg", "resnet")]
    empty = {key: np.zeros((0, 0)) for kind in KINDS for key in kind.needs}
    exhibits = {
        rows[0]["trial_id"]: empty,
        rows[1]["trial_id"]: {"confusion/counts": np.array([[7]])},
    }
    found = shown_exhibits(rows, exhibits)
    assert [kind.words(info) for kind, info, _ in found] == [
        "xor: confusion matrices, undistorted, n = 64. resnet 1: 7 of 7 right."
    ]


def test_many_classes_are_drawn_without_counts() -> None:
    figure = draw_confusions(confusions("a law", {"vgg 1": np.eye(30, dtype=int)}, {}))
    assert len(figure.axes[0].texts) == 0


def test_a_decision_map_marks_where_the_rule_is_not_bayes() -> None:
    bayes = np.array([[0, 0, 1], [0, 1, 1]])
    rule = np.array([[0, 1, 1], [0, 1, 0]])
    extent = np.array([-3.0, 3.0, -1.0, 1.5])
    info = decision_maps("a law", {"vgg 1": {"rule": rule, "bayes": bayes, "extent": extent}})
    assert info.panels[0].share_differing == 2 / 6
    figure = draw_decision_maps(info)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("Bayes rule", "vgg 1\n33.3 % differ")
    # classes are shades 2k where the rule agrees and 2k + 1 where it does not
    assert first.images[0].get_array().tolist() == [[0, 0, 2], [0, 2, 2]]
    assert second.images[0].get_array().tolist() == [[0, 3, 2], [0, 2, 1]]
    assert second.get_xlim() == (-3.0, 3.0)
    assert second.get_ylim() == (-1.0, 1.5)  # row 0 is at the bottom
    assert second.images[0].origin == "lower"
    words = decision_words(info)
    assert "x from -3 to 3 and y from -1 to 1.5" in words
    assert "vgg 1 33.3 %" in words


def test_the_points_of_a_feature_space_are_drawn_by_class() -> None:
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    info = feature_spaces("a law", {"vgg 1": (points, np.array([1, 0, 1]))})
    drawn = [held.get_offsets().tolist() for held in draw_feature_spaces(info).axes[0].collections]
    assert drawn == [[[2.0, 3.0]], [[0.0, 1.0], [4.0, 5.0]]]
    words = feature_words(info)
    assert words == "a law. In each panel 3 points, 1 of class 0, 2 of class 1; panels: vgg 1."


def test_a_matrix_of_cka_prints_its_values() -> None:
    cka = np.array([[1.0, 0.25, np.nan], [0.25, 1.0, 0.75], [np.nan, 0.75, 1.0]])
    info = similarities("a law", {"depth 2": (["linear", "vgg", "resnet"], cka)})
    assert info.panels[0].values[0] == (1.0, 0.25, None)
    axes = draw_similarities(info).axes[0]
    printed = [text.get_text() for text in axes.texts]
    assert printed == ["1.00", "0.25", "–", "0.25", "1.00", "0.75", "–", "0.75", "1.00"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["linear", "vgg", "resnet"]
    words = similarity_words(info)
    assert words == "a law. vgg and resnet 0.75 (depth 2); linear and vgg 0.25 (depth 2)."


def test_of_many_pairs_the_words_name_the_extremes() -> None:
    num = 8
    cka = np.eye(num)
    cka[2, 5] = 0.99
    cka[1, 3] = -0.5
    names = [f"f{k}" for k in range(num)]
    words = similarity_words(similarities("a law", {"depth 1": (names, cka)}))
    assert "28 pairs. Most alike: f2 and f5 0.99 (depth 1);" in words
    assert words.endswith("f1 and f3 -0.50 (depth 1).")


def _row(**changes: Any) -> Record:
    row = {"family": "vgg", "depth": 1, "population": "xor", "distortion": "none", "level": 0}
    row |= {"latent_dim": None, "capacity": None}
    row |= {"severity": 0.0, "num_train": 64, "seed": 0, "status": "done"} | changes
    return row | {"trial_id": "-".join(str(value) for value in row.values())}


def test_the_first_seed_of_the_plainest_cell_is_shown() -> None:
    rows = [
        _row(seed=1),
        _row(seed=0, status="failed"),
        _row(seed=2),
        _row(seed=1, num_train=32),
        _row(seed=1, distortion="label_noise", level=1, severity=0.1, num_train=128),
        _row(seed=0, depth=2),
        _row(seed=3, family="resnet"),
        _row(seed=5, population="digits", distortion="imbalance", level=2, severity=0.8),
        _row(seed=5, population="digits", distortion="imbalance", level=1, severity=0.6),
    ]
    without = _row(seed=0)  # has no exhibits
    chosen = shown_trials([without, *rows], {row["trial_id"] for row in rows})
    assert chosen == [rows[8], rows[6], rows[0], rows[5]]


def test_where_most_is_hidden_what_was_seen_is_shown_too() -> None:
    gaps = {"distortion": "missing_pixels", "population": "digits"}
    rows = [
        _row(population="digits"),
        _row(seed=1, level=1, severity=0.5, **gaps),
        _row(seed=2, level=2, severity=0.9, **gaps),
        _row(seed=1, level=2, severity=0.9, **gaps),
    ]
    chosen = shown_trials(rows, {row["trial_id"] for row in rows})
    assert chosen == [rows[0], rows[3]]
    full = make_exhibits(0, 2, is_planar=True, is_coder=True)
    seen = {"reconstructions/seen": full["reconstructions/originals"] / 2}
    exhibits = {rows[0]["trial_id"]: full, rows[3]["trial_id"]: full | seen}
    found = [info.title for _, info, _ in shown_exhibits(chosen, exhibits)]
    (last,) = [title for title in found if "missing pixels" in title]
    assert last == found[-1] == "digits: reconstructions, missing pixels 0.9, n = 64"
    blind = {rows[0]["trial_id"]: full, rows[3]["trial_id"]: full}
    assert [info.title for _, info, _ in shown_exhibits(chosen, blind)] == found[:-1]


def _images_by_law(rows: list[Row]) -> dict[str, Arrays]:
    images = np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)
    names = {corruption_exhibit(cell_of(row), "outliers") for row in rows}
    held: Arrays = {"corrupted/clean": images, "corrupted/shown": 1 - images}
    drawn: Arrays = {"fitted/drawn": np.stack([images, images])}
    return dict.fromkeys(names, held) | {samples_exhibit(cell_of(row)): drawn for row in rows}


def test_only_what_is_there_is_drawn_and_not_too_much() -> None:
    rows = [
        _row(family=family, population=population)
        for population in ("a", "b", "c", "d", "e")
        for family in ("vgg", "resnet")
    ]
    full = make_exhibits(0, 2, is_planar=True, is_coder=True, generates=True)
    exhibits = {row["trial_id"]: full for row in rows}
    found = shown_exhibits(rows, exhibits, _images_by_law(rows))
    assert len(found) == MAX_PICTURES
    assert [kind.name for kind, _, _ in found[: len(KINDS)]] == [kind.name for kind in KINDS]
    assert found[0][1].title == "a: confusion matrices, undistorted, n = 64"
    # one of two families has features to show: nothing to compare
    exhibits[rows[0]["trial_id"]] = {"confusion/counts": np.eye(2, dtype=int)}
    exhibits[rows[1]["trial_id"]] = make_exhibits(0, 2, is_planar=True, generates=True)
    names = [kind.name for kind, _, _ in shown_exhibits(rows[:2], exhibits)]
    assert names == ["confusion", "decision_map", "features", "samples", "along", "points"]
    assert shown_exhibits(rows[:2], {}) == []


def test_cka_is_between_the_families_of_a_depth() -> None:
    rows = [_row(family=family, depth=depth) for family in ("vgg", "resnet") for depth in (1, 2)]
    exhibits = {
        row["trial_id"]: make_exhibits(number, 2, is_planar=False)
        for number, row in enumerate(rows)
    }
    info = next(info for kind, info, _ in shown_exhibits(rows, exhibits) if kind.name == "cka")
    assert [panel.title for panel in info.panels] == ["depth 1", "depth 2"]
    grams = [exhibits[rows[k]["trial_id"]]["features/gram"] for k in (1, 3)]
    assert info.panels[1].families == ("vgg", "resnet")
    assert info.panels[1].values[0][1] == pytest.approx(cka_matrix(grams)[0, 1])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_hostile_names_are_text_in_every_picture(kind: Any, tmp_path: Path) -> None:
    rows = [_row(family=HOSTILE, population=HOSTILE), _row(family="vgg", population=HOSTILE)]
    held = make_exhibits(1, 12, is_planar=True, is_coder=True, generates=True)
    exhibits = {row["trial_id"]: held for row in rows}
    found = shown_exhibits(rows, exhibits, _images_by_law(rows))
    info = next(info for other, info, _ in found if other is kind)
    text = write_figure(kind.draw(info), tmp_path / "x.svg").read_text()
    assert "<script" not in text
    assert HOSTILE in kind.words(info)


@pytest.mark.slow
def test_the_page_has_a_section_only_with_exhibits(records: list[Record], tmp_path: Path) -> None:
    small = [r for r in records if (r["depth"], r["population"]) == (1, "xor(sigma=0.5)")]
    small = [r for r in small if r["distortion"] == "none"]
    for record in small:
        if record["family"] == "linear":
            record["family"] = "<b>&"
    folder = make_folder(small, {}, tmp_path / "study")
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "#exhibits" not in page.links
    assert "Exhibits" not in page.text
    write_exhibits(small, folder)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "#exhibits" in page.links
    assert page.open == []
    assert "b" not in page.tags
    shown = [p for p in page.pictures if "exhibit_" in (p["src"] or "")]
    of_laws = ("corrupted", "fitted")  # here there are none
    expected = [kind.name for kind in KINDS if kind.name not in of_laws]
    assert [p["src"] for p in shown] == [
        f"figures/exhibit_{number:02d}_{name}.svg" for number, name in enumerate(expected)
    ]
    assert all("<b>& " in (picture["alt"] or "") for picture in shown)


def test_an_exhibit_that_cannot_be_read_is_named(records: list[Record], tmp_path: Path) -> None:
    small = [r for r in records if (r["family"], r["population"]) == ("linear", "xor(sigma=0.5)")]
    small = [r for r in small if r["distortion"] == "none"]
    folder = make_folder(small, {}, tmp_path / "study")
    (folder / "exhibits").mkdir()
    first = next(r for r in small if (r["role"], r["distortion"]) == ("measure", "none"))
    path = folder / "exhibits" / f"{first['trial_id']}.npz"
    path.write_bytes(b"no")
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "Exhibits that could not be read:" in page.text
    assert path.name in page.text
    assert "#exhibits" in page.links
