"""Ground truth: double descent of least squares, as a test of the decomposition.

D isotropic Gaussian features, y = x.beta + sigma noise; the family of "depth" p fits the first p
features by least squares of least norm (p > n: the interpolator). With B the squared norm of the
coefficients left out and A that of the others, in expectation over samples of size n

    p < n - 1:  approximation B,  estimation (B + s^2) p / (n - p - 1)
    p > n + 1:  approximation B,  estimation A (1 - n/p) + (B + s^2) n / (p - n - 1)

(Belkin, Hsu and Xu 2020, Theorem 1, for every n; Hastie et al. 2022, Theorem 1, in the limit); at
p = n it is infinite. Squared errors are scaled so that they pass as differences of risks.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from study.analysis.frames import Row, to_rows
from study.analysis.joined import join, trial_errors
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from study.trials.trial import IDENTITY_VERSION

N, D, SEEDS, STEPS = 40, 160, 300, 25
SCALE = 1e-5  # so that the peak passes for a risk
NOISE_VARIANCE = 0.25 * SCALE**2
NUM_FITTED = (5, 10, 20, 30, 40, 50, 60, 80, 160)
DECAY = np.exp(-np.arange(D) / 40)
BETA = SCALE * DECAY / np.linalg.norm(DECAY)
Record = dict[str, Any]


def left_out(p: int) -> float:
    return float((BETA[p:] ** 2).sum())


def known_estimation(p: int) -> float:
    kept, noise = float((BETA[:p] ** 2).sum()), left_out(p) + NOISE_VARIANCE
    return noise * p / (N - p - 1) if p < N else kept * (1 - N / p) + noise * N / (p - N - 1)


def fits(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients after STEPS steps of gradient descent from 0, and at its limit."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    shrink = 1 - (1 - (s / s[0]) ** 2) ** STEPS
    return vt.T @ (shrink / s * (u.T @ y)), vt.T @ ((u.T @ y) / s)


def record(p: int, role: str, seed: int, **metrics: float) -> Record:
    return {
        "schema": IDENTITY_VERSION,
        "trial_id": f"{role}{p}-{seed}",
        "role": role,
        "status": "done",
        "family": "least_squares",
        "depth": p,
        "population": "isotropic",
        "distortion": "none",
        "severity": 0.0,
        "num_train": N,
        "seed": seed,
        "metrics": {"bayes_risk": NOISE_VARIANCE, "bayes_risk_se": 0.0, **metrics},
        "curves": [],
    }


def measured(p: int, seed: int, x: np.ndarray, y: np.ndarray) -> Record:
    excesses = [left_out(p) + ((BETA[:p] - b) ** 2).sum() for b in fits(x[:, :p], y)]
    names = ("risk", "converged_risk")
    risks = {name: NOISE_VARIANCE + e for name, e in zip(names, excesses, strict=True)}
    excess = dict(zip(("excess_risk", "converged_excess_risk"), excesses, strict=True))
    return record(p, "measure", seed, **risks, **excess)


@pytest.fixture(scope="module")
def landscape() -> dict[int, Row]:
    records = []
    for p in NUM_FITTED:
        known = {"excess_risk": left_out(p), "excess_risk_se": 0.0, "selection_risk": 0.0}
        for role in ("best_in_class", "limit"):  # with all data least squares is the best there is
            records.append(record(p, role, 0, risk=NOISE_VARIANCE + left_out(p), **known))
    for seed in range(SEEDS):
        rng = np.random.default_rng([20260301, seed])
        x = rng.standard_normal((N, D))
        y = x @ BETA + math.sqrt(NOISE_VARIANCE) * rng.standard_normal(N)
        records += [measured(p, seed, x, y) for p in NUM_FITTED]
    joined = join(build_trials(records, {}))
    errors = trial_errors(joined).groupby("depth")["estimation"]
    scatter = errors.std(ddof=1) / math.sqrt(SEEDS)
    rows = to_rows(build_landscape(joined, {}))
    return {row["depth"]: {**row, "error": scatter[row["depth"]]} for row in rows}


@pytest.mark.parametrize("p", [p for p in NUM_FITTED if p != N])
def test_both_sides_of_the_peak(landscape: dict[int, Row], p: int) -> None:
    """Approximation exact, objective 0; estimation within 4.5 standard errors over the seeds.

    Standard errors are 1% to 5% of the value (3% at p = 30), so that a formula wrong by a quarter
    is seen on either side.
    """
    row, expected = landscape[p], known_estimation(p)
    assert row["num_seeds"] == SEEDS
    assert row["approximation"] == pytest.approx(left_out(p), rel=1e-12)
    assert row["objective"] == 0.0
    error = row["error"]
    assert error < 0.055 * expected
    assert abs(row["estimation"] - expected) < 4.5 * error
    parts = row["approximation"] + row["estimation"] + row["optimization"]
    assert row["total"] == pytest.approx(parts, abs=1e-6 * expected)


def test_the_peak_is_where_p_is_n(landscape: dict[int, Row]) -> None:
    """Estimation rises to p = n and falls beyond: the second descent; approximation only falls."""
    estimation = [landscape[p]["estimation"] for p in NUM_FITTED]
    peak = NUM_FITTED.index(N)
    assert all(a < b for a, b in pairwise(estimation[: peak + 1]))
    after = estimation[peak : NUM_FITTED.index(80) + 1]
    assert all(a > b for a, b in pairwise(after))
    assert estimation[peak] > 5 * max(estimation[:peak] + estimation[peak + 1 :])
    approximation = [landscape[p]["approximation"] for p in NUM_FITTED]
    assert all(a > b for a, b in pairwise(approximation))


def test_stopping_early_pays_at_the_peak(landscape: dict[int, Row]) -> None:
    """Optimization keeps its sign: gradient descent stopped at 25 steps never sees the peak."""
    row = landscape[N]
    assert row["optimization"] < -0.8 * row["estimation"]
    assert row["total"] < 2 * landscape[30]["total"]
