"""Squared MMD: the closed form against Monte Carlo, and what the estimate is on average."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from classcomp.populations import Population, make
from classcomp.tasks.discrepancy import discrepancy_terms, spread, yardstick
from classcomp.teachers import teacher
from tests.populations.in_memory import held

FULL = {
    "means": [[0.0, 1.0, 2.0], [1.0, -1.0, 0.5]],
    "covariances": [0.5, [[2.0, 0.6, 0.0], [0.6, 1.0, 0.3], [0.0, 0.3, 0.7]]],
    "labels": [0, 1],
    "weights": [0.3, 0.7],
}
IMAGES = {"mu0": 0.0, "mu1": 0.8, "sigma0": 1.0, "sigma1": 1.5, "size": 4, "prior": 0.3}
MIXTURES: dict[str, Population] = {
    "points": make("gaussians", **FULL, rendering="none"),
    "plane": make("gaussians", **FULL, rendering="plane"),
    "pixels": make("gaussian_images", **IMAGES),
    "noisy and tilted": make("xor", rendering="plane").with_feature_noise(0.4).with_imbalance(3.0),
    "fitted": make("fitted_images", dataset="digits", classes=[3, 8], dims=3, components=2),
    "a teacher's inputs": teacher("vgg", 1, size=4),
}
LAWS = pytest.mark.parametrize("law", MIXTURES.values(), ids=MIXTURES.keys())


def shown(law: Population, num: int, seed: int) -> torch.Tensor:
    """Draws of a law as a model sees them, flat."""
    x = law.sample(num, np.random.default_rng(seed)).x
    seen = law.vectors(x) if law.image_shape is None else law.images(x)
    return torch.from_numpy(seen).flatten(1)


def kernel(a: np.ndarray, b: np.ndarray, bandwidth: float) -> np.ndarray:
    """All values, by differences."""
    return np.exp(-np.square(a[:, None] - b[None]).sum(-1) / (2 * bandwidth**2))


@pytest.mark.parametrize("name", sorted(MIXTURES.keys() - {"noisy and tilted"}))
def test_the_bandwidth_is_half_the_mean_squared_distance(name: str) -> None:
    law = MIXTURES[name]
    first, second = (shown(law, 100_000, seed).double() for seed in (1, 2))
    squares = (first - second).square().sum(dim=1) / 2
    error = squares.std() / math.sqrt(len(squares))
    assert abs(yardstick(law).bandwidth ** 2 - squares.mean()) < 4 * error


DISTORTED = {
    "points": make("two_gaussians", delta=2.0, rendering="none"),
    "bumps": make("xor"),
    "pixels": make("gaussian_images", **IMAGES),
    "real images": make("digits"),
}


@pytest.mark.parametrize("law", DISTORTED.values(), ids=DISTORTED.keys())
def test_one_ruler_at_all_severities(law: Population) -> None:
    ruler = yardstick(law).bandwidth
    pair = law.with_overlap(0.5).with_imbalance(3.0), law.with_feature_noise(2.0).with_overlap(0.9)
    assert [yardstick(one).bandwidth for one in pair] == [ruler, ruler]
    restored = law.with_feature_noise(2.0).without_feature_noise()
    assert yardstick(restored).bandwidth == ruler


def test_a_shift_is_as_far_in_one_unit_at_every_noise() -> None:
    """Two normal laws a distance a apart, in closed form, by the kernel of the law without noise.

    E k(x, y) of N(m, v) and N(m', v), the variance s^2 of the kernel added to both of theirs.
    """
    base = make("gaussians", means=[[0.0], [0.0]], covariances=[1.0, 1.0], labels=[0, 1])
    rng = np.random.default_rng(0)
    for tau in (0.5, 2.0):
        made = 1.5 + math.hypot(1.0, tau) * rng.standard_normal((20_000, 1))
        law = replace(base, rendering="none").with_feature_noise(tau)
        terms = discrepancy_terms(torch.from_numpy(made).float(), torch.empty(0), yardstick(law))
        wide = 1 + 2 * (1 + tau**2)
        expected = 2 * (1 - math.exp(-(1.5**2) / (2 * wide))) / math.sqrt(wide)
        assert abs(terms.mean() - expected) < 3 * terms.std(ddof=1) / 20_000**0.5


@LAWS
def test_embeddings_in_closed_form_against_monte_carlo(law: Population) -> None:
    yard = yardstick(law)
    points = shown(law, 5, 3).double().numpy() + np.linspace(-1, 1, 5)[:, None]  # off the plane too
    draws = shown(law, 50_000, 4).double().numpy()
    values = kernel(points, draws, yard.bandwidth)
    found = yard.mixture.mean_embedding(points, yard.bandwidth)
    assert (np.abs(found - values.mean(axis=1)) < 4.5 * values.std(axis=1) / 50_000**0.5).all()
    pairs = np.square(draws - shown(law, 50_000, 5).double().numpy()).sum(axis=1)
    values = np.exp(-pairs / (2 * yard.bandwidth**2))
    found = yard.mixture.self_embedding(yard.bandwidth)
    assert abs(found - values.mean()) < 4 * values.std() / 50_000**0.5


@LAWS
def test_the_law_itself_is_at_zero(law: Population) -> None:
    """Within 3 standard errors, against the closed form and against another draw."""
    yard = yardstick(law)
    for judge in (yard, replace(yard, mixture=None)):
        terms = discrepancy_terms(shown(law, 1_000, 6), shown(law, 1_000, 7), judge)
        error = terms.std(ddof=1) / 1_000**0.5
        assert abs(terms.mean()) < 3 * error
        assert 0 < error < 0.002


def test_another_law_is_at_its_distance() -> None:
    """|mu_Q - mu_P|^2 in closed form from three embeddings, by either estimate."""
    law, other = (make("two_gaussians", delta=d, dim=3, rendering="none") for d in (1.0, 3.0))
    yard = yardstick(law)
    draws = shown(other, 200_000, 1).double().numpy()
    cross = yard.mixture.mean_embedding(draws, yard.bandwidth).mean()
    own = [law.seen_mixture().self_embedding(yard.bandwidth) for law in (law, other)]
    expected = sum(own) - 2 * cross
    assert expected > 0.01
    for judge in (yard, replace(yard, mixture=None)):
        terms = discrepancy_terms(shown(other, 4_000, 2), shown(law, 4_000, 3), judge)
        assert abs(terms.mean() - expected) < 3 * terms.std(ddof=1) / 4_000**0.5


def test_by_hand_on_few_points() -> None:
    """Gretton et al. (2012), eq. 4, as a double sum; and the jackknife by leaving each out."""
    law = make("two_gaussians", delta=1.0, dim=3, rendering="none")
    yard = replace(yardstick(law), mixture=None)
    y, x = shown(law, 7, 1) * 1.5, shown(law, 7, 2)

    def estimate(kept: list[int]) -> float:
        a, b, s = y[kept].double().numpy(), x[kept].double().numpy(), yard.bandwidth
        h = kernel(a, a, s) + kernel(b, b, s) - kernel(a, b, s) - kernel(b, a, s)
        np.fill_diagonal(h, 0)
        return h.sum() / (len(kept) * (len(kept) - 1))

    terms = discrepancy_terms(y, x, yard)
    everything = list(range(7))
    assert terms.mean() == pytest.approx(estimate(everything), abs=1e-6)
    left = [estimate([i for i in everything if i != out]) for out in everything]
    pseudo = 7 * estimate(everything) - 6 * np.array(left)
    np.testing.assert_allclose(terms, pseudo, atol=1e-5)


@pytest.mark.parametrize("delta", [2.0, 3.0])
def test_standard_errors_err_high_at_the_law_and_are_right_elsewhere(delta: float) -> None:
    """Over 300 repetitions: the mean estimated variance over the estimates' own."""
    law = make("two_gaussians", delta=2.0, rendering="none")
    yard, other = yardstick(law), make("two_gaussians", delta=delta, rendering="none")
    found = [discrepancy_terms(shown(other, 200, s), shown(law, 200, 0), yard) for s in range(300)]
    values = np.array([terms.mean() for terms in found])
    ratio = np.mean([terms.var(ddof=1) / 200 for terms in found]) / values.var(ddof=1)
    low, high = (1.5, 2.6) if delta == 2.0 else (0.8, 1.3)
    assert low < ratio < high
    if delta == 2.0:
        assert abs(values.mean()) < 3 * values.std(ddof=1) / 300**0.5  # unbiased, below 0 as well
        assert (values < 0).any()


def test_digits_do_not_depend_on_where_the_law_lies() -> None:
    law = make("gaussian_images", mu0=0.0, mu1=1.0, sigma0=1.0, sigma1=1.0, size=8)
    yard = replace(yardstick(law), mixture=None)
    y, x = shown(law, 500, 1), shown(law, 500, 2)
    near, far = (discrepancy_terms(y + c, x + c, yard).mean() for c in (0.0, 1_000.0))
    assert far == pytest.approx(near, abs=2e-5)


def test_what_has_no_closed_form_is_drawn() -> None:
    bumps = make("xor")
    assert bumps.seen_mixture() is None
    draws = shown(bumps, 50_000, 1).double()
    assert yardstick(bumps).bandwidth ** 2 == pytest.approx(draws.var(dim=0).sum().item(), rel=0.03)
    tilted = teacher("vgg", 1, size=4).with_imbalance(3.0)
    assert tilted.seen_mixture() is None


def test_real_points_are_seen_as_they_are_and_images_as_features() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    points = held(rng.standard_normal((60, 3)), labels, 20)
    assert not yardstick(points).sees_features
    images = held(rng.integers(0, 255, (60, 1, 8, 8)).astype(np.uint8), labels, 20)
    yard = yardstick(images)
    assert yard.sees_features
    assert yard.see(torch.zeros(2, 1, 8, 8)).shape == (2, 64)
    # However it is divided, a set has one kernel.
    assert yardstick(replace(images, split_seed=5)).bandwidth == yard.bandwidth


def test_repeating_an_example_costs_the_spread_on_average() -> None:
    law = make("two_gaussians", delta=2.0, rendering="none")
    yard, x = yardstick(law), shown(law, 400, 1)
    judge = replace(yard, mixture=None)
    risks = [discrepancy_terms(x[i].expand(400, 2), x, judge).mean() for i in range(0, 400, 2)]
    assert np.mean(risks) == pytest.approx(spread(x, yard.bandwidth), rel=0.05)


def test_two_examples_are_too_few() -> None:
    law = make("two_gaussians", delta=2.0, rendering="none")
    with pytest.raises(ValueError, match="needs 3 examples or more, not 2"):
        discrepancy_terms(shown(law, 2, 1), shown(law, 2, 2), yardstick(law))
