"""A small landscape, every number of it worked out again from the rules' decisions.

The decisions are made up; the expected values and intervals come from plain loops and numpy over
them, in landscape_by_hand, and so does the packing of the files.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.completeness import missing_rows
from study.analysis.decisions import open_decisions
from study.analysis.frames import to_rows
from study.analysis.joined import Joined, build_best_in_class, join, trial_errors
from study.analysis.landscape import build_landscape
from study.analysis.results import build_results
from study.analysis.table import build_trials
from tests.golden.landscape_by_hand import (
    BAYES,
    ERRORS,
    LEVELS,
    LOWER,
    RECORDS,
    RULES,
    N,
    assert_error,
    assert_parts,
    between,
    excess,
    half_width,
    measured,
    over_examples,
    record,
    stacked,
    write_decisions,
)


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Joined:
    folder = tmp_path_factory.mktemp("golden")
    write_decisions(folder)
    return join(build_trials(RECORDS, LEVELS), open_decisions(folder))


@pytest.fixture(scope="module")
def rows(joined: Joined) -> dict[tuple[str, int], dict[str, Any]]:
    return {(r["distortion"], r["level"]): r for r in to_rows(build_landscape(joined, LEVELS))}


def test_the_seeds_are_not_skewed_enough_to_lean() -> None:
    """So that intervals are symmetric here: one cell of three seeds, |m3 / m2^1.5| < .5, its SE."""
    budget, converged = stacked("m0", "m1", "m2"), stacked("m0 inf", "m1 inf", "m2 inf")
    lower = np.array([LOWER[name] for name in ("m0", "m1", "m2")])
    seeds = [terms.mean(axis=1) for terms in (budget, converged, budget - converged)]
    for values in (*seeds, lower, budget.mean(axis=1) - lower):
        assert abs(scipy.stats.skew(values)) < 0.5


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
    assert_parts(row, ["m0", "m1", "m2"], ["u0", "u1", "u2"])
    assert row["best_in_class_risk"] == pytest.approx(BAYES + excess(RULES["b2"]).mean())
    names = ("best_in_class_role", "best_in_class_num_stream", "limit_num_stream", "limit_restarts")
    assert [row[name] for name in names] == ["best_in_class", 4000, 4000, 3]
    assert row["limit_risk"] == pytest.approx(BAYES + stacked("u0", "u1", "u2").mean())
    assert row["risk"] == pytest.approx(BAYES + stacked("m0", "m1", "m2").mean())
    assert row["share_converged"] == pytest.approx(2 / 3)
    counts = ("num_seeds", "num_missing", "estimation_num_seeds", "num_stopped", "num_failed")
    assert [row[name] for name in counts] == [3, 0, 3, 2, 1]
    assert row["num_parameters"] == 3
    assert row["slack"] == 0.02


def test_the_limit_of_u_h(rows: dict[tuple[str, int], dict[str, Any]]) -> None:
    """c of U(m) = c + kappa / m through the winners at 1000, 2000, 4000, by polyfit in 1/m."""
    row = rows["label_noise", 0]
    u = [excess(RULES[name]).mean() for name in ("b1", "b5", "b2")]
    _, c = np.polyfit([1 / 1000, 1 / 2000, 1 / 4000], u, 1)
    assert row["approximation_limit"] == pytest.approx(c, abs=1e-9)
    # at m / 4 the winner was b1: further off than the paired standard error
    moved = excess(RULES["b2"]) - excess(RULES["b1"])
    assert abs(moved.mean()) > moved.std(ddof=1) / math.sqrt(N)
    assert row["approximation_is_bound"] is True


def test_label_noise_has_its_own_u_a_and_the_law_s_u_h(
    rows: dict[tuple[str, int], dict[str, Any]],
) -> None:
    row = rows["label_noise", 1]
    assert [row[n] for n in ("num_seeds", "num_missing", "num_failed")] == [2, 1, 1]
    assert_parts(row, ["n0", "n1"], ["v0", "v1"])


def test_one_seed_of_three_is_not_averaged(rows: dict[tuple[str, int], dict[str, Any]]) -> None:
    row = rows["imbalance", 0]
    assert [row[n] for n in ("num_seeds", "num_missing", "num_failed")] == [1, 2, 1]
    assert row["estimation_num_seeds"] == 0
    for name in ("total", "objective", "estimation", "optimization", "nominal_estimation"):
        assert [row[name], row[f"{name}_lo"], row[f"{name}_hi"]] == [None, None, None]
    assert (row["bayes_risk"], row["risk"], row["limit_risk"]) == (BAYES, None, None)
    # its one measured rule is all that the architecture is known by: an upper bound
    assert row["best_in_class_role"] == "measure"
    assert row["best_in_class_num_stream"] is None
    assert row["approximation_is_bound"] is True


def test_the_missing_rows_are_listed(joined: Joined) -> None:
    missing = to_rows(missing_rows(joined, LEVELS))
    names = ("role", "distortion", "severity", "num_train", "seed", "why")
    assert [tuple(row[name] for name in names) for row in missing] == [
        ("measure", "imbalance", 0.7, 100, 1, "failed"),
        ("measure", "imbalance", 0.7, 100, 2, "absent"),
        ("measure", "label_noise", 0.2, 100, 2, "failed"),
        ("best_in_class", "imbalance", 0.7, 1000, None, "absent"),
        ("best_in_class", "imbalance", 0.7, 2000, None, "absent"),
        ("best_in_class", "imbalance", 0.7, 4000, None, "absent"),
        ("limit", "imbalance", 0.7, 1000, None, "absent"),
        ("limit", "imbalance", 0.7, 4000, None, "absent"),
        ("limit", "label_noise", 0.2, 1000, None, "absent"),
        ("slack", "imbalance", 0.7, 4000, None, "absent"),
    ]


def test_u_h_and_u_a_at_each_m(joined: Joined) -> None:
    best = to_rows(build_best_in_class(joined))
    names = ("role", "distortion", "num_stream", "trial_id", "restarts")
    assert [tuple(row[name] for name in names) for row in best] == [
        ("limit", "label_noise", 4000, None, 2),
        ("best_in_class", "none", 1000, "b1", 2),
        ("best_in_class", "none", 2000, "b5", 1),
        ("best_in_class", "none", 4000, "b2", 2),
        ("limit", "none", 1000, None, 1),
        ("limit", "none", 4000, None, 3),
    ]
    risks = [excess(RULES[name]).mean() for name in ("u0", "u1", "u2")]
    assert best[-1]["restart_sd"] == pytest.approx(np.std(risks, ddof=1))
    assert best[-1]["excess_risk"] == pytest.approx(np.mean(risks))
    assert [row["restart_sd"] for row in best if row["restarts"] == 1] == [None, None]


def test_errors_by_seed(joined: Joined) -> None:
    row = next(r for r in to_rows(trial_errors(joined)) if r["trial_id"] == "n0")
    budget, converged = excess(RULES["n0"]).mean(), excess(RULES["n0 inf"]).mean()
    limit, best = stacked("v0", "v1").mean(), excess(RULES["b2"]).mean()
    told = {
        "total": budget,
        "approximation": best,
        "objective": limit - best,
        "estimation": converged - limit,
        "optimization": budget - converged,
        "nominal_approximation": LOWER["n0"] - BAYES,
        "nominal_estimation": BAYES + budget - LOWER["n0"],
    }
    assert {name: row[name] for name in told} == pytest.approx(told, abs=1e-12)


def test_real_data_has_neither_bayes_risk_nor_u_h(tmp_path: Path) -> None:
    """Decisions against labels: a term is an error, and every difference is one of shares."""
    labels = np.repeat([0, 1, 2, 3], 50)
    wrong = {"d0": 30, "d1": 40, "d0 inf": 20, "d1 inf": 26, "a0": 10, "a1": 12}
    rules = {
        name: np.where(np.random.default_rng(at).permutation(200) < num, (labels + 1) % 4, labels)
        for at, (name, num) in enumerate(wrong.items())
    }
    (tmp_path / "decisions").mkdir()
    for trial in ("d0", "d1", "a0", "a1"):
        held = {"budget": trial, "converged": f"{trial} inf"}
        arrays = {
            branch: np.packbits(((rules[key][:, None] >> np.array([1, 0])) & 1).astype(np.uint8))
            for branch, key in held.items()
            if key in rules
        }
        np.savez(tmp_path / "decisions" / f"{trial}.npz", **arrays)
    key = hashlib.sha256(b'["digits", "none", 0.0]').hexdigest()[:16]
    path = tmp_path / "decisions" / f"law-{key}.npz"
    np.savez(path, labels=labels.astype(np.int64), num_classes=4)
    records = [
        *(
            record(
                f"d{seed}",
                "measure",
                population="digits",
                seed=seed,
                risk=wrong[f"d{seed}"] / 200,
                risk_se=0.01,
                converged_risk=wrong[f"d{seed} inf"] / 200,
                final_train_risk=0.02 + 0.01 * seed,
            )
            for seed in range(2)
        ),
        *(
            record(f"a{j}", "limit", population="digits", num_train=900, seed=j, risk=r)
            for j, r in enumerate((0.05, 0.06))
        ),
    ]
    results = build_results(build_trials(records, {}), {}, open_decisions(tmp_path))
    (row,) = to_rows(results.landscape)
    assert results.notes == ()
    assert (row["distortion"], row["level"], row["severity"]) == ("none", 0, 0.0)
    unknown = ("bayes_risk", "total", "approximation", "objective", "nominal_approximation")
    for name in (*unknown, "best_in_class_risk", "approximation_is_bound"):
        assert row[name] is None
    terms = {name: (said != labels).astype(float) for name, said in rules.items()}
    converged, limit = (
        np.stack([terms[name] for name in names]) for names in (("d0 inf", "d1 inf"), ("a0", "a1"))
    )
    moved = converged.mean(axis=0) - limit.mean(axis=0)
    moved_part = over_examples(moved, converged, limit)
    half = half_width(between(converged), between(limit), moved_part)
    # converged (.10 + .13) / 2 = .115 less U_A = .055
    assert_error(row, "estimation", 0.06, half)
    assert row["optimization"] == pytest.approx(0.175 - 0.115)
    # R_n(T) .175, L .025; the pairs differ by .13 and .17
    budget = np.stack([terms["d0"], terms["d1"]])
    own = budget - np.array([[0.02], [0.03]])
    half = half_width(between(own), over_examples(budget.mean(axis=0), budget))
    assert_error(row, "nominal_estimation", 0.15, half)
    assert missing_rows(join(build_trials(records, {})), {}).empty


def test_a_study_of_one_seed_has_errors_without_intervals(joined: Joined) -> None:
    held = [r for r in RECORDS if r["trial_id"] in ("m0", "b2", "u0", "u1")]
    row = to_rows(build_landscape(join(build_trials(held, {}), joined.decisions), {}))[0]
    assert row["total"] == pytest.approx(excess(RULES["m0"]).mean())
    assert row["estimation"] is not None
    assert row["total_lo"] is row["estimation_lo"] is row["nominal_approximation_lo"] is None
    assert row["approximation_lo"] is not None
    assert row["objective_lo"] is not None  # its restarts are two


def test_without_decisions_values_stay_and_intervals_go(
    rows: dict[tuple[str, int], dict[str, Any]],
) -> None:
    alone = build_results(build_trials(RECORDS, LEVELS), LEVELS)
    bare = {(r["distortion"], r["level"]): r for r in to_rows(alone.landscape)}
    row, whole = bare["label_noise", 0], rows["label_noise", 0]
    for name in ERRORS:
        assert row[name] == whole[name]
    for name in ("total", "objective", "estimation", "optimization", "nominal_estimation"):
        assert row[f"{name}_lo"] is None
    for name in ("approximation", "nominal_approximation"):
        assert row[f"{name}_lo"] == whole[f"{name}_lo"]
    assert len(alone.notes) == 1
    assert "decisions/" in alone.notes[0]


def test_a_superseded_winner_does_not_mix_with_the_current_one() -> None:
    old = measured("m0", 0, hyperparameters={"learning_rate": 1.0})
    new = measured("m1", 0, hyperparameters={"learning_rate": 0.1})
    old["finished_at"], new["finished_at"] = "2026-01-01T00:00:00", "2026-01-02T00:00:00"
    row = build_landscape(join(build_trials([new, old], {})), {}).iloc[0]
    assert row["num_seeds"] == 1
    assert row["total"] == pytest.approx(excess(RULES["m1"]).mean())
