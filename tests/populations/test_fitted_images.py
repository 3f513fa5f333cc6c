"""Fitted images: densities in all pixels by scipy, Bayes risks by importance sampling, the fits."""

import math
import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from classcomp.corruption import outliers
from classcomp.draws import Examples
from classcomp.populations import FittedImages, make
from classcomp.scoring import classes_of
from tests.populations.fitted import COATS, DIGITS, drawn, fitted

DISTORTED = [
    ("none", 0.0),
    ("feature_noise", 0.4),
    ("imbalance", 0.85),
    ("overlap", 0.6),
]


def joint_in_all_pixels(base: FittedImages, x: np.ndarray, **by: float) -> np.ndarray:
    """`(n, K)` log of prior times density, from the fit's arrays by scipy, in every pixel."""
    fit = base.fit
    pixels = fit.mean.size
    across = fit.noise * (np.eye(pixels) - fit.axes.T @ fit.axes)
    noise = by.get("feature_noise", 0.0) ** 2 * np.eye(pixels)
    places = [fit.wanted.classes.index(k) for k in base.classes]
    means = fit.means[places]
    centre = means.reshape(-1, fit.axes.shape[0]).mean(axis=0)
    means = centre + (1 - by.get("overlap", 0.0)) * (means - centre)
    shares = fit.shares[places].copy()
    odds = by.get("imbalance", 0.5)
    shares[1] *= odds / (1 - odds)
    shares /= shares.sum()
    flat = x.reshape(len(x), -1).astype(np.float64)
    out = np.empty((len(x), len(places)))
    for k, place in enumerate(places):
        logs = [
            math.log(shares[k] * weight)
            + multivariate_normal(
                fit.mean + mean @ fit.axes, fit.axes.T @ cov @ fit.axes + across + noise
            ).logpdf(flat)
            for weight, mean, cov in zip(
                fit.weights[place], means[k], fit.covariances[place], strict=True
            )
        ]
        out[:, k] = logsumexp(logs, axis=0)
    return out


@pytest.mark.parametrize(("distortion", "severity"), DISTORTED)
def test_density_and_posterior_are_those_of_all_pixels(distortion: str, severity: float) -> None:
    base = fitted(**DIGITS)
    population = fitted(distortion, severity, **DIGITS)
    x = np.concatenate([drawn(population, 40)[0], drawn(base, 10, 1)[0] * 1.5])
    joint = joint_in_all_pixels(base, x, **{distortion: severity})
    total = logsumexp(joint, axis=1)
    np.testing.assert_allclose(population.log_density(x), total, rtol=1e-8)
    np.testing.assert_allclose(population.posterior(x), np.exp(joint - total[:, None]), atol=1e-7)
    wanted = np.exp(joint[:40] - total[:40, None])
    assert (wanted.max(axis=1) < 0.99).mean() > 0.05  # some are in doubt


def test_density_of_large_images_too() -> None:
    """784 pixels, of which one has a variance a ten-thousandth of another's."""
    population = fitted(**COATS, dims=5)
    x = drawn(population, 6)[0]
    flat, fit = x.reshape(6, -1) - population.fit.mean, population.fit
    across = fit.noise * (np.eye(784) - fit.axes.T @ fit.axes)
    joint = np.empty((6, 16))
    for c, (weight, mean, cov) in enumerate(
        zip(
            (fit.shares[:, None] * fit.weights).ravel(),
            fit.means.reshape(16, 5),
            fit.covariances.reshape(16, 5, 5),
            strict=True,
        )
    ):
        full, away = fit.axes.T @ cov @ fit.axes + across, flat - mean @ fit.axes
        square = (away * np.linalg.solve(full, away.T).T).sum(axis=1)
        log_norm = np.linalg.slogdet(2 * np.pi * full)[1]
        joint[:, c] = math.log(weight) - (square + log_norm) / 2
    total = logsumexp(joint, axis=1)
    np.testing.assert_allclose(population.log_density(x), total, rtol=1e-9)
    one = np.exp(logsumexp(joint[:, 8:], axis=1) - total)
    np.testing.assert_allclose(population.posterior(x)[:, 1], one, atol=1e-8)


