"""Decisions of a study's folder: what they give, and what is said of files that cannot be used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis.decisions import CONVERGED, Decisions, open_decisions
from study.analysis.frames import Row, to_rows
from study.analysis.table import build_trials
from study.trials.decisions import law_key, pack
from study.trials.trial import cell_of

Make = Callable[..., dict[str, Any]]

POSTERIOR = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]])
DECIDED = np.array([0, 2, 1])  # losses .3 .6 .7 of a floor .3 .5 .6: excess 0 .1 .1


def row_of(make: Make, **metrics: Any) -> Row:
    (row,) = to_rows(build_trials([make(trial_id="t", **metrics)], {}))
    return row


@pytest.fixture
def folder(tmp_path: Path, make: Make) -> Path:
    (tmp_path / "decisions").mkdir()
    logs = np.log(POSTERIOR[:2]).astype(np.float16)
    packed = pack(DECIDED, 3)
    np.savez(tmp_path / "decisions" / "t.npz", budget=packed, log_probabilities=logs)
    np.savez(law_path(tmp_path, make), posterior=POSTERIOR)
    return tmp_path


def law_path(folder: Path, make: Make) -> Path:
    return folder / "decisions" / f"law-{law_key(cell_of(make()))}.npz"


def test_losses_are_the_posterior_s(folder: Path, make: Make) -> None:
    decisions, row = Decisions(folder), row_of(make, excess_risk=0.2 / 3)
    assert decisions.losses(row) == pytest.approx([0.3, 0.6, 0.7])
    assert decisions.excess(row) == pytest.approx([0.0, 0.1, 0.1])
    assert decisions.floor(cell_of(row)) == pytest.approx([0.3, 0.5, 0.6])
    assert decisions.posterior(cell_of(row)) == pytest.approx(POSTERIOR)
    logs = decisions.log_probabilities(row)
    assert logs is not None
    assert logs.dtype == np.float64
    assert np.exp(logs) == pytest.approx(POSTERIOR[:2], rel=2e-3)
    # label noise corrupts a sample: the law is the same
    noisy = {**row, "distortion": "label_noise", "severity": 0.2}
    assert decisions.losses(noisy) is not None
    assert decisions.skipped == []


def test_what_is_not_there_is_no_error(folder: Path, make: Make, tmp_path: Path) -> None:
    decisions, row = Decisions(folder), row_of(make, excess_risk=0.2 / 3)
    assert decisions.losses(row, CONVERGED) is None
    assert decisions.log_probabilities(row, CONVERGED) is None
    assert decisions.losses({**row, "trial_id": "other"}) is None
    assert decisions.excess({**row, "population": "elsewhere"}) is None
    assert decisions.skipped == []
    assert open_decisions(None) is None
    assert open_decisions(tmp_path / "decisions") is None
    assert open_decisions(folder) is not None


def test_decisions_that_do_not_fit_the_table_are_another_rule_s(folder: Path, make: Make) -> None:
    decisions = Decisions(folder)
    for told in (0.05, None):
        row = row_of(make, excess_risk=told)
        decisions = Decisions(folder)
        assert decisions.losses(row) is None
        assert decisions.losses(row) is None
        (line,) = decisions.skipped  # once, however often they are asked for
        assert f"excess_risk is {told} in the table and 0.0666667 by the decisions" in line


def test_real_data_is_scored_with_labels(folder: Path, make: Make) -> None:
    np.savez(law_path(folder, make), labels=np.array([0, 2, 2]), num_classes=3)
    decisions, row = Decisions(folder), row_of(make, risk=1 / 3)
    assert decisions.losses(row) == pytest.approx([0, 0, 1])
    assert decisions.excess(row) is decisions.floor(cell_of(row)) is None


PACKED = pack(DECIDED, 3)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"budget": PACKED[:0]}, "0 bytes of uint8 are not 3 decisions"),
        ({"budget": PACKED.astype(np.int64)}, "bytes of int64 are not 3 decisions"),
        ({"budget": np.array([0xFF], dtype=np.uint8)}, "class 3 is none of 3"),
        ({"budget": np.array([object()])}, "cannot be read as npz"),
    ],
)
def test_a_malformed_file_is_one_line(
    folder: Path, make: Make, arrays: dict[str, Any], words: str
) -> None:
    np.savez(folder / "decisions" / "t.npz", **arrays)
    decisions = Decisions(folder)
    assert decisions.losses(row_of(make, excess_risk=0.2 / 3)) is None
    (line,) = decisions.skipped
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"posterior": POSTERIOR * 2}, "what is no probability"),
        ({"posterior": np.where(POSTERIOR > 0.6, np.nan, POSTERIOR)}, "what is no probability"),
        ({"posterior": POSTERIOR[0]}, "posterior is of shape (3,)"),
        ({"labels": np.array([0, 1, 2])}, "neither a posterior nor labels"),
        ({"labels": np.array([0, 1, 3]), "num_classes": 3}, "none of 3 classes"),
        ({"labels": np.array([0.0, 1.0]), "num_classes": 3}, "labels are of shape (2,)"),
    ],
)
def test_a_malformed_law_is_one_line(
    folder: Path, make: Make, arrays: dict[str, Any], words: str
) -> None:
    np.savez(law_path(folder, make), **arrays)
    decisions, row = Decisions(folder), row_of(make, excess_risk=0.2 / 3)
    assert decisions.losses(row) is decisions.floor(cell_of(row)) is None
    (line,) = decisions.skipped
    assert words in line or "no finite number" in line
    assert "\n" not in line


def test_a_torn_file_is_one_line(folder: Path, make: Make) -> None:
    path = folder / "decisions" / "t.npz"
    whole = path.read_bytes()
    for kept in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:kept])
        decisions = Decisions(folder)
        assert decisions.losses(row_of(make, excess_risk=0.2 / 3)) is None
        (line,) = decisions.skipped
        assert "cannot be read as npz" in line
        assert "\n" not in line


def test_log_probabilities_of_a_wrong_shape_are_refused(folder: Path, make: Make) -> None:
    np.savez(folder / "decisions" / "t.npz", log_probabilities=np.zeros((2, 2)))
    decisions = Decisions(folder)
    assert decisions.log_probabilities(row_of(make)) is None
    assert "no (M, 3) logs of probabilities" in decisions.skipped[0]


EXACT = np.array([0.1, 2.0, 30.3])
MEAN = 10.8
"""Of another task's terms: (0.1 + 2 + 30.3) / 3. Half precision keeps 0.1, 2 and 30.3 as
1638 / 16384, 2 and 1939 / 64."""
TERMS = EXACT.astype(np.float16)


@pytest.fixture
def of_terms(folder: Path) -> Path:
    np.savez(folder / "decisions" / "t.npz", budget_terms=TERMS, converged_terms=TERMS / 2)
    return folder


def rebuilt(make: Make, **metrics: Any) -> Row:
    return row_of(make, task="reconstruction", **metrics)


@pytest.mark.parametrize("has_law", [True, False])
def test_terms_of_another_task_are_read_as_they_were_kept(
    of_terms: Path, make: Make, has_law: bool
) -> None:
    """Before, they were taken for decisions, and a risk was unknown without a law of classes."""
    if not has_law:
        law_path(of_terms, make).unlink()
    decisions, row = Decisions(of_terms), rebuilt(make, risk=MEAN, converged_risk=MEAN / 2)
    for found in (decisions.losses(row), decisions.terms(row)):
        assert found is not None
        assert found.dtype == np.float64
        assert found.tolist() == [1638 / 16384, 2.0, 1939 / 64]
    half = decisions.losses(row, CONVERGED)
    assert half is not None
    assert half.tolist() == [819 / 16384, 1.0, 1939 / 128]
    # the classes' floor and predictions are another task's on the same examples
    assert decisions.excess(row) is decisions.classes(row) is None
    assert decisions.log_probabilities(row) is None
    assert decisions.skipped == []
    nothing = {**row, "trial_id": "other"}
    assert decisions.losses(nothing) is decisions.losses(nothing, CONVERGED) is None
    assert decisions.skipped == []


def test_terms_that_half_precision_does_not_reach_are_single(of_terms: Path, make: Make) -> None:
    large = np.array([1e5, 2e5, 6e5], dtype=np.float32)
    np.savez(of_terms / "decisions" / "t.npz", budget_terms=large)
    found = Decisions(of_terms).losses(rebuilt(make, risk=3e5))
    assert found is not None
    assert found.tolist() == [1e5, 2e5, 6e5]


@pytest.mark.parametrize("share", [-1, 1])
def test_a_mean_may_differ_by_what_half_precision_explains(
    of_terms: Path, make: Make, share: int
) -> None:
    """A term is rounded by one part in 2,048 of itself at most, or by 2^-25."""
    kept = float(TERMS.astype(np.float64).mean())
    near, far = kept * (1 + share * 0.99 / 2048), kept * (1 + share * 1.03 / 2048)
    assert Decisions(of_terms).losses(rebuilt(make, risk=near)) is not None
    decisions = Decisions(of_terms)
    assert decisions.losses(rebuilt(make, risk=far)) is None
    (line,) = decisions.skipped
    assert f"risk is {far} in the table and {kept:.6g} by the terms" in line


def test_the_smallest_terms_are_rounded_by_more_of_themselves(of_terms: Path, make: Make) -> None:
    tiny = np.array([3e-8, 3e-8, 3e-8])  # kept as 2^-24, twice what was there
    np.savez(of_terms / "decisions" / "t.npz", budget_terms=tiny.astype(np.float16))
    found = Decisions(of_terms).losses(rebuilt(make, risk=3e-8))
    assert found is not None
    assert found.tolist() == [2.0**-24] * 3


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (TERMS[:2], "terms are of shape (2,) and type float16, not (3,)"),
        (TERMS[:0], "terms are of shape (0,) and type float16, not (3,)"),
        (TERMS[None], "terms are of shape (1, 3) and type float16, not (3,)"),
        (TERMS.astype(np.int64), "terms are of shape (3,) and type int64, not (3,)"),
        (np.array([0.1, 2.0, np.nan], dtype=np.float16), "no finite number of at least 0"),
        (np.array([0.1, 2.0, np.inf], dtype=np.float16), "no finite number of at least 0"),
        (np.array([0.1, -2.0, 34.3], dtype=np.float16), "no finite number of at least 0"),
        (TERMS[:1].repeat(3), "risk is 10.8 in the table and 0.0999756 by the terms"),
        (np.array([object()]), "cannot be read as npz"),
    ],
)
def test_terms_that_cannot_be_used_are_one_line(
    of_terms: Path, make: Make, terms: Any, words: str
) -> None:
    np.savez(of_terms / "decisions" / "t.npz", budget_terms=terms)
    decisions, row = Decisions(of_terms), rebuilt(make, risk=MEAN)
    assert decisions.losses(row) is decisions.losses(row) is decisions.terms(row) is None
    (line,) = decisions.skipped
    assert words in line
    assert "\n" not in line


def test_terms_without_a_law_are_checked_all_the_same(of_terms: Path, make: Make) -> None:
    law_path(of_terms, make).unlink()
    np.savez(of_terms / "decisions" / "t.npz", budget_terms=TERMS[:0])
    decisions = Decisions(of_terms)
    assert decisions.losses(rebuilt(make, risk=MEAN)) is None
    assert "terms are of shape (0,) and type float16, not (N,)" in decisions.skipped[0]


def test_decisions_are_no_terms_and_terms_no_decisions(of_terms: Path, make: Make) -> None:
    """The task says which of them are asked for; a file may hold both."""
    np.savez(of_terms / "decisions" / "t.npz", budget=PACKED, budget_terms=TERMS)
    decisions = Decisions(of_terms)
    assert decisions.losses(row_of(make, excess_risk=0.2 / 3)) == pytest.approx([0.3, 0.6, 0.7])
    of_another = decisions.losses(rebuilt(make, risk=MEAN))
    assert of_another is not None
    assert of_another[1] == 2.0
    np.savez(of_terms / "decisions" / "t.npz", budget=PACKED)
    assert Decisions(of_terms).losses(rebuilt(make, risk=MEAN)) is None
