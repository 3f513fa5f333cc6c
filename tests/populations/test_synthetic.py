"""Synthetic laws: labels, posteriors, distortions as properties, caching, one-line refusals."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classcomp.distortions import DISTORTIONS, NEUTRAL, distort, flip_labels, noisy_risk
from classcomp.populations import POPULATIONS, SPLITS, make
from classcomp.populations.bayes_risk import mixture_bayes_risk

IMAGES = {"mu0": 0.0, "mu1": 0.3, "sigma0": 1.0, "sigma1": 1.5, "size": 8}
FITTED = {"dataset": "fashion_mnist", "classes": [2, 4], "dims": 5, "components": 8}
LAWS = {
    "two_gaussians": {"delta": 2.0, "dim": 3, "prior": 0.3},
    "gaussians": {
        "means": [[0, 0], [1, 1], [2, -1]],
        "covariances": [1, [[1, 0.5], [0.5, 2]], 0.3],
        "labels": [0, 1, 2],
    },
    "xor": {},
    "concentric": {"dim": 2},
    "checkerboard": {},
    "gaussian_images": IMAGES,
    "fitted_images": FITTED,
}
names = st.sampled_from(sorted(LAWS))
SEVERITIES = {
    "label_noise": st.floats(0, 0.499),
    "feature_noise": st.floats(0, 5),
    "imbalance": st.floats(0.001, 0.999),
    "overlap": st.floats(0, 0.999),
}
# What most of these laws refuse has a file of its own, test_shifted_images.py.
OF_ALL = [name for name in DISTORTIONS if name != "shift"]
damages = st.sampled_from(OF_ALL).flatmap(lambda d: st.tuples(st.just(d), SEVERITIES[d]))


@pytest.mark.parametrize(
    ("name", "params", "label"),
    [
        ("xor", {}, "xor(sigma=0.5)"),
        ("xor", {"sigma": 1}, "xor(sigma=1)"),
        ("xor", {"rendering": "bump", "size": 8}, "xor(sigma=0.5)"),
        ("xor", {"rendering": "plane"}, "xor(sigma=0.5, rendering=plane)"),
        ("xor", {"size": 16, "channels": 3}, "xor(sigma=0.5, size=16, channels=3)"),
        ("xor", {"sigma": 0.12345678}, "xor(sigma=0.12345678)"),
        ("two_gaussians", {"delta": 2.0}, "two_gaussians(delta=2, dim=2, prior=0.5)"),
        ("concentric", {}, "concentric(scale=2, dim=2)"),
        ("checkerboard", {"sigma": 0.25}, "checkerboard(cells=4, sigma=0.25)"),
        (
            "gaussian_images",
            IMAGES,
            "gaussian_images(mu0=0, mu1=0.3, sigma0=1, sigma1=1.5, size=8, prior=0.5)",
        ),
        (
            "fitted_images",
            FITTED,
            "fitted_images(dataset=fashion_mnist, classes=[2, 4], dims=5, components=8, "
            "fit=5e33bc0c8b92)",
        ),
        (
            "gaussians",
            {"means": [[0, 0], [1, 1]], "covariances": [1, 2], "labels": [0, 1]},
            "gaussians(means=[[0, 0], [1, 1]], covariances=[1, 2], labels=[0, 1])",
        ),
    ],
)
def test_labels_are_canonical(name, params, label):
    assert make(name, **params).label == label
    assert make(name, data_dir="/nowhere", **params) == make(name, **params)


@settings(max_examples=60, deadline=None)
@given(name=names, damage=damages, seed=st.integers(0, 2**32))
def test_posterior_is_a_distribution_far_out_as_well(name, damage, seed):
    population = distort(make(name, **LAWS[name]), *damage)
    x = population.sample(40, np.random.default_rng(seed)).x
    eta = population.posterior(np.concatenate([x, 1e3 * x]))
    assert eta.shape == (80, population.num_classes)
    assert (eta >= 0).all()
    np.testing.assert_allclose(eta.sum(axis=1), 1, atol=1e-12)
    assert population.prior.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", sorted(LAWS))
@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_neutral_severity_changes_nothing(name, distortion):
    population = make(name, **LAWS[name])
    assert distort(population, distortion, NEUTRAL[distortion]) is population
    assert distort(population, "none", 0.0) is population
    neutral = {
        "label_noise": population.with_label_noise(0.0),
        "feature_noise": population.with_feature_noise(0.0),
        "imbalance": population.with_imbalance(1.0),
        "overlap": population.with_overlap(0.0),
        "shift": population.with_shift(0),
    }[distortion]
    x = population.sample(50, np.random.default_rng(0)).x
    np.testing.assert_allclose(neutral.posterior(x), population.posterior(x), atol=1e-12)
    assert neutral.bayes_risk().value == pytest.approx(population.bayes_risk().value, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(name=names, severity=SEVERITIES["imbalance"])
def test_imbalance_multiplies_the_odds_of_class_one(name, severity):
    base = make(name, **LAWS[name]).prior
    tilted = distort(make(name, **LAWS[name]), "imbalance", severity).prior
    odds = severity / (1 - severity)
    for k in range(len(base)):
        if k != 1:
            assert tilted[1] / tilted[k] == pytest.approx(odds * base[1] / base[k], rel=1e-9)
    if len(base) == 2 and base[1] == 0.5:
        assert tilted[1] == pytest.approx(severity, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(tau=st.floats(0, 5), s=st.floats(0, 0.99))
def test_feature_noise_adds_to_covariances_and_overlap_shrinks_distances(tau, s):
    base = make("gaussians", **LAWS["gaussians"]).law
    noisy = make("gaussians", **LAWS["gaussians"]).with_feature_noise(tau).law
    added = noisy.covariance_matrices() - base.covariance_matrices()
    np.testing.assert_allclose(added, np.tile(tau**2 * np.eye(2), (3, 1, 1)), atol=1e-12)
    assert noisy.means == base.means
    closer = make("gaussians", **LAWS["gaussians"]).with_overlap(s).law
    np.testing.assert_allclose(
        np.diff(closer.means, axis=0), (1 - s) * np.diff(base.means, axis=0), atol=1e-12
    )
    assert closer.covariances == base.covariances


def test_sampled_moments_follow_the_law():
    """100,000 draws: a covariance entry off by 0.05 is 7 standard errors or more."""
    population = make("gaussians", **LAWS["gaussians"]).with_feature_noise(0.5)
    sample = population.sample(100_000, np.random.default_rng(3))
    for k, cov in enumerate(population.law.covariance_matrices()):
        points = sample.x[sample.labels == k]
        assert len(points) / 100_000 == pytest.approx(1 / 3, abs=0.007)
        np.testing.assert_allclose(points.mean(axis=0), population.law.means[k], atol=0.035)
        np.testing.assert_allclose(np.cov(points.T), cov, atol=0.07)


def test_distorted_samples_of_one_stream_are_coupled():
    base = make("two_gaussians", delta=2.0)
    plain = base.sample(100, np.random.default_rng(1))
    noisy = base.with_feature_noise(1.0).sample(100, np.random.default_rng(1))
    assert (plain.labels == noisy.labels).all()
    centre = np.array(base.law.means)[plain.labels]
    np.testing.assert_allclose(noisy.x - centre, np.sqrt(2) * (plain.x - centre))


@settings(max_examples=30, deadline=None)
@given(rho=st.floats(0, 0.49), num_classes=st.integers(2, 10), seed=st.integers(0, 2**32))
def test_flipped_labels_are_other_classes_at_the_stated_rate(rho, num_classes, seed):
    """4,000 labels: a rate off by 0.06 is seen; chance of a false alarm 5e-14 per example."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes, size=4_000)
    flipped = flip_labels(labels, rho, num_classes, rng)
    assert flipped.dtype == np.int64
    assert ((flipped >= 0) & (flipped < num_classes)).all()
    assert abs((flipped != labels).mean() - rho) < 0.06