def importance_sampled(population: FittedImages, num: int) -> tuple[float, float]:
    """R* and its error by draws of wider components, all alike likely, densities by scipy."""
    law, rng = population.coordinates.law, np.random.default_rng(11)
    covariances = law.covariance_matrices()
    wide = [
        multivariate_normal(mean, 1.4 * cov)
        for mean, cov in zip(law.means, covariances, strict=True)
    ]
    own = [multivariate_normal(mean, cov) for mean, cov in zip(law.means, covariances, strict=True)]
    chosen = rng.integers(len(own), size=num)
    u = np.empty((num, law.dim))
    for c, component in enumerate(wide):
        u[chosen == c] = component.rvs((chosen == c).sum(), random_state=rng).reshape(-1, law.dim)
    proposal = np.mean([component.pdf(u) for component in wide], axis=0)
    joint = np.zeros((num, law.num_classes))
    for c, component in enumerate(own):
        joint[:, law.labels[c]] += law.weights[c] * component.pdf(u)
    terms = (joint.sum(axis=1) - joint.max(axis=1)) / proposal
    return float(terms.mean()), float(terms.std(ddof=1) / math.sqrt(num))


@pytest.mark.long
@pytest.mark.parametrize(("distortion", "severity"), DISTORTED)
@pytest.mark.parametrize("given", [COATS | {"dims": 10}, DIGITS], ids=["coats", "digits"])
def test_bayes_risk_by_importance_sampling(given: dict, distortion: str, severity: float) -> None:
    population = fitted(distortion, severity, **given)
    found = population.bayes_risk()
    assert 0 < found.standard_error < 0.0005
    value, error = importance_sampled(population, 40_000)
    assert error < 0.02 * value + 0.0005
    assert abs(found.value - value) < 3 * math.hypot(error, found.standard_error)


@pytest.mark.parametrize(("distortion", "severity"), DISTORTED)
def test_bayes_risk_is_the_rule_s_error_on_drawn_images(distortion: str, severity: float) -> None:
    population = fitted(distortion, severity, **COATS, dims=10)
    x, labels = drawn(population, 10_000, 5)
    wrong = (population.posterior(x).argmax(axis=1) != labels).mean()
    risk = population.bayes_risk().value
    assert abs(wrong - risk) < 3 * math.sqrt(risk * (1 - risk) / len(labels))


@pytest.mark.long
@pytest.mark.parametrize(("dims", "risk"), [(2, 0.3046), (5, 0.2031), (10, 0.0761)])
def test_bayes_risks_that_others_found(dims: int, risk: float) -> None:
    """Issue 12's figures, of other code and other draws: to the third digit."""
    found = fitted(**COATS, dims=dims).bayes_risk()
    assert found.value == pytest.approx(risk, abs=0.001)
    assert (found.standard_error == 0) == (dims == 2)  # quadrature


def test_the_rest_is_the_same_noise_for_all_classes() -> None:
    """Variances of 60 directions, 7,000 draws of a class: to 1.7% each, .2% together."""
    tau = 0.2
    population = fitted("feature_noise", tau, **DIGITS)
    fit = population.fit
    x, labels = drawn(population, 21_000)
    u, rest = population.parts(x)
    others = np.linalg.svd(fit.axes)[2][4:]  # an orthonormal basis of what is left
    np.testing.assert_allclose(rest @ fit.axes.T, 0, atol=1e-5)
    in_them = rest @ others.T
    for k in range(3):
        mine = in_them[labels == k]
        wanted = fit.noise + tau**2
        assert np.square(mine).mean() == pytest.approx(wanted, rel=0.01)
        np.testing.assert_allclose(mine.var(axis=0), wanted, rtol=0.09)
        np.testing.assert_allclose(mine.mean(axis=0), 0, atol=5 * math.sqrt(wanted / len(mine)))
        along = np.corrcoef(np.hstack([u[labels == k], mine]).T)[:4, 4:]
        assert np.abs(along).max() < 5 / math.sqrt(len(mine))
    shares = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(shares, population.prior, atol=0.015)


