"""Log densities against scipy's, against the posterior, and where there are none."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from classcomp.distortions import distort
from classcomp.populations import make

SKEWED = {
    "means": [[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]],
    "covariances": [1.5, [[1.0, 0.4], [0.4, 2.0]], 0.3],
    "labels": [0, 1, 1],
    "weights": [2.0, 1.0, 1.0],
    "rendering": "none",
}


def test_mixture_against_scipy():
    population = make("gaussians", **SKEWED)
    x = population.sample(200, np.random.default_rng(0)).x
    density = sum(
        weight * multivariate_normal(mean, np.eye(2) * cov if np.isscalar(cov) else cov).pdf(x)
        for weight, mean, cov in zip(
            (0.5, 0.25, 0.25), SKEWED["means"], SKEWED["covariances"], strict=True
        )
    )
    np.testing.assert_allclose(population.log_density(x), np.log(density), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("distortion", "severity"),
    [("none", 0.0), ("feature_noise", 0.5), ("imbalance", 0.8), ("overlap", 0.5)],
)
def test_density_of_a_distorted_law_integrates_to_one(distortion, severity):
    population = distort(make("gaussians", **SKEWED), distortion, severity)
    axis, step = np.linspace(-15, 15, 601, retstep=True)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    # The trapezoidal rule: of a smooth function that has died out at the edges, exact to rounding.
    total = np.exp(population.log_density(grid)).sum() * step**2
    assert total == pytest.approx(1, abs=1e-9)


def test_gaussian_images_against_scipy():
    population = make(
        "gaussian_images", mu0=0.0, mu1=0.5, sigma0=1.0, sigma1=0.7, size=3, prior=0.3
    )
    x = population.sample(200, np.random.default_rng(1)).x
    by_class = [norm.logpdf(x.astype(np.float64), m, s) for m, s in ((0.0, 1.0), (0.5, 0.7))]
    zero, one = (logs.sum(axis=(1, 2, 3)) for logs in by_class)
    expected = np.logaddexp(np.log(0.7) + zero, np.log(0.3) + one)
    np.testing.assert_allclose(population.log_density(x), expected, rtol=0, atol=1e-10)
    posterior = np.exp(np.log(0.3) + one - expected)
    np.testing.assert_allclose(population.posterior(x)[:, 1], posterior, rtol=0, atol=1e-10)


def test_far_points_have_a_finite_log_density():
    population = make("xor", sigma=0.1, rendering="none")
    assert np.isfinite(population.log_density(np.array([[1e6, -1e6]]))).all()


@pytest.mark.parametrize("rendering", ["bump", "plane"])
def test_rendered_points_and_real_images_have_none(rendering):
    population = make("xor", sigma=0.5, rendering=rendering)
    assert population.log_density(population.sample(3, np.random.default_rng(0)).x) is None
    digits = make("digits", classes=[3, 8])
    assert digits.log_density(digits.sample(3, np.random.default_rng(0)).x) is None
