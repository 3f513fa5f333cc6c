"""The page of a study of classes: the table, the Bayes rule's matrix, rows of images."""

from pathlib import Path

import numpy as np
import pandas as pd

from study.analysis.class_risks import build_class_risks
from study.rendering.confusion import confusion_words, confusions, draw_confusions
from study.rendering.per_class import class_tables
from study.rendering.samples import fitted_sheets
from study.rendering.shown import shown_exhibits
from study.trials.exhibits import law_exhibit, samples_exhibit
from study.trials.trial import cell_of
from tests.analysis.conftest import make_record
from tests.analysis.test_class_risks import drawn, posterior, written

NAMES = {0: "Pullover", 1: "Coat"}


def test_classes_have_their_names_below_and_beside_the_matrices() -> None:
    counts = {"Bayes rule": np.array([[7.6, 2.4], [1.5, 8.5]]), "vgg 1": np.array([[6, 4], [3, 7]])}
    info = confusions("a law", counts, NAMES)
    figure = draw_confusions(info)
    first, second = figure.axes[:2]
    assert [text.get_text() for text in first.get_xticklabels()] == ["Pullover", "Coat"]
    assert [text.get_text() for text in first.get_yticklabels()] == ["Pullover", "Coat"]
    assert [text.get_text() for text in second.get_yticklabels()] == ["", ""]
    assert [text.get_text() for text in first.texts] == ["8", "2", "2", "8"]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 1)
    assert "Bayes rule: 16 of 20 right, class Pullover decided as Coat 2 times." in (
        confusion_words(info)
    )


def test_the_bayes_rule_stands_before_the_families_of_its_law() -> None:
    row = make_record(population="fitted")
    counts = {row["trial_id"]: {"confusion/counts": np.array([[6, 4], [3, 7]])}}
    name = law_exhibit(cell_of(row))
    bayes = {name: np.array([[7.5, 2.5], [1.5, 8.5]])}
    ((_, info, _),) = shown_exhibits([row], counts, {}, {"fitted": NAMES}, bayes)
    assert [panel.label for panel in info.panels] == ["Bayes rule", "linear 1"]
    assert info.names == NAMES
    ((_, alone, _),) = shown_exhibits([row], counts)
    assert [panel.label for panel in alone.panels] == ["linear 1"]


def test_rows_of_drawn_images_stand_above_real_ones() -> None:
    rng = np.random.default_rng(0)
    images = {
        "fitted/drawn": rng.random((2, 5, 1, 4, 4)),
        "fitted/real": rng.random((2, 5, 1, 4, 4)),
    }
    sheets = fitted_sheets("a law", images, NAMES)
    assert sheets is not None
    (sheet,) = sheets.panels
    assert sheet.rows == ("Pullover", "Pullover, real", "Coat", "Coat, real")
    np.testing.assert_array_equal(sheet.images[2], images["fitted/drawn"][1])
    np.testing.assert_array_equal(sheet.images[3], images["fitted/real"][1])
    alone = fitted_sheets("a law", {"fitted/drawn": images["fitted/drawn"]}, {})
    assert alone is not None
    assert alone.panels[0].rows == ("class 0", "class 1")
    assert "the data set was not on the machine" in alone.how
    assert fitted_sheets("a law", {}, {}) is None
    row = make_record(population="fitted")
    name = samples_exhibit(cell_of(row))
    found = shown_exhibits([row], {row["trial_id"]: {}}, {name: images})
    assert [kind.name for kind, _, _ in found] == ["fitted"]


def test_the_table_has_a_column_for_each_class(tmp_path: Path) -> None:
    eta = posterior(6)
    table = build_class_risks(written(tmp_path, eta, drawn(6, eta)).joined(), {})
    (found,) = class_tables(table)
    assert found.classes == ("0", "1", "2")
    assert len(found.cells) == 1
    assert class_tables(pd.DataFrame(table.iloc[:0])) == []