def test_moments_of_the_images_are_the_training_part_s() -> None:
    """PCA keeps mean and first variances, EM a class's mean: of 360 digits and 50,000 draws."""
    classes = [3, 8, 9]
    population = fitted(**DIGITS | {"classes": classes})
    real = make("digits", classes=classes)
    num = real.num_available("whole_train")
    sample = real.sample(num, np.random.default_rng(0), split="whole_train")
    x, labels = drawn(population, 50_000)
    for k in range(3):
        ours, theirs = (a[b == k].reshape(-1, 64) for a, b in ((x, labels), sample_of(sample)))
        gap = (ours.mean(axis=0) - theirs.mean(axis=0)) @ population.fit.axes.T
        assert np.abs(gap).max() < 0.03
    whole = sample.x.reshape(num, -1).astype(np.float64)
    total = np.var(whole, axis=0, ddof=1).sum()
    assert np.var(x.reshape(50_000, -1), axis=0).sum() == pytest.approx(total, rel=0.01)


def sample_of(sample: object) -> tuple[np.ndarray, np.ndarray]:
    return sample.x, sample.labels


def test_distorted_images_of_one_stream_are_coupled() -> None:
    base = fitted(**DIGITS)
    (x, labels), (closer, same) = (drawn(p, 50, 3) for p in (base, base.with_overlap(0.5)))
    assert (labels == same).all()
    np.testing.assert_allclose(base.parts(x)[1], base.parts(closer)[1], atol=1e-5)
    noisy, _ = drawn(base.with_feature_noise(0.5), 50, 3)
    ratio = math.sqrt((base.fit.noise + 0.25) / base.fit.noise)
    np.testing.assert_allclose(base.parts(noisy)[1], ratio * base.parts(x)[1], atol=1e-4)


def test_memory_is_what_the_dry_run_counts() -> None:
    """`study.planning.cost`: 32 bytes a pixel while examples are made; the posterior needs less."""
    population, num = fitted(**COATS, dims=10), 2_000
    most = 32 * 784 * num
    tracemalloc.start()
    x = drawn(population, num)[0]
    made = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    population.posterior(x)
    told = tracemalloc.get_traced_memory()[1] - x.nbytes
    tracemalloc.stop()
    assert 12 * 784 * num < made < most
    assert told < most / 2


def test_the_order_of_classes_is_that_of_the_labels() -> None:
    one, other = (fitted(**COATS | {"classes": c}, dims=5) for c in ([2, 4], [4, 2]))
    assert (one.class_names, other.class_names) == (("Pullover", "Coat"), ("Coat", "Pullover"))
    assert one.fit == other.fit
    assert one != other
    x = drawn(one, 30)[0]
    np.testing.assert_allclose(one.posterior(x), other.posterior(x)[:, ::-1], atol=1e-12)
    assert fitted(**DIGITS).class_names == ()


def test_they_are_treated_as_the_set_that_they_look_like() -> None:
    """Outliers among digits are spots; classes have their names beside a law's decisions."""
    like_digits, coats = fitted(**DIGITS), fitted(**COATS, dims=5)
    x, real = drawn(like_digits, 8)[0], make("digits", classes=[3, 8])
    ours, theirs = (outliers(x, p, np.random.default_rng(1)) for p in (like_digits, real))
    np.testing.assert_array_equal(ours, theirs)
    assert (outliers(x, coats, np.random.default_rng(1)) != ours).any()
    inputs = torch.from_numpy(drawn(coats, 8)[0])
    kept = classes_of(Examples(inputs=inputs, labels=torch.zeros(8, dtype=torch.int64)), coats)
    assert kept["class_names"].tolist() == ["Pullover", "Coat"]


def test_a_law_is_its_label_and_its_fingerprint() -> None:
    population = fitted(**COATS, dims=10)
    assert population.label == (
        "fitted_images(dataset=fashion_mnist, classes=[2, 4], dims=10, components=8, "
        "fit=db0deb7f706a)"
    )
    copy = pickle.loads(pickle.dumps(population))
    assert (copy, hash(copy)) == (population, hash(population))
    np.testing.assert_array_equal(drawn(copy, 5)[0], drawn(population, 5)[0])
    other = replace(population.fit, fingerprint="0" * 12)
    assert replace(population, fit=other) != population
    widest = max(len(c) for c in population.coordinates.law.covariances)
    assert widest == 10  # no key of 784 x 784 numbers
