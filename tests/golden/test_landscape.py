"""A landscape small enough to work out by hand; every expected number is derived beside it."""

import math
from typing import Any

import pandas as pd
import pytest

from study.analysis.completeness import missing_rows
from study.analysis.frames import to_rows
from study.analysis.joined import Joined, build_best_in_class, join, trial_errors
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials

LEVELS = {"label_noise": [0.0, 0.2], "imbalance": [0.7, 0.5]}
Z = 1.959963984540054  # 97.5% point of N(0, 1), from tables
T2 = 4.302652729911275  # 97.5% point of Student's t with 2 degrees of freedom, from tables
XOR = "xor(sigma=0.5)"


def record(trial: str, role: str, *, status: str = "done", **given: Any) -> dict[str, Any]:
    """Return a record of family linear, depth 1; what is no key of a record is a metric."""
    whole = {
        "schema": 1,
        "trial_id": trial,
        "role": role,
        "status": status,
        "error": "boom" if status == "failed" else None,
        "family": "linear",
        "depth": 1,
        "population": XOR,
        "distortion": "none",
        "severity": 0.0,
        "num_train": 100,
        "seed": 0,
        "hyperparameters": {},
        "curves": [],
    }
    metrics = {name: value for name, value in given.items() if name not in whole}
    whole |= {name: value for name, value in given.items() if name in whole}
    return {**whole, "metrics": metrics}


def measured(trial: str, seed: int, excess: float, converged: float, **more: Any) -> dict[str, Any]:
    """Return a measure record on XOR with R* = 0.04; its evaluation noise is 0.003 and 0.004."""
    return record(
        trial,
        "measure",
        seed=seed,
        bayes_risk=0.04,
        bayes_risk_se=0.0,
        risk=0.04 + excess,
        excess_risk=excess,
        excess_risk_se=0.003,
        converged=seed != 2,
        converged_risk=0.04 + converged,
        converged_excess_risk=converged,
        converged_excess_risk_se=0.004,
        num_parameters=3,
        **more,
    )


def restart(trial: str, m: int, seed: int, validation: float, excess: float) -> dict[str, Any]:
    """Return a best_in_class record on undistorted XOR with standard error 0.002."""
    return record(
        trial,
        "best_in_class",
        num_train=m,
        seed=seed,
        validation_risk=validation,
        risk=0.04 + excess,
        risk_se=0.005,
        excess_risk=excess,
        excess_risk_se=0.002,
    )


NOISE = {"distortion": "label_noise", "severity": 0.2}
SKEW = {"distortion": "imbalance", "severity": 0.7}

RECORDS = [
    # undistorted: excess at T .30 .32 .34, converged .28 .29 .33
    measured("m0", 0, 0.30, 0.28),
    measured("m1", 1, 0.32, 0.29),
    measured("m2", 2, 0.34, 0.33),
    # label noise: seed 2 failed; two seeds are left
    measured("n0", 0, 0.35, 0.36, **NOISE),
    measured("n1", 1, 0.39, 0.36, **NOISE),
    record("n2", "measure", status="failed", seed=2, **NOISE),
    # imbalance: one seed of three done, one failed, one absent
    measured("i0", 0, 0.10, 0.09, **SKEW),
    record("i1", "measure", status="failed", seed=1, **SKEW),
    # U: at m = 1000 restart 1 wins; at m = 2000 restart 0 wins on validation, though restart 1
    # is better on the evaluation sample, which must not choose. Restart 2 failed.
    restart("b0", 1000, 0, 0.33, 0.27),
    restart("b1", 1000, 1, 0.32, 0.26),
    restart("b2", 2000, 0, 0.30, 0.25),
    restart("b3", 2000, 1, 0.31, 0.20),
    record("b4", "best_in_class", status="failed", num_train=2000, seed=2),
    # L of the undistorted law, same seeds: mean (.05 + .07 + .06) / 3 = .06
    *(record(f"l{s}", "resubstitution", seed=s, risk=r) for s, r in enumerate((0.05, 0.07, 0.06))),
    # the search: two stopped and one failed in the undistorted cell
    record("s0", "search", status="stopped", seed=0, hyperparameters={"learning_rate": 0.1}),
    record("s1", "search", status="stopped", seed=1, hyperparameters={"learning_rate": 0.2}),
    record("s2", "search", status="failed", seed=2, hyperparameters={"learning_rate": 0.3}),
    record("s3", "search", seed=3, hyperparameters={"learning_rate": 0.4}, validation_risk=0.4),
]


@pytest.fixture(scope="module")
def joined() -> Joined:
    return join(build_trials(RECORDS, LEVELS))


@pytest.fixture(scope="module")
def rows(joined: Joined) -> dict[tuple[str, int], dict[str, Any]]:
    return {(r["distortion"], r["level"]): r for r in to_rows(build_landscape(joined, LEVELS))}


