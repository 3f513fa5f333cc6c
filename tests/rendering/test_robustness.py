"""Whether a family is always better, read off tables written by hand."""

from typing import Any

import pytest

from study.analysis.columns import ROBUSTNESS_COLUMNS
from study.analysis.frames import typed_frame
from study.rendering.robustness import robustness_lines

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
            "value": 1.0,
            "difference": 0.5 if lo is None or hi is None else (lo + hi) / 2,
            "difference_lo": lo,
            "difference_hi": hi,
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
            "without an interval in 1",
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
