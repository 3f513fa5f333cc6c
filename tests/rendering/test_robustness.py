"""Whether a family is always better, read off tables written by hand."""

from typing import Any

import numpy as np
import pytest

from study.analysis.columns import ROBUSTNESS_COLUMNS
from study.analysis.frames import typed_frame
from study.rendering.image_sheets import draw_sheets, sheet_words
from study.rendering.lines import draw_line_grid
from study.rendering.robustness import (
    corrupted_sheets,
    robustness_grids,
    robustness_lines,
    robustness_tables,
)

LESS, MORE, NEITHER, UNKNOWN = (-0.4, -0.2), (0.1, 0.3), (-0.1, 0.2), (None, None)


def rows(*intervals: tuple[float | None, float | None], **changes: Any) -> list[dict[str, Any]]:
    """Of a family at shares 0, .2 and .4, a size after another."""
    return [
        {
            "task": "reconstruction",
            "family": "cauchy",
            "reference": "squares",
            "measure": "risk",
            "population": "digits",
            "distortion": "outliers",
            "severity": (0.0, 0.2, 0.4)[place % 3],
            "level": place % 3,
            "depth": 1,
            "num_train": 100 * (1 + place // 3),
            "num_pairs": 5,
            "num_seeds": 5,
            "value": 1.0,
            "value_lo": 0.9,
            "value_hi": 1.2,
            "difference": 0.5 if lo is None or hi is None else (lo + hi) / 2,
            "difference_lo": lo,
            "difference_hi": hi,
            "p_value": None if lo is None or hi is None else 0.01,
            "p_holm": None if lo is None or hi is None else (0.01 if lo * hi > 0 else 0.5),
            "significant": None if lo is None or hi is None else lo * hi > 0,
            **changes,
        }
        for place, (lo, hi) in enumerate(intervals)
    ]


def line(held: list[dict[str, Any]]) -> str:
    (found,) = robustness_lines(typed_frame(held, ROBUSTNESS_COLUMNS))
    return found


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        (
            (LESS, LESS, LESS),
            "always: lower in 3 of 3 cells, higher in 0, not told apart in 0 (on average 0.300 "
            "lower at 0 and 0.300 lower at 0.4)",
        ),
        (
            (NEITHER, LESS, LESS, MORE, NEITHER, LESS),
            "not always: lower in 3 of 6 cells, higher in 1, not told apart in 2 (on average "
            "0.125 higher at 0 and 0.300 lower at 0.4)",
        ),
        ((MORE, MORE, MORE), "never: lower in 0 of 3 cells, higher in 3, not told apart in 0"),
        # One that is not told apart may be lower.
        (
            (NEITHER, MORE, MORE),
            "not always: lower in 0 of 3 cells, higher in 2, not told apart in 1",
        ),
        (
            (LESS, NEITHER, LESS),
            "where it is told apart: lower in 2 of 3 cells, higher in 0, not told apart in 1",
        ),
        ((NEITHER, NEITHER, NEITHER), "not shown: lower in 0 of 3 cells, higher in 0"),
        (
            (LESS, UNKNOWN, LESS),
            "where it is told apart: lower in 2 of 3 cells, higher in 0, not told apart in 0, "
            "without a test in 1",
        ),
        # An interval that ends at zero holds it.
        (
            ((-0.2, 0.0), (0.0, 0.2), LESS),
            "lower in 1 of 3 cells, higher in 0, not told apart in 2",
        ),
    ],
)
def test_always_or_not(intervals: Any, said: str) -> None:
    found = line(rows(*intervals))
    assert found.startswith("digits, outliers, risk on clean images, beside squares: cauchy ")
    assert said in found


def test_of_an_accuracy_more_is_better() -> None:
    found = line(rows(MORE, MORE, LESS, measure="knn_accuracy"))
    assert "not always: higher in 2 of 3 cells, lower in 1" in found
    assert "20.00 higher at 0 and 30.00 lower at 0.4" in found, "in percentage points"


def test_averages_are_over_cells_that_have_both_ends() -> None:
    """The second size has no share of .4: it is in the counts, and in no mean."""
    found = line(rows(LESS, LESS, LESS, MORE, MORE))
    assert "lower in 3 of 5 cells, higher in 2" in found
    assert "0.300 lower at 0 and 0.300 lower at 0.4" in found


def test_families_share_a_line_and_measures_and_corruptions_do_not() -> None:
    held = [
        *rows(LESS, LESS, LESS),
        *rows(MORE, MORE, MORE, family="welsch"),
        *rows(LESS, LESS, LESS, measure="corrupted_risk"),  # of outliers: neither good nor bad
        *rows(LESS, LESS, LESS, measure="corrupted_risk", distortion="occlusion"),
        *rows(LESS, LESS, LESS, distortion="label_noise"),
        *rows(LESS, LESS, LESS, task="classification"),
    ]
    found = robustness_lines(typed_frame(held, ROBUSTNESS_COLUMNS))
    assert [text.partition(", beside")[0] for text in found] == [
        "classification · digits, outliers, risk on clean images",
        "reconstruction · digits, label noise, risk on clean images",
        "reconstruction · digits, occlusion, risk where all images are corrupted",
        "reconstruction · digits, outliers, risk on clean images",
    ]
    assert "cauchy always: " in found[3]
    assert "; welsch never: " in found[3]


