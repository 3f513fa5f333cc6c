"""Risks whose estimates and terms may be below zero: those of what is generated."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.landscape import build_landscape
from tests.analysis.decided import Array, Written

SEEDS, EXAMPLES = 5, 400


def written(folder: Path, terms: Array, **changes: Any) -> Written:
    """A study of `terms` (seeds, examples), all converged at them, of floor 0."""
    study = Written(folder, np.full((EXAMPLES, 2), 0.5), 0.0)
    for seed, mine in enumerate(terms):
        value = float(mine.mean())
        floor = {"bayes_risk": 0.0, "bayes_risk_se": 0.0}
        floor |= {"excess_risk": value, "converged_excess_risk": value}
        study.add_terms(
            task="generation",
            terms={"budget": mine, "converged": mine},
            seed=seed,
            **{**floor, "final_train_risk": -0.01, **changes},
        )
    return study


def test_the_total_is_the_risk_and_its_interval_reaches_below_zero(tmp_path: Path) -> None:
    """Seeds alone, by Student's t, where examples are the same for all and their part is 0."""
    level = np.array([0.004, -0.003, 0.002, 0.001, -0.002])
    noise = np.random.default_rng(0).standard_normal(EXAMPLES)
    terms = level[:, None] + 1e-3 * (noise - noise.mean())
    (row,) = build_landscape(written(tmp_path, terms).joined(), {}).to_dict("records")
    assert row["bayes_risk"] == 0.0
    assert row["total"] == pytest.approx(level.mean(), abs=1e-5)
    half = scipy.stats.t.ppf(0.975, 4) * level.std(ddof=1) / 5**0.5
    assert row["total_lo"] < 0 < row["total_hi"]
    assert row["total_hi"] - row["total_lo"] == pytest.approx(2 * half, rel=0.15)
    assert row["optimization"] == pytest.approx(0, abs=1e-9)
    assert row["nominal_approximation"] == pytest.approx(-0.01)


def test_terms_of_both_signs_are_held_against_the_table(tmp_path: Path) -> None:
    """What half precision explains is told by the terms' size: their mean may be near 0."""
    terms = np.random.default_rng(1).standard_normal((SEEDS, EXAMPLES)) * 0.3
    terms -= terms.mean(axis=1, keepdims=True)
    joined = written(tmp_path, terms).joined()
    assert joined.decisions is not None
    (rows,) = joined.current["measure"].values()
    for row in rows:
        held = joined.decisions.losses(row)
        assert held is not None
        np.testing.assert_allclose(held, terms[row["seed"]], atol=1e-3)
    assert joined.decisions.skipped == []


def test_terms_of_another_rule_are_refused(tmp_path: Path) -> None:
    terms = np.random.default_rng(2).standard_normal((SEEDS, EXAMPLES)) * 0.3
    joined = written(tmp_path, terms, risk=0.5, excess_risk=0.5).joined()
    assert joined.decisions is not None
    (rows,) = joined.current["measure"].values()
    assert joined.decisions.losses(rows[0]) is None
    assert "excess_risk is 0.5 in the table" in joined.decisions.skipped[0]