def assert_error(row: dict[str, Any], name: str, value: float, below: float, above: float) -> None:
    assert row[name] == pytest.approx(value, abs=1e-12)
    assert row[f"{name}_lo"] == pytest.approx(value - below, abs=1e-9)
    assert row[f"{name}_hi"] == pytest.approx(value + above, abs=1e-9)


def test_one_row_per_level_and_the_neutral_one_in_both_distortions(
    rows: dict[tuple[str, int], dict[str, Any]],
) -> None:
    assert {key: row["severity"] for key, row in rows.items()} == {
        ("label_noise", 0): 0.0,
        ("label_noise", 1): 0.2,
        ("imbalance", 0): 0.7,
        ("imbalance", 1): 0.5,
    }
    shown = [{**rows["label_noise", 0]}, {**rows["imbalance", 1]}]
    for row in shown:
        for name in ("distortion", "level", "severity"):
            del row[name]
    assert shown[0] == shown[1]


def test_the_undistorted_cell(rows: dict[tuple[str, int], dict[str, Any]]) -> None:
    row = rows["label_noise", 0]
    # U: the winner on validation at the largest m, b2: excess .25, se .002
    assert row["best_in_class_risk"] == pytest.approx(0.29)
    assert row["best_in_class_num_stream"] == 2000
    assert_error(row, "approximation", 0.25, Z * 0.002, Z * 0.002)
    # total: mean .32, s = .02, t half width 4.3027 * .02 / sqrt 3 = .049683; with the noise .003
    half = T2 * 0.02 / math.sqrt(3)
    both = math.hypot(half, Z * 0.003)
    assert_error(row, "total", 0.32, both, both)
    # estimation: mean of .28 .29 .33 is .30, less U: .05; squared deviations 4e-4 + 1e-4 + 9e-4
    # = 14e-4, s = sqrt(7e-4); the noises of R_n(inf), .004, and of U, .002
    half = T2 * math.sqrt(7e-4) / math.sqrt(3)
    both = math.sqrt(half**2 + (Z * 0.004) ** 2 + (Z * 0.002) ** 2)
    assert_error(row, "estimation", 0.05, both, both)
    # optimization: .02 .03 .01: mean .02, s = .01; seeds only
    half = T2 * 0.01 / math.sqrt(3)
    assert_error(row, "optimization", 0.02, half, half)
    # L = .06; L - R* = .02 with s = .01 and R* exact
    assert row["resubstitution_risk"] == pytest.approx(0.06)
    assert_error(row, "nominal_approximation", 0.02, half, half)
    # R_n(T) - L by seed: .34-.05 .36-.07 .38-.06 = .29 .29 .32: mean .30, squared deviations
    # 1e-4 + 1e-4 + 4e-4 = 6e-4, s = sqrt(3e-4), half width 4.3027 * sqrt(1e-4) = .043027
    assert_error(row, "nominal_estimation", 0.30, T2 * 0.01, T2 * 0.01)
    assert row["risk"] == pytest.approx(0.36)
    assert row["converged_risk"] == pytest.approx(0.34)
    assert row["share_converged"] == pytest.approx(2 / 3)
    counts = ("num_seeds", "num_missing", "estimation_num_seeds", "num_stopped", "num_failed")
    assert [row[name] for name in counts] == [3, 0, 3, 2, 1]
    assert row["num_parameters"] == 3


def test_label_noise_takes_its_best_in_class_and_resubstitution_from_the_clean_law(
    rows: dict[tuple[str, int], dict[str, Any]],
) -> None:
    row = rows["label_noise", 1]
    # the failed seed is told and left out; two are enough: total (.35 + .39) / 2 = .37,
    # estimation .36 - .25 = .11, optimization (-.01 + .03) / 2 = .01: one seed's is negative
    assert [row[n] for n in ("num_seeds", "num_missing", "num_failed")] == [2, 1, 1]
    assert row["total"] == pytest.approx(0.37)
    assert row["approximation"] == pytest.approx(0.25)
    assert row["estimation"] == pytest.approx(0.11)
    assert row["optimization"] == pytest.approx(0.01)
    # both seeds converge to .36: no spread, so noise alone: 1.96 sqrt(.004^2 + .002^2)
    noise = Z * math.hypot(0.004, 0.002)
    assert_error(row, "estimation", 0.11, noise, noise)
    # L has seeds 0 1 2, the trials 0 1: unpaired. R_n(T) = .41, L = .06
    assert row["resubstitution_risk"] == pytest.approx(0.06)
    assert row["nominal_estimation"] == pytest.approx(0.35)
    # half widths: R_n(T): s = sqrt(.0008) = .02828, t(1) = 12.7062, / sqrt 2 = .254124;
    # L: 4.3027 * .01 / sqrt 3
    half = math.hypot(12.706204736432095 * 0.02, T2 * 0.01 / math.sqrt(3))
    assert_error(row, "nominal_estimation", 0.35, half, half)


