"""Ground truth: the estimation error of logistic regression, known by theory."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit, ndtr

from classcomp.populations import make
from study.analysis.frames import to_rows
from study.analysis.joined import Joined
from study.analysis.landscape import build_landscape
from study.analysis.learning_curves import build_learning_curves
from study.trials.seeds import seed_for
from tests.statistical.studies import run_study

DELTA, DIM, SIZES = 2.0, 2, (200, 400, 800)
LABEL = "two_gaussians(delta=2, dim=2, prior=0.5)"


def linear_discriminant_constant(delta: float, dim: int) -> float:
    """Limit of n excess risk of linear discriminant analysis with estimated prior."""
    density = math.exp(-(delta**2) / 8) / math.sqrt(2 * math.pi)
    return dim * (delta**2 + 4) * density / (4 * delta)


def logistic_constant(delta: float, dim: int) -> float:
    """The same over the relative efficiency of logistic regression (Efron 1975)."""

    def integrand(z: float) -> float:
        return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) / math.cosh(delta * z / 2)

    efficiency = (1 + delta**2 / 4) * math.exp(-(delta**2) / 8) * quad(integrand, -12, 12)[0]
    return linear_discriminant_constant(delta, dim) / efficiency


def maximum_likelihood(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (w1, ..., wd, offset) of logistic regression, by Newton's method."""
    design = np.column_stack([x, np.ones(len(x))])
    found = np.zeros(design.shape[1])
    for _ in range(25):
        p = expit(design @ found)
        hessian = design.T @ (design * (p * (1 - p))[:, None])
        found += np.linalg.solve(hessian, design.T @ (labels - p))
    return found


def excess_of(rule: np.ndarray) -> float:
    """Exact risk above Bayes of "1 where w.x + offset > 0" on the two Gaussians."""
    along, norm = rule[0] * DELTA / 2, math.hypot(*rule[:-1])
    wrong = ndtr((rule[-1] - along) / norm) + ndtr((-rule[-1] - along) / norm)
    return float(wrong / 2 - ndtr(-DELTA / 2))


@pytest.fixture(scope="module")
def joined(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Joined:
    torch.set_num_threads(1)
    table = {
        "families": ["linear"],
        "depths": [1],
        "seeds": request.param,
        "num_train": list(SIZES),
        "populations": [{"name": "two_gaussians", "delta": 2, "dim": 2}],
        "training": {"budget_steps": 400, "max_steps": 8_000},
        "limit": {"restarts": 2, "num_stream": [100_000]},
    }
    return run_study(table, tmp_path_factory.mktemp("study"), roles=("measure", "limit"))


VERSIONS = [
    pytest.param(40, marks=pytest.mark.long, id="40 seeds"),
    pytest.param(120, marks=pytest.mark.long, id="120 seeds"),
]


def test_constants_are_those_printed() -> None:
    assert linear_discriminant_constant(2, 2) == pytest.approx(0.4839, abs=5e-5)
    assert logistic_constant(2, 2) == pytest.approx(0.5382, abs=5e-5)


@pytest.mark.parametrize("joined", VERSIONS, indirect=True)
def test_estimation_error_of_linear(joined: Joined) -> None:
    """n estimation holds .5382 in its interval at every n, and the slope in log-log holds -1.

    A seed's excess is nearly exponential (two degrees of freedom): with 40 seeds the half-width
    is near 31% and with 120 near 18%, so that a constant wrong by a factor of 1.7 (1.4) is seen
    with power .9. The paired test below is sharper.
    """
    expected = logistic_constant(DELTA, DIM)
    rows = to_rows(build_landscape(joined, {}))
    assert [row["num_train"] for row in rows] == list(SIZES)
    for row in rows:
        n = row["num_train"]
        assert row["share_converged"] == 1.0
        assert n * row["estimation_lo"] <= expected <= n * row["estimation_hi"]
        assert n * (row["estimation_hi"] - row["estimation_lo"]) < 2 * 0.5 * expected
        # U_A's own distance from inf_H R, which is R* here, is no part of what is measured
        assert abs(row["limit_risk"] - row["bayes_risk"]) < 0.06 * expected / n
        # some measured rule is the best of all, and the best there is: a line is Bayes' rule here
        assert 0 <= row["approximation"] < 1e-4
    (fit,) = to_rows(build_learning_curves(joined, {}))
    assert fit["rate_lo"] <= 1.0 <= fit["rate_hi"]
    assert fit["rate_hi"] - fit["rate_lo"] < 0.8
    assert fit["c"] is None, "three sizes tell no asymptote"


@pytest.mark.parametrize("joined", VERSIONS, indirect=True)
def test_convergence_reaches_the_maximum_of_the_likelihood(joined: Joined) -> None:
    """On the very samples of the trials, n times the mean gap to the exact rule is below .08.

    That is 15% of .5382; the gap's standard error is near .01 at n = 200 and .03 at 800 with 40
    seeds. The exact rule's own constant, from 20,000 samples: .5476 at n = 200, .5431 at 400,
    .5377 at 800 (SE .006). Under the first protocol's rule the gap was -.09 +- .03 at n = 200:
    trials settled after 210 steps.
    """
    population = make("two_gaussians", delta=2, dim=2)
    for cell, measured in joined.current["measure"].items():
        n, gaps = cell.num_train, []
        for row in measured:
            stream = seed_for("data", "measure", LABEL, row["seed"])
            sample = population.sample(n, np.random.default_rng(stream), split="train")
            exact = excess_of(maximum_likelihood(sample.x, sample.labels))
            gaps.append(row["converged_excess_risk"] - exact)
        assert n * abs(np.mean(gaps)) < 0.08
