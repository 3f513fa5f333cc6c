"""E[x | x + e] and the least squared error: Wiener's filter, integrals, draws of both together."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from classcomp.populations import make
from classcomp.populations.base import Population, Restored

TAU = 0.8


def noisy(name: str, tau: float = TAU, **parameters: object) -> Population:
    return make(name, **parameters).with_feature_noise(tau)


def restored(population: Population, x: np.ndarray, *, as_images: bool) -> Restored:
    found = population.restored(x, as_images=as_images)
    assert found is not None
    return found


def least(population: Population, *, as_images: bool = False) -> tuple[float, float]:
    found = population.least_error(as_images=as_images)
    assert found is not None
    return found.value, found.standard_error


COVARIANCE = np.array([[1.0, 0.6, 0.1], [0.6, 2.0, -0.4], [0.1, -0.4, 0.3]])


def one_gaussian() -> Population:
    """N((1, 2, 3), COVARIANCE), cut in two classes at random, and its noise."""
    parts = {"means": [[1.0, 2.0, 3.0]] * 2, "covariances": [COVARIANCE.tolist()] * 2}
    return noisy("gaussians", **parts, labels=[0, 1], rendering="none")


def test_of_a_gaussian_it_is_the_wiener_filter() -> None:
    """E[x | z] = m + C (C + tau^2 I)^-1 (z - m); C - C (C + tau^2 I)^-1 C is left everywhere."""
    gain = COVARIANCE @ np.linalg.inv(COVARIANCE + TAU**2 * np.eye(3))
    left = np.trace(COVARIANCE - gain @ COVARIANCE) / 3
    population, mean = one_gaussian(), np.array([1.0, 2.0, 3.0])
    z = np.random.default_rng(0).normal(size=(50, 3)) * 3
    found = restored(population, z, as_images=False)
    np.testing.assert_allclose(found.mean, mean + (z - mean) @ gain.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.spread, left, rtol=1e-12)
    value, error = least(population)  # by draws, every one of which leaves the same
    assert value == pytest.approx(left, rel=1e-12)
    assert error < 1e-12


def density(x: float, sd: float) -> float:
    return math.exp(-(x**2) / (2 * sd**2)) / (sd * math.sqrt(2 * math.pi))


def mixture(x: float) -> float:
    """pi = .3 of N(1.5, 1), the rest N(-1.5, 1)."""
    return 0.7 * density(x + 1.5, 1.0) + 0.3 * density(x - 1.5, 1.0)


def moments(z: float) -> tuple[float, float, float]:
    """The density of z = x + tau e, and of x given z mean and mean square, by Bayes' rule alone."""
    found = [
        quad(lambda x, k=k: x**k * mixture(x) * density(z - x, TAU), z - 9 * TAU, z + 9 * TAU)[0]
        for k in range(3)
    ]
    return found[0], found[1] / found[0], found[2] / found[0]


def test_of_two_components_it_is_what_integrals_say() -> None:
    """Over x for every z, then over z: 1-D, where `spread` and the least error have no formula."""
    population = noisy("two_gaussians", delta=3.0, dim=1, prior=0.3, rendering="none")
    z = np.linspace(-5, 5, 21)
    by_hand = np.array([moments(value) for value in z])
    found = restored(population, z[:, None], as_images=False)
    np.testing.assert_allclose(found.mean[:, 0], by_hand[:, 1], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.spread, by_hand[:, 2] - by_hand[:, 1] ** 2, rtol=1e-7)

    def term(value: float) -> float:
        mass, first, second = moments(value)
        return mass * (second - first**2)

    value, error = least(population)
    assert value == pytest.approx(quad(term, -13, 13, epsabs=1e-10, limit=200)[0], rel=1e-7)
    assert error == 0.0


def test_dimensions_in_which_the_components_agree_are_wiener_s() -> None:
    """d = 1 by quadrature over z, 15 more at tau^2 / (1 + tau^2) each."""
    (alone, _), (together, error) = (
        least(noisy("two_gaussians", delta=3.0, dim=dim, rendering="none")) for dim in (1, 16)
    )
    assert together == pytest.approx((alone + 15 * TAU**2 / (1 + TAU**2)) / 16, rel=1e-9)
    assert error == 0.0


def test_means_that_span_a_plane() -> None:
    """In four dimensions, against the mean of what is left at draws, which sees all four."""
    means = [[0.0, 0, 0, 0], [2.0, 0, 1, 0], [0.0, 3, 0, 1]]
    parts = {"means": means, "covariances": [1.0] * 3, "labels": [0, 1, 2]}
    population = noisy("gaussians", **parts, rendering="none")
    x = population.sample(40_000, np.random.default_rng(1)).x
    left = restored(population, x, as_images=False).spread
    value, error = least(population)
    assert error == 0.0
    assert abs(left.mean() - value) < 4 * left.std() / 200


