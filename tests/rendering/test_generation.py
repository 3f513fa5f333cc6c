"""What generated examples are like, and what folds say, as a reader sees them."""

import re
from pathlib import Path

import pandas as pd
import pytest

from study.analysis.columns import CROSS_VALIDATION_COLUMNS
from study.analysis.frames import typed_frame
from study.rendering.cross_validation import cross_validation_lines
from study.report import write_report
from tests.analysis.test_generation import made
from tests.rendering.test_report import Page, make_folder


@pytest.mark.slow
def test_the_page_has_what_was_generated_and_no_column_of_dashes(tmp_path: Path) -> None:
    records = [made("<b>vae", "reconstruction", seed, risk=0.25) for seed in (0, 1, 2)]
    folder = make_folder(records, {}, tmp_path / "study")
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "#generation" in page.links
    assert "b" not in page.tags
    text = re.sub(r"\s+", "", page.text)  # cells of one line have nothing between them
    row = "<b>vae 1 256 3 0.21 [0.10, 0.32] 82 [54, 110] 0.312 0.50 [0.00, 1.00] 0.00"
    assert row.replace(" ", "") in text
    head = text.partition("familydepthseverity")[2].partition("<b>vae")[0]
    assert "Rn(T)" in head
    assert "UH" not in head
    assert "nominalapproximation" not in head
    table = pd.read_csv(folder / "generation.csv")
    assert table["family"].tolist() == ["<b>vae"]
    assert "squared MMD 0.21 [0.10, 0.32]" in (folder / "findings.txt").read_text()


def test_folds_are_a_line_for_each_cell() -> None:
    row = {
        "family": "vgg",
        "task": "classification",
        "depth": 2,
        "population": "digits",
        "distortion": "none",
        "severity": 0.0,
        "num_train": 100,
        "num_folds": 5,
        "cross_validation_risk": 0.125,
        "cross_validation_risk_lo": 0.0625,
        "cross_validation_risk_hi": 0.1875,
        "evaluation_risk": 0.1,
        "error": 0.025,
        "error_lo": -0.05,
        "error_hi": 0.1,
    }
    bare = row | {"depth": 3, "evaluation_risk": None, "error": None}
    known, unknown = cross_validation_lines(typed_frame([row, bare], CROSS_VALIDATION_COLUMNS))
    assert known == (
        "vgg 2 on digits · undistorted, n = 100: 5 folds 12.5 [6.2, 18.8] %; on the evaluation "
        "sample 10.00: off by 2.5 [-5.0, 10.0]"
    )
    assert unknown.endswith("the same rules’ risk on the evaluation sample is not known")
