"""Seeds as an ensemble: votes by hand, and exact splits."""

from pathlib import Path

import numpy as np
import pytest

from study.analysis.ensembles import build_ensembles, majority
from study.analysis.frames import to_rows
from tests.analysis.decided import Written


def test_votes_by_hand() -> None:
    """Three for 1; two for 0; a tie of 0, 1 and 2, which costs their mean."""
    decided = np.array([[1, 0, 0], [1, 0, 1], [1, 2, 2]])
    cost = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5], [0.3, 0.6, 0.9]])  # of class by example
    losses = np.take_along_axis(cost.T, decided, axis=0)
    assert losses[0, 0] == cost.T[1, 0] == 0.1
    voted, left = majority(decided, losses)
    assert voted == pytest.approx([0.1, 0.2, (0.3 + 0.6 + 0.9) / 3])
    assert left == pytest.approx([0, 1 / 3, 2 / 3])


def test_a_cell(tmp_path: Path) -> None:
    """Five seeds that each leave the Bayes rule on their own 20%, by a count of their votes."""
    rng = np.random.default_rng(20261001)
    n, first = 4_000, rng.beta(0.5, 0.5, size=4_000)
    study = Written(tmp_path, np.column_stack([first, 1 - first]), 0.15)
    best = study.posterior.argmax(axis=1)
    turned = rng.random((5, n)) < 0.2
    for seed in range(5):
        study.add(classes={"budget": best ^ turned[seed]}, seed=seed)
    (row,) = to_rows(build_ensembles(study.joined()))
    gap = study.posterior.max(axis=1) - study.posterior.min(axis=1)
    is_outvoted = turned.sum(axis=0) >= 3
    assert row["bias"] == pytest.approx(float((gap * is_outvoted).mean()))
    assert row["ensemble_risk"] == pytest.approx(0.15 + row["bias"])
    assert row["mean_risk"] == pytest.approx(0.15 + float((gap * turned).mean()))
    assert row["net_variance"] == pytest.approx(row["mean_risk"] - row["ensemble_risk"])
    assert row["net_variance_lo"] < row["net_variance"] < row["net_variance_hi"]
    minority = np.minimum(turned.sum(axis=0), 5 - turned.sum(axis=0)) / 5
    assert row["disagreement"] == pytest.approx(float(minority.mean()))
    measured = [record["metrics"]["risk"] for record in study.records]
    assert row["mean_risk"] == pytest.approx(float(np.mean(measured)))


def test_two_seeds_and_no_decisions_are_no_ensemble(tmp_path: Path) -> None:
    study = Written(tmp_path, np.tile([0.7, 0.3], (50, 1)), 0.3)
    for seed in range(3):
        study.add(classes={"budget": np.zeros(50, dtype=np.int64)}, seed=seed)
    assert build_ensembles(study.without_decisions()).empty
    assert len(build_ensembles(study.joined())) == 1
    study.records.pop()
    assert build_ensembles(study.joined()).empty
