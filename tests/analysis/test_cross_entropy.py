"""Cross-entropy in nats: exact identities, known bias and variance, and what is unknown."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from study.analysis.cross_entropy import bias_and_variance, build_cross_entropy, divergences
from study.analysis.frames import to_rows
from tests.analysis.decided import Written

N, M = 300, 120


def test_divergences_by_hand() -> None:
    """ln 2 of (1, 0) against (1/2, 1/2); .8 ln 1.6 + .2 ln .4 of (.8, .2); 0 of itself."""
    eta = np.array([[1.0, 0.0], [0.8, 0.2], [0.3, 0.7]])
    predicted = np.array([[0.5, 0.5], [0.5, 0.5], [0.3, 0.7]])
    expected = [np.log(2), 0.8 * np.log(1.6) + 0.2 * np.log(0.4), 0.0]
    assert divergences(eta, np.log(predicted)[None])[0] == pytest.approx(expected)


def test_two_seeds_by_hand() -> None:
    """p = (.8, .2) and (.2, .8): q is (1/2, 1/2), Z = 2 sqrt(.16) = .8; the jackknife doubles."""
    logs = np.log(np.array([[[0.8, 0.2]], [[0.2, 0.8]]]))
    bias, variance = bias_and_variance(np.array([[0.5, 0.5]]), logs)
    assert variance == pytest.approx(-2 * np.log(0.8))
    assert bias + variance == pytest.approx(-0.5 * np.log(0.64))


@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_few_seeds_know_bias_and_variance_on_average(spread: float) -> None:
    """Predictions softmax(m + spread z): 4 seeds, 400 times, against 20,000 seeds.

    The plain variance of 4 seeds is a quarter too small, which is many standard errors; what the
    jackknife leaves is below 4% of it.
    """
    rng = np.random.default_rng(20260901)
    eta = softmax(rng.standard_normal((8, 3)), axis=1)
    means = rng.standard_normal((8, 3))

    def drawn(*shape: int) -> np.ndarray:
        noise = spread * rng.standard_normal((*shape, 8, 3))
        return np.asarray(log_softmax(means + noise, axis=-1))

    many = drawn(20_000)
    centre = log_softmax(many.mean(axis=0), axis=1)
    variance = float((np.exp(centre) * (centre - many.mean(axis=0))).sum(axis=1).mean())
    bias = float((eta * (np.log(eta) - centre)).sum(axis=1).mean())
    found = np.array([bias_and_variance(eta, logs) for logs in drawn(400, 4)])
    errors = found.std(axis=0, ddof=1) / 20
    assert np.abs(found.mean(axis=0) - [bias, variance]).max() < 0.04 * variance + 3 * errors.max()
    assert errors[1] < 0.04 * variance


def _study(folder: Path, **more: int) -> tuple[Written, np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(20260902)
    eta = softmax(1.5 * rng.standard_normal((N, 3)), axis=1)
    study, predicted = Written(folder, eta, 0.2), {}
    counts = {"budget": 4, "converged": 4, "limit": 3} | more
    for name, spread in (("budget", 0.8), ("converged", 0.6), ("limit", 0.2)):
        logits = np.log(eta) + spread * rng.standard_normal((counts[name], N, 3))
        predicted[name] = softmax(logits, axis=2)
    for seed in range(counts["budget"]):
        held = {name: predicted[name][seed] for name in ("budget", "converged")}
        classes = {name: p.argmax(axis=1) for name, p in held.items()}
        study.add(classes=classes, predictions={n: p[:M] for n, p in held.items()}, seed=seed)
    for seed, p in enumerate(predicted["limit"]):
        kept = {"budget": p[:M]}
        named = {"num_train": 20_000, "seed": seed}
        study.add("limit", classes={"budget": p.argmax(axis=1)}, predictions=kept, **named)
    return study, eta, predicted


def test_a_cell_by_hand(tmp_path: Path) -> None:
    """Half precision is one part in 2,048 of a logarithm."""
    study, eta, predicted = _study(tmp_path)
    (row,) = to_rows(build_cross_entropy(study.joined()))
    kl = {
        name: float((eta[:M] * np.log(eta[:M] / p[:, :M])).sum(axis=2).mean())
        for name, p in predicted.items()
    }
    assert (row["num_seeds"], row["num_restarts"], row["num_examples"]) == (4, 3, M)
    assert row["total"] == pytest.approx(kl["budget"], abs=1e-3)
    assert row["limit"] == pytest.approx(kl["limit"], abs=1e-3)
    assert row["estimation"] == pytest.approx(kl["converged"] - kl["limit"], abs=1e-3)
    assert row["optimization"] == pytest.approx(kl["budget"] - kl["converged"], abs=1e-3)
    parts = row["limit"] + row["estimation"] + row["optimization"]
    assert parts == pytest.approx(row["total"], abs=1e-12)
    assert row["bias"] + row["variance"] == pytest.approx(row["total"], abs=1e-12)
    # independent noise in the logits averages out of the geometric mean: all is variance
    assert abs(row["bias"]) < 0.1 * row["variance"]
    for name in ("total", "limit", "estimation", "optimization"):
        assert row[f"{name}_lo"] < row[name] < row[f"{name}_hi"]


def test_what_is_unknown_is_null(tmp_path: Path) -> None:
    study, _, _ = _study(tmp_path / "one", limit=0)
    (row,) = to_rows(build_cross_entropy(study.joined()))
    assert row["total_lo"] is not None
    assert all(row[name] is None for name in ("limit", "estimation", "num_restarts"))
    assert build_cross_entropy(study.without_decisions()).empty
    alone, _, _ = _study(tmp_path / "two", budget=1, converged=1)
    (row,) = to_rows(build_cross_entropy(alone.joined()))
    assert row["total"] is not None
    assert all(row[name] is None for name in ("total_lo", "bias", "variance"))