def test_nothing_corrupted_nothing_said() -> None:
    assert robustness_lines(typed_frame([], ROBUSTNESS_COLUMNS)) == []


def reference(**changes: Any) -> list[dict[str, Any]]:
    """The reference's own rows: values, and no difference."""
    bare = {"difference": None, "num_pairs": None, "family": "squares", "value": 2.0}
    return rows(UNKNOWN, UNKNOWN, UNKNOWN, **{**bare, **changes})


def test_the_reference_is_in_no_sentence() -> None:
    held = rows(LESS, LESS, LESS)
    assert line([*held, *reference()]) == line(held)
    assert robustness_lines(typed_frame(reference(), ROBUSTNESS_COLUMNS)) == []


def test_figures_have_a_panel_for_each_corruption_and_differences_below() -> None:
    kinds = ("occlusion", "outliers", "pixel_noise", "salt_and_pepper")
    held = [row for kind in kinds for row in reference(distortion=kind)]
    held += [row for kind in kinds for row in rows(LESS, MORE, UNKNOWN, distortion=kind)]
    held += rows(LESS, LESS, LESS, measure="knn_accuracy")
    held += [{**row, "num_train": 50} for row in held]  # smaller samples: in the table alone
    first, second, third = robustness_grids(typed_frame(held, ROBUSTNESS_COLUMNS))
    assert [panel.title for panel in first.panels[0]] == ["occlusion", "outliers", "pixel noise"]
    assert [panel.title for panel in second.panels[0]] == ["salt and pepper"]
    assert first.labels == ("cauchy", "squares")
    assert "n = 100" in first.title
    values, differences = (panels[0].lines for panels in first.panels)
    assert [one.x for one in values] == [(0.0, 0.2, 0.4)] * 2
    assert (values[0].y, values[1].y) == ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    assert values[0].lo == (0.9, 0.9, 0.9)
    assert differences[0].lo == (-0.4, 0.1, None)
    assert differences[1].x == (), "of the reference from itself nothing is drawn"
    assert first.y_labels[1].startswith("less that of squares")
    assert third.panels[0][0].lines[0].y == (100.0, 100.0, 100.0), "in per cent"
    draw_line_grid(first)


def test_of_several_sizes_the_smallest_and_the_largest_are_drawn() -> None:
    held = [row for k in (64, 2, 16) for row in rows(LESS, LESS, LESS, latent_dim=k)]
    titles = [grid.title for grid in robustness_grids(typed_frame(held, ROBUSTNESS_COLUMNS))]
    assert [title.rpartition(" ")[2] for title in titles] == ["k=2", "k=64"]


def test_one_share_is_no_line() -> None:
    held = rows(LESS, LESS, LESS)[:1]
    assert robustness_grids(typed_frame(held, ROBUSTNESS_COLUMNS)) == []


def test_the_table_has_measures_beside_each_other() -> None:
    held = [
        *rows(LESS, LESS, LESS, measure="corrupted_risk"),
        *rows(LESS, MORE, LESS),
        *reference(),
        *rows(LESS, LESS, LESS, task="classification"),
    ]
    other, table = robustness_tables(typed_frame(held, ROBUSTNESS_COLUMNS))
    assert (other.title, other.measures) == ("classification · ", ("risk",))
    assert table.measures == ("risk", "corrupted_risk")
    found = [(*{(r["severity"], r["family"]) for r in c.values()}, sorted(c)) for c in table.cells]
    assert found[:3] == [
        ((0.0, "squares"), ["risk"]),
        ((0.0, "cauchy"), ["corrupted_risk", "risk"]),
        ((0.2, "squares"), ["risk"]),
    ]


def test_corrupted_images_are_under_what_they_were() -> None:
    def pair(num: int, size: int = 4) -> dict[str, Any]:
        clean = np.linspace(0, 1, num * size * size).reshape(num, 1, size, size)
        return {"corrupted/clean": clean, "corrupted/shown": clean + 5}

    held = {"occlusion": pair(3), "outliers": pair(2), "pixel_noise": pair(1, 5), "x": {}}
    sheets = corrupted_sheets("digits", held)
    assert sheets is not None
    (sheet,) = sheets.panels
    assert sheet.rows == ("as it was", "occlusion", "as it was", "outliers")
    assert sheet.images.shape == (4, 3, 1, 4, 4)
    np.testing.assert_array_equal(sheet.images[1] - sheet.images[0], 5)
    assert np.isnan(sheet.images[2:, 2]).all()
    assert sheet.scale.tolist() == [[0.0, 1.0]] * 4, "black and white are the clean images'"
    assert "occlusion, outliers" in sheet_words(sheets)
    draw_sheets(sheets)
    assert corrupted_sheets("digits", {}) is None