def test_flips_spread_evenly_over_the_other_classes():
    flipped = flip_labels(np.full(60_000, 2), 0.3, 4, np.random.default_rng(0))
    shares = np.bincount(flipped, minlength=4) / 60_000
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.7, 0.1], atol=0.008)


def test_noisy_risk_is_what_flipped_labels_give():
    """Three classes, N = 200,000: the formula for two classes would be off by .04, 35 SE."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=200_000)
    predictions = np.where(rng.random(200_000) < 0.4, (labels + 1) % 3, labels)
    clean = (predictions != labels).mean()
    noisy = (predictions != flip_labels(labels, 0.2, 3, rng)).mean()
    assert noisy == pytest.approx(noisy_risk(clean, 0.2, 3), abs=0.005)
    assert noisy_risk(0.1, 0.2, 2) == pytest.approx(0.2 + 0.6 * 0.1)


def test_repeated_distortions_compose():
    xor = make("xor")
    twice = xor.with_label_noise(0.1).with_label_noise(0.2)
    assert twice.label_noise == pytest.approx(0.1 * 0.8 + 0.9 * 0.2)
    assert twice.law == xor.law
    np.testing.assert_allclose(
        xor.with_feature_noise(3).with_feature_noise(4).law.covariances, 0.25 + 25
    )


def test_label_noise_leaves_the_law_clean():
    xor = make("xor")
    noisy = distort(xor, "label_noise", 0.3)
    assert noisy.label_noise == 0.3
    assert noisy.bayes_risk() == xor.bayes_risk()
    first, second = (p.sample(20, np.random.default_rng(0)) for p in (xor, noisy))
    assert (first.labels == second.labels).all()


def test_bayes_risk_is_computed_once_for_equal_laws():
    first = make("checkerboard", cells=3, sigma=0.61).with_overlap(0.123)
    second = make("checkerboard", cells=3, sigma=0.61).with_overlap(0.123)
    assert first is not second
    assert first == second
    first.bayes_risk()
    before = mixture_bayes_risk.cache_info()
    second.bayes_risk()
    after = mixture_bayes_risk.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


@pytest.mark.parametrize("name", sorted(LAWS))
def test_populations_travel_between_processes(name):
    population = make(name, **LAWS[name]).with_feature_noise(0.5)
    copy = pickle.loads(pickle.dumps(population))
    assert copy == population
    one, other = (p.sample(7, np.random.default_rng(2)) for p in (population, copy))
    np.testing.assert_array_equal(one.x, other.x)


@pytest.mark.parametrize("name", sorted(LAWS))
def test_shapes_and_types(name):
    population = make(name, **LAWS[name])
    sample = population.sample(5, np.random.default_rng(0), split="train")
    assert sample.labels.dtype == np.int64
    assert population.vectors(sample.x).dtype == np.float32
    assert population.vectors(sample.x).shape == (5, *population.vector_shape)
    assert population.images(sample.x).dtype == np.float32
    assert population.images(sample.x).shape == (5, *population.image_shape)
    assert [population.num_available(split) for split in SPLITS] == [None] * 4


def test_every_law_is_tested():
    real = {"digits", "fashion_mnist", "mnist", "cifar10", "arrays", "image_folder"}
    # `teacher` has a file of its own: its laws are networks.
    assert set(LAWS) | real | {"teacher"} == set(POPULATIONS)


def one_line(call):
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "params", "says"),
    [
        ("xro", {}, "two_gaussians"),
        ("xor", {"sigma": 0}, "sigma = 0: must be a number in (0, inf)"),
        ("xor", {"sigma": True}, "sigma = True"),
        ("xor", {"sigma": float("nan")}, "sigma = nan"),
        ("xor", {"scale": 2}, "it takes sigma, rendering, size, channels"),
        ("xor", {"size": 65}, "size = 65: must be a whole number from 8 to 64"),
        ("xor", {"rendering": "photo"}, "bump, plane, none"),
        ("two_gaussians", {}, "'delta' is missing"),
        ("two_gaussians", {"delta": 2, "dim": 2.5}, "dim = 2.5"),
        ("two_gaussians", {"delta": 2, "prior": 1}, "prior = 1"),
        ("two_gaussians", {"delta": 2, "dim": 3, "rendering": "bump"}, "dimension 2, not 3"),
        ("two_gaussians", {"delta": 2, "dim": 64}, "raise size"),
        ("concentric", {"scale": 1}, "differ from 1"),
        ("checkerboard", {"cells": 1}, "cells = 1"),
        ("gaussian_images", IMAGES | {"mu1": 0.0, "sigma1": 1.0}, "differ"),
        ("gaussians", LAWS["gaussians"] | {"labels": [0, 1, 3]}, "every class"),
        ("gaussians", LAWS["gaussians"] | {"labels": [0, 1]}, "list of 3"),
        ("gaussians", LAWS["gaussians"] | {"means": [[0, 0], [1]]}, "list of points"),
        ("gaussians", LAWS["gaussians"] | {"weights": [1, 0, 1]}, "weights = 0"),
        (
            "gaussians",
            LAWS["gaussians"] | {"covariances": [1, [[1, 2], [2, 1]], 1]},
            "positive definite",
        ),
    ],
)
def test_wrong_requests_are_refused_in_one_line(name, params, says):
    assert says in one_line(lambda: make(name, **params))


@pytest.mark.parametrize(
    ("distortion", "severity"),
    [
        ("label_noise", 0.5),
        ("label_noise", -0.1),
        ("feature_noise", -1e-9),
        ("feature_noise", float("inf")),
        ("imbalance", 0.0),
        ("imbalance", 1.0),
        ("overlap", 1.0),
        ("overlap", -0.1),
    ],
)
def test_severities_out_of_range_are_refused(distortion, severity):
    message = one_line(lambda: distort(make("xor"), distortion, severity))
    assert message.startswith(f"{distortion} = {severity!r}: must be a number in")
    assert "is unknown" in one_line(lambda: distort(make("xor"), "blur", severity))


def test_split_and_num_are_checked():
    rng = np.random.default_rng(0)
    assert "whole_train" in one_line(lambda: make("xor").sample(3, rng, split="dev"))
    assert "num = -1" in one_line(lambda: make("xor").sample(-1, rng))
