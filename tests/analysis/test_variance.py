"""The analysis of variance: worked by hand, unbiased, and whole blocks only."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from study.analysis.frames import to_rows
from study.analysis.joined import Joined, join
from study.analysis.table import build_trials
from study.analysis.variance import build_variance, mean_squares, variance_components
from study.trials.seeds import decode_variance_seed, encode_variance_seed

Make = Callable[..., dict[str, Any]]


def joined_of(records: list[dict[str, Any]]) -> Joined:
    return join(build_trials(records, {}))


def crossed(make: Make, block: np.ndarray, **named: Any) -> list[dict[str, Any]]:
    return [
        make(
            "variance",
            seed=encode_variance_seed(*index),
            risk=float(block[index]),
            converged_risk=0.25,
            **named,
        )
        for index in np.ndindex(block.shape)
    ]


def test_seeds_decode_to_what_was_crossed() -> None:
    for crossing in product((0, 1, 7, 99), repeat=3):
        assert decode_variance_seed(encode_variance_seed(*crossing)) == crossing
    assert encode_variance_seed(0, 0, 1) == 1  # whatever k is: extending k keeps the numbers


def test_a_block_by_hand() -> None:
    """y = .1 d + .02 i, k = 2: SS_d = 8 (.05)^2, SS_i = 8 (.01)^2, nothing else."""
    d, i, _ = np.indices((2, 2, 2))
    block = 0.3 + 0.1 * d + 0.02 * i
    ms = mean_squares(block)
    assert ms[(0,)] == pytest.approx(8 * 0.05**2)
    assert ms[(1,)] == pytest.approx(8 * 0.01**2)
    rest = [ms[key] for key in [(2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]]
    assert rest == pytest.approx([0.0] * 5, abs=1e-15)
    found = variance_components(block)
    assert found[(0,)] == pytest.approx(0.1**2 / 2)  # the variance of {0, .1}, ddof = 1
    assert found[(1,)] == pytest.approx(0.02**2 / 2)


def test_sums_of_squares_add_up() -> None:
    block = np.random.default_rng(3).random((3, 3, 3))
    total = sum(ms * 2 ** len(factors) for factors, ms in mean_squares(block).items())
    assert total == pytest.approx(((block - block.mean()) ** 2).sum())


def test_components_are_unbiased() -> None:
    """4,000 blocks with known components: means within 4.5 SE, SE at most 5% of the total."""
    truth = {
        (0,): 1.0,
        (1,): 0.25,
        (2,): 0.0,
        (0, 1): 0.5,
        (0, 2): 0.0,
        (1, 2): 0.1,
        (0, 1, 2): 0.3,
    }
    rng, k = np.random.default_rng(20260402), 3
    found = []
    for _ in range(4_000):
        block = np.zeros((k, k, k))
        for factors, variance in truth.items():
            shape = [k if axis in factors else 1 for axis in range(3)]
            block = block + np.sqrt(variance) * rng.standard_normal(shape)
        found.append(variance_components(block))
    for factors, variance in truth.items():
        values = np.array([one[factors] for one in found])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert error < 0.05 * sum(truth.values())
        assert abs(values.mean() - variance) < 4.5 * error
        if variance == 0.0:
            assert (values < 0).mean() > 0.3  # negative estimates are not clipped


def test_the_table_of_a_study(make: Make) -> None:
    block = 0.3 + 0.1 * np.random.default_rng(4).random((3, 3, 3))
    table = to_rows(build_variance(joined_of(crossed(make, block))))
    risk = {row["component"]: row for row in table if row["quantity"] == "risk"}
    assert list(risk) == [
        *("data", "init", "order"),
        *("data x init", "data x order", "init x order", "data x init x order", "total"),
    ]
    parts = [row for name, row in risk.items() if name != "total"]
    assert sum(row["variance"] for row in parts) == pytest.approx(risk["total"]["variance"])
    assert sum(row["share"] for row in parts) == pytest.approx(1.0)
    assert risk["data"]["degrees_of_freedom"] == 2
    assert risk["data x init x order"]["degrees_of_freedom"] == 8
    assert {row["num_levels"] for row in table} == {3}
    constant = [row for row in table if row["quantity"] == "converged_risk"]
    assert [row["variance"] for row in constant] == [0.0] * 8
    assert [row["share"] for row in constant] == [None] * 8


def test_a_block_with_a_hole_is_left_out(make: Make) -> None:
    block = np.random.default_rng(5).random((2, 2, 2))
    records = crossed(make, block)
    failed = [*records[:-1], {**records[-1], "status": "failed", "metrics": {}}]
    assert build_variance(joined_of(failed)).empty
    assert build_variance(joined_of(records[:-1])).empty
    assert build_variance(joined_of([make()])).empty
    whole = to_rows(build_variance(joined_of([*failed, *crossed(make, block, depth=2)])))
    assert {row["depth"] for row in whole} == {2}
