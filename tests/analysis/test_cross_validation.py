"""The table of folds, by hand and against a study whose folds are known to be fair."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scipy.stats

from study.analysis.cross_validation import build_cross_validation
from study.analysis.frames import Row, to_rows
from study.analysis.joined import join
from study.analysis.table import build_trials
from tests.statistical.studies import run_study

Make = Callable[..., dict[str, Any]]


def rows_of(records: list[dict[str, Any]]) -> list[Row]:
    return to_rows(build_cross_validation(join(build_trials(records, {}))))


def folds(make: Make, left: list[float], risk: float = 0.3, **changes: Any) -> list[dict[str, Any]]:
    found = []
    for number, value in enumerate(left):
        known = {"validation_risk": value, "risk": risk, "noisy_risk": None, **changes}
        record = make("fold", seed=number, num_train=100, **known)
        found.append({**record, "num_folds": len(left)})
    return found


def test_by_hand(make: Make) -> None:
    """Five folds of 20: Student's t on 4 degrees, 1/5 + 20/80 of the variance."""
    left = [0.20, 0.30, 0.25, 0.35, 0.30]
    (row,) = rows_of(folds(make, left))
    half = scipy.stats.t.ppf(0.975, 4) * ((1 / 5 + 20 / 80) * statistics.variance(left)) ** 0.5
    exact = scipy.stats.binomtest(28, 100).proportion_ci(0.95, method="exact")
    lo, hi = min(0.28 - half, exact.low), max(0.28 + half, exact.high)
    assert row["cross_validation_risk"] == pytest.approx(0.28)
    assert row["cross_validation_risk_hi"] == pytest.approx(hi)
    assert row["cross_validation_risk_lo"] == pytest.approx(lo)
    assert row["folds_sd"] == pytest.approx(statistics.stdev(left))
    assert (row["num_folds"], row["evaluation_risk"]) == (5, 0.3)
    assert row["error"] == pytest.approx(-0.02)
    assert row["error_hi"] == pytest.approx(hi - 0.3)
    assert row["error_lo"] == pytest.approx(lo - 0.3)


def test_folds_without_an_error_may_still_be_fair(make: Make) -> None:
    """None wrong of 100 leaves a risk of 3.6%: a rule of risk 1.3% is not found wrong by it."""
    (row,) = rows_of(folds(make, [0.0, 0.0, 0.0, 0.0], risk=0.013))
    assert row["cross_validation_risk_hi"] == pytest.approx(1 - 0.025 ** (1 / 100))
    assert row["error_lo"] < 0 < row["error_hi"]


def test_noisy_parts_are_held_against_noisy_labels(make: Make) -> None:
    (row,) = rows_of(folds(make, [0.2, 0.3], risk=0.1, noisy_risk=0.26))
    assert row["evaluation_risk"] == pytest.approx(0.26)


def test_a_fold_that_is_missing_leaves_no_row(make: Make) -> None:
    assert rows_of(folds(make, [0.2, 0.3, 0.4])[:2]) == []
    failed = {**make("fold", status="failed", seed=2, num_train=100), "num_folds": 3}
    assert rows_of([*folds(make, [0.2, 0.3, 0.4])[:2], failed]) == []


@pytest.mark.slow
@pytest.mark.long
def test_folds_of_a_trained_study_say_what_the_evaluation_sample_says(tmp_path: Path) -> None:
    """40 laws of one kind: the mean difference is 0 within 3 of its own standard errors.

    400 examples in four parts, label noise .1: against clean labels it would be some .07.
    """
    table = {
        "families": ["linear"],
        "depths": [1],
        "num_train": [400],
        "populations": [
            {"name": "two_gaussians", "delta": 2 + k * 1e-6, "dim": 2} for k in range(40)
        ],
        "distortions": {"label_noise": [0.1]},
        "cross_validation": {"folds": 4},
        "training": {"budget_steps": 60, "max_steps": 61},
    }
    joined = run_study(table, tmp_path, roles=("fold",), hyperparameters={"learning_rate": 0.03})
    rows = to_rows(build_cross_validation(joined))
    assert len(rows) == 40
    differences = [row["error"] for row in rows]
    error = statistics.stdev(differences) / 40**0.5
    assert error < 0.005
    assert abs(statistics.mean(differences)) < 3 * error
    covered = sum(row["error_lo"] <= 0 <= row["error_hi"] for row in rows)
    assert covered >= 35, "95% of 40 are 38; 34 or fewer have probability .02"