def test_large_images_take_no_matrix() -> None:
    """128 x 128 pixels: one of 16,384 rows would be two gigabytes. All but one are Wiener's."""
    parts = {"mu0": -0.005, "mu1": 0.005, "sigma0": 1.0, "sigma1": 1.0, "size": 128}
    value, error = least(noisy("gaussian_images", **parts), as_images=True)
    alone, _ = least(noisy("two_gaussians", delta=1.28, dim=1, rendering="none"))
    assert value == pytest.approx((alone + 16_383 * TAU**2 / (1 + TAU**2)) / 16_384, rel=1e-9)
    assert error == 0.0


LAWS = {
    "plane": ("two_gaussians", {"delta": 4.0, "dim": 3}),
    "bump": ("xor", {"sigma": 0.5, "channels": 2}),
    "slanted": (
        "gaussians",
        {
            "means": [[0, 0], [1, 2.0]],
            "covariances": [[[1, 0.5], [0.5, 1]], [[2, -0.3], [-0.3, 0.5]]],
            "labels": [0, 1],
        },
    ),
    "radial": ("concentric", {"dim": 5, "scale": 3.0}),
    "fitted": (
        "fitted_images",
        {"dataset": "digits", "classes": [3, 8], "dims": 3, "components": 2},
    ),
    "images": ("gaussian_images", {"mu0": -0.2, "mu1": 0.3, "sigma0": 1, "sigma1": 0.5, "size": 4}),
}


@pytest.mark.parametrize("name", LAWS)
def test_clean_and_noisy_drawn_together_agree_with_what_is_known(name: str) -> None:
    """Draw x, then z: the error of E[shown x | z] is the spread on average, and uncorrelated with
    any function of z, here a picture's own brightness and its first coordinate.
    """
    kind, parameters = LAWS[name]
    population = noisy(kind, 0.6, **parameters)
    rng = np.random.default_rng(3)
    x = population.without_feature_noise().sample(20_000, rng).x
    z = x + 0.6 * rng.standard_normal(x.shape)
    for as_images in (True, False):
        show = population.images if as_images else population.vectors
        known = restored(population, z, as_images=as_images)
        assert known.mean.shape == show(z).shape
        gap = (show(x) - known.mean).reshape(len(x), -1)
        terms = np.square(gap).mean(axis=1)
        value, error = least(population, as_images=as_images)
        assert abs(terms.mean() - value) < 4 * math.hypot(terms.std() / len(x) ** 0.5, error)
        assert known.spread.mean() == pytest.approx(value, rel=0.02)
        for factor in (show(z).reshape(len(x), -1).mean(axis=1), z.reshape(len(x), -1)[:, 0]):
            moment = gap * (factor - factor.mean())[:, None]
            standard = moment.mean(axis=0) / (moment.std(axis=0) / len(x) ** 0.5 + 1e-12)
            assert np.abs(standard).max() < 5


@pytest.mark.parametrize("name", LAWS)
def test_the_noise_is_taken_off_again(name: str) -> None:
    kind, parameters = LAWS[name]
    base = make(kind, **parameters)
    population = base.with_feature_noise(0.3).with_feature_noise(0.4)
    assert population.feature_noise == pytest.approx(0.5)
    clean = population.without_feature_noise()
    assert clean.feature_noise == base.feature_noise == 0.0
    first, second = (p.sample(9, np.random.default_rng(2)).x for p in (base, clean))
    np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LAWS)
def test_without_noise_nothing_is_left(name: str) -> None:
    kind, parameters = LAWS[name]
    base = make(kind, **parameters)
    x = base.sample(9, np.random.default_rng(2)).x
    for as_images in (True, False):
        known = restored(base, x, as_images=as_images)
        shown = base.images(x) if as_images else base.vectors(x)
        np.testing.assert_allclose(known.mean, shown, rtol=1e-6, atol=1e-6)
        assert np.abs(known.spread).max() < 1e-12
        assert least(base, as_images=as_images) == (0.0, 0.0)


def test_real_data_have_no_law() -> None:
    population = noisy("digits")
    x = population.sample(3, np.random.default_rng(0)).x
    assert population.restored(x, as_images=True) is None
    assert population.least_error(as_images=True) is None
    assert population.without_feature_noise() == make("digits")


def test_a_teacher_s_inputs_have_no_noise() -> None:
    population = make("teacher", family="linear", depth=1)
    x = population.sample(5, np.random.default_rng(0)).x
    known = restored(population, x, as_images=False)
    assert np.array_equal(known.mean, population.vectors(x))
    assert least(population) == (0.0, 0.0)
    assert population.without_feature_noise() is population


def test_far_apart_components_are_one_gaussian_each() -> None:
    """Delta = 40: which one it is is known, and Wiener's error is left."""
    value, _ = least(noisy("two_gaussians", delta=40.0, dim=1, rendering="none"))
    assert value == pytest.approx(TAU**2 / (1 + TAU**2), rel=1e-9)
    assert ndtr(-20 / math.sqrt(1 + TAU**2)) < 1e-50
