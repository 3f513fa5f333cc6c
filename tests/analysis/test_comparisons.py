"""Families against each other: worked by hand, corrected, and honest when nothing differs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.comparisons import build_comparisons
from study.analysis.frames import to_rows
from study.analysis.intervals import holm, mean_p_value
from study.analysis.joined import join
from study.analysis.table import build_trials

Make = Callable[..., dict[str, Any]]


def test_holm_by_hand() -> None:
    """Holm 1979: .01 x 4, .02 x 3, .03 x 2 (its predecessor's .06 is larger: kept), .5 x 1."""
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None, 0.04, None]) == [None, 0.04, None]
    assert holm([]) == []


def test_p_value_is_students_where_there_is_no_other_noise() -> None:
    values = [0.02, -0.01, 0.03, 0.04, 0.0]
    expected = scipy.stats.ttest_1samp(values, 0.0).pvalue
    assert mean_p_value(values) == pytest.approx(expected)
    noisy = mean_p_value(values, 0.02, None)
    assert noisy is not None
    assert noisy > 1.5 * expected
    assert mean_p_value([0.1]) is None
    assert mean_p_value([0.1, 0.1]) is None  # no spread to judge by
    assert mean_p_value([0.0, 0.0]) == 1.0


def test_a_comparison_by_hand(make: Make) -> None:
    risks = {"linear": [0.30, 0.32, 0.34], "vgg": [0.20, 0.24, 0.28]}
    records = [
        make(family=family, seed=seed, risk=risk, excess_risk=risk - 0.1, excess_risk_se=0.006)
        for family, values in risks.items()
        for seed, risk in enumerate(values)
    ]
    records.append(make(family="vgg", seed=9, risk=0.9, excess_risk=0.8))  # without a partner
    (row,) = to_rows(build_comparisons(join(build_trials(records, {}))))
    assert (row["first"], row["second"], row["num_pairs"]) == ("linear", "vgg", 3)
    assert row["difference"] == pytest.approx(0.08)  # .10 .08 .06
    seed_half, noise = 4.302653 * 0.02 / math.sqrt(3), 1.959964 * 0.006 * math.sqrt(2)
    assert row["difference_hi"] - 0.08 == pytest.approx(math.hypot(seed_half, noise), rel=1e-5)
    assert row["probability_first_better"] == 0.0
    error = math.sqrt(0.02**2 / 3 + 2 * 0.006**2)
    assert row["p_value"] == pytest.approx(2 * scipy.stats.t.sf(0.08 / error, 2))
    assert row["p_holm"] == row["p_value"]
    assert row["significant"] == (row["p_value"] < 0.05)


def test_every_pair_of_every_cell_once(
    records: list[dict[str, Any]], levels: dict[str, list[float]]
) -> None:
    rows = to_rows(build_comparisons(join(build_trials(records, levels))))
    assert len(rows) == 2 * 2 * 4 * 3  # depths, populations, laws as trained, pairs
    assert all(row["p_holm"] >= row["p_value"] for row in rows)
    assert any(row["significant"] for row in rows)
    assert not all(row["significant"] for row in rows)


def test_tasks_are_never_compared_nor_corrected_together(make: Make) -> None:
    """What a task's families show does not change because another task was studied beside it."""
    rng = np.random.default_rng(20260402)

    def measured(task: str | None, *families: str) -> list[dict[str, Any]]:
        return [
            make(task=task, family=family, seed=seed, risk=0.3 + 0.05 * rng.standard_normal())
            for family in families
            for seed in range(4)
        ]

    classified = measured("classification", "linear", "vgg", "resnet")
    restored = measured("reconstruction", "ae", "vae")
    untold = measured(None, "old", "older")
    alone = to_rows(build_comparisons(join(build_trials(classified, {}))))
    rows = to_rows(build_comparisons(join(build_trials([*classified, *restored, *untold], {}))))
    pairs = [(row["task"], row["first"], row["second"]) for row in rows]
    assert sorted(pairs, key=str) == [
        ("classification", "linear", "resnet"),
        ("classification", "linear", "vgg"),
        ("classification", "resnet", "vgg"),
        ("reconstruction", "ae", "vae"),
        (None, "old", "older"),
    ]
    assert [row for row in rows if row["task"] == "classification"] == alone
    assert all(row["p_holm"] == row["p_value"] for row in rows if row["task"] != "classification")


def test_few_studies_without_differences_call_one_significant(make: Make) -> None:
    """300 studies of 12 equal cells: at most 5% may call anything significant, 17 of 300 at .05
    and 27 with probability .01; uncorrected, 46% would.
    """
    rng = np.random.default_rng(20260401)
    called = 0
    for _ in range(300):
        p_values = []
        for _ in range(12):
            p = mean_p_value(list(rng.normal(0.0, 0.02, size=5)))
            p_values.append(p)
        called += any(p is not None and p < 0.05 for p in holm(p_values))
    assert 3 <= called <= 27