def test_one_seed_of_three_is_not_averaged(rows: dict[tuple[str, int], dict[str, Any]]) -> None:
    row = rows["imbalance", 0]
    assert [row[n] for n in ("num_seeds", "num_missing", "num_failed")] == [1, 2, 1]
    assert row["estimation_num_seeds"] == 0
    # nor is there a U or an L of this law
    for name in ("total", "approximation", "estimation", "optimization", "nominal_estimation"):
        assert [row[name], row[f"{name}_lo"], row[f"{name}_hi"]] == [None, None, None]
    assert row["bayes_risk"] == 0.04
    assert row["best_in_class_risk"] is None
    assert row["risk"] is None


def test_the_missing_rows_are_listed(joined: Joined) -> None:
    missing = to_rows(missing_rows(joined, LEVELS))
    names = ("role", "distortion", "severity", "num_train", "seed", "why")
    assert [tuple(row[name] for name in names) for row in missing] == [
        ("measure", "imbalance", 0.7, 100, 1, "failed"),
        ("measure", "imbalance", 0.7, 100, 2, "absent"),
        ("measure", "label_noise", 0.2, 100, 2, "failed"),
        ("best_in_class", "imbalance", 0.7, 1000, None, "absent"),
        ("best_in_class", "imbalance", 0.7, 2000, None, "absent"),
        ("resubstitution", "imbalance", 0.7, 100, 0, "absent"),
        ("resubstitution", "imbalance", 0.7, 100, 1, "absent"),
        ("resubstitution", "imbalance", 0.7, 100, 2, "absent"),
    ]


def test_best_in_class_at_each_m(joined: Joined) -> None:
    best = to_rows(build_best_in_class(joined))
    names = ("num_stream", "trial_id", "best_in_class_risk", "validation_risk", "restarts")
    assert [tuple(row[name] for name in names) for row in best] == [
        (1000, "b1", pytest.approx(0.30), 0.32, 2),
        (2000, "b2", pytest.approx(0.29), 0.30, 2),
    ]


def test_errors_by_seed(joined: Joined) -> None:
    row = next(r for r in to_rows(trial_errors(joined)) if r["trial_id"] == "n0")
    assert row["optimization"] == pytest.approx(-0.01)  # .35 - .36 keeps its sign
    assert row["estimation"] == pytest.approx(0.11)
    assert row["approximation"] == pytest.approx(0.25)
    assert row["total"] == pytest.approx(0.35)


def test_real_data_has_no_bayes_risk() -> None:
    digits = {"population": "digits"}
    records = [
        record("d0", "measure", seed=0, risk=0.10, risk_se=0.01, converged_risk=0.09, **digits),
        record("d1", "measure", seed=1, risk=0.14, risk_se=0.01, converged_risk=0.11, **digits),
        record("u", "best_in_class", num_train=900, validation_risk=0.1, risk=0.06, **digits),
        record("l", "resubstitution", seed=0, risk=0.02, **digits),
    ]
    (row,) = to_rows(build_landscape(join(build_trials(records, {})), {}))
    assert (row["distortion"], row["level"], row["severity"]) == ("none", 0, 0.0)
    for name in ("bayes_risk", "total", "approximation", "nominal_approximation"):
        assert row[name] is None
    # converged (.09 + .11) / 2 = .10, U = .06; R_n(T) (.10 + .14) / 2 = .12; L = .02
    assert row["estimation"] == pytest.approx(0.04)
    assert row["optimization"] == pytest.approx(0.02)
    assert row["nominal_estimation"] == pytest.approx(0.10)
    # t(1) = 12.7062; s / sqrt 2 = .01 for .09 and .11; the noise of the risk is .01, U's unknown
    half = math.hypot(12.706204736432095 * 0.01, Z * 0.01)
    assert row["estimation_hi"] == pytest.approx(0.04 + half)
    # L has one seed and so no interval; nor has the difference
    assert row["nominal_estimation_lo"] is None


def test_a_study_of_one_seed_has_errors_without_intervals() -> None:
    row = build_landscape(join(build_trials([RECORDS[0], RECORDS[10]], {})), {}).iloc[0]
    assert row["total"] == pytest.approx(0.30)
    assert row["estimation"] == pytest.approx(0.03)
    assert pd.isna(row["total_lo"])
    assert row["approximation_lo"] == pytest.approx(0.25 - Z * 0.002)


def test_a_superseded_winner_does_not_mix_with_the_current_one() -> None:
    old = measured("o0", 0, 0.9, 0.9, hyperparameters={"learning_rate": 1.0})
    new = measured("o1", 0, 0.2, 0.1, hyperparameters={"learning_rate": 0.1})
    old["finished_at"], new["finished_at"] = "2026-01-01T00:00:00", "2026-01-02T00:00:00"
    row = build_landscape(join(build_trials([new, old], {})), {}).iloc[0]
    assert row["num_seeds"] == 1
    assert row["total"] == pytest.approx(0.2)
