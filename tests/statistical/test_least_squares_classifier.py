"""Ground truth: the second descent of a classifier by least squares, through whole trials.

n examples of two Gaussians N(-m, I), N(m, I) in p dimensions; w is the shortest of the least
squares fits of labels -1, 1. Each example times its label is m + z, z ~ N(0, I), and all targets
are 1: the matrix of examples is u v' + Z, u = 1/sqrt(n), v = sqrt(n) m + g, g ~ N(0, I), and Z, of
rank n - 1 and orthogonal to u, is independent of v. Then

    p < n: w is along (Z'Z)^-1 v;   p >= n: w is along the projection of v on the null space of Z,

either way at an angle a to v and otherwise in a uniform direction, with cos^2 a of the law
Beta((|n - p| + 1)/2, (min(n, p) - 1)/2) (the regression of noise on noise; the share of a
direction that lies in a random subspace). So the expected risk E Phi(-|m| cos(w, m)) is an
integral over three independent numbers, without a fit: at n = p that law is of angles near 90
degrees, which is the peak (Raudys and Duin 1998, of Fisher's pseudo-inverse rule).
"""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from classcomp.trial import Network
from tests.small_trial import experiment_of, finish

EXAMPLE = Path(__file__).parents[2] / "examples" / "least_squares.py"
LEAST_SQUARES = Network(name="least_squares", path=f"{EXAMPLE}:LeastSquares")
P, DELTA, SEEDS = 32, 3.0, 40
SIZES = (16, 32, 64)
LAW = {"delta": DELTA, "dim": P, "rendering": "none"}


def known_risk(n: int, num_draws: int = 400_000) -> float:
    """The expected risk, to .0005 (Monte Carlo over the three numbers)."""
    rng = np.random.default_rng(n)
    half = DELTA / 2
    of_w = np.sqrt(rng.beta((abs(n - P) + 1) / 2, (min(n, P) - 1) / 2, num_draws))
    along, across = (
        math.sqrt(n) * half + rng.standard_normal(num_draws),
        rng.chisquare(P - 1, num_draws),
    )
    of_m = along / np.sqrt(along**2 + across)
    turned = rng.standard_normal(num_draws)
    turned /= np.sqrt(turned**2 + rng.chisquare(P - 2, num_draws))
    cosine = of_w * of_m + np.sqrt((1 - of_w**2) * (1 - of_m**2)) * turned
    return float(scipy.stats.norm.cdf(-half * cosine).mean())


def measured(n: int, seed: int, role: str = "measure") -> dict[str, float]:
    streams = {name: 1000 * k + seed for k, name in enumerate(("data", "init", "head", "noise"))}
    trial = experiment_of().trial.streams | streams
    asked = {"family": "least_squares", "network": LEAST_SQUARES, "hyperparameters": {}}
    population = {"population_parameters": LAW, "num_train": n, "budget": 1, "most": 1}
    return finish(experiment_of(role, **asked, **population, streams=trial)).outcome.metrics


@pytest.fixture(scope="module")
def risks() -> dict[int, np.ndarray]:
    return {n: np.array([measured(n, s)["risk"] for s in range(SEEDS)]) for n in SIZES}


@pytest.mark.long
@pytest.mark.parametrize("n", SIZES)
def test_the_risk_of_trials_is_the_known_one(risks, n):
    """Within 4 standard errors of 40 seeds, which are .015 at most: the peak is .2 higher."""
    error = scipy.stats.sem(risks[n])
    assert error < 0.015
    assert abs(risks[n].mean() - known_risk(n)) < 4 * error


@pytest.mark.long
def test_it_interpolates_up_to_the_peak_and_nothing_but_the_sample_is_at_fault():
    assert all(measured(n, 0)["final_train_risk"] == 0 for n in (16, 32))
    assert measured(512, 0)["final_train_risk"] > 0.02
    bayes = scipy.stats.norm.cdf(-DELTA / 2)
    assert measured(64_000, 0, "limit")["risk"] == pytest.approx(bayes, abs=2e-4)


def test_the_known_risk_has_its_peak_at_as_many_examples_as_dimensions():
    known = {n: known_risk(n) for n in (8, 24, 32, 40, 128, 100_000)}
    assert max(known, key=known.__getitem__) == P
    assert known[8] < known[24] < known[32] > known[40] > known[128]
    assert known[100_000] == pytest.approx(scipy.stats.norm.cdf(-DELTA / 2), abs=2e-4)
