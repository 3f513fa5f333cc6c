"""Shifted images: densities and Bayes risks by scipy in all pixels, shifts of real images."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import chisquare, multivariate_normal

from classcomp.distortions import distort
from classcomp.populations import FittedImages, make
from classcomp.populations.image_mixtures import ShiftedImages
from classcomp.tasks.discrepancy import yardstick
from tests.populations.fitted import COATS, DIGITS, drawn, fitted
from tests.small_trial import experiment_of, finish

DAMAGED = [("none", 0.0), ("feature_noise", 0.4), ("imbalance", 0.85), ("overlap", 0.6)]


def shifted(distortion: str, severity: float, most: int, **given: object) -> ShiftedImages:
    found = distort(fitted(distortion, severity, **given), "shift", most)
    assert isinstance(found, ShiftedImages)
    return found


class Rolled:
    """Every component of small images at every shift, as a Gaussian in all pixels.

    From the coordinates' law and the fit's arrays; nothing is moved but pixels' numbers, by
    numpy's own roll.
    """

    def __init__(self, base: FittedImages, most: int) -> None:
        law, fit = base.coordinates.law, base.fit
        rest = (fit.noise + base.feature_noise**2) * (np.eye(fit.mean.size) - fit.axes.T @ fit.axes)
        self.rest, self.axes = rest, fit.axes
        self.weights, self.labels, self.parts = [], [], []
        steps = range(-most, most + 1)
        for down, right in ((i, j) for i in steps for j in steps):
            places = np.arange(fit.mean.size).reshape(base.image_shape[1:])
            order = np.roll(places, (down, right), axis=(0, 1)).ravel()
            for c, cov in enumerate(law.covariance_matrices()):
                mean = fit.mean + np.array(law.means[c]) @ fit.axes
                whole = fit.axes.T @ cov @ fit.axes + rest
                self.weights.append(law.weights[c] / len(steps) ** 2)
                self.labels.append(law.labels[c])
                self.parts.append((mean[order], whole[np.ix_(order, order)]))

    def log_joint(self, x: np.ndarray) -> np.ndarray:
        """`(n, K)` log of prior times density of each class."""
        flat = x.reshape(len(x), -1).astype(np.float64)
        logs = np.array(
            [
                math.log(weight) + multivariate_normal(*part).logpdf(flat)
                for weight, part in zip(self.weights, self.parts, strict=True)
            ]
        )
        labels = np.array(self.labels)
        return np.array([logsumexp(logs[labels == k], axis=0) for k in range(labels.max() + 1)]).T


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize(("distortion", "severity"), DAMAGED)
def test_density_and_posterior_are_those_of_all_pixels(
    distortion: str, severity: float, most: int
) -> None:
    given = DIGITS | {"components": 1 if most == 3 else 3}
    population = shifted(distortion, severity, most, **given)
    x = np.concatenate([drawn(population, 30)[0], 1.5 * drawn(fitted(**given), 10, 1)[0]])
    joint = Rolled(population.still, most).log_joint(x)
    total = logsumexp(joint, axis=1)
    np.testing.assert_allclose(population.log_density(x), total, rtol=1e-8)
    wanted = np.exp(joint - total[:, None])
    np.testing.assert_allclose(population.posterior(x), wanted, atol=1e-7)
    np.testing.assert_allclose(population.posterior(x).sum(axis=1), 1, rtol=1e-12)
    still = population.still.posterior(x)
    assert np.abs(still - wanted).max() > 0.5  # who does not know of shifts errs


def test_images_far_from_every_shift_have_a_posterior() -> None:
    population = shifted("none", 0.0, 2, **DIGITS)
    x = np.stack([np.full((1, 8, 8), 1e4), np.full((1, 8, 8), -30.0), np.zeros((1, 8, 8))])
    np.testing.assert_allclose(population.posterior(x).sum(axis=1), 1, rtol=1e-12)
    assert np.isfinite(population.log_density(x)).all()
    assert population.posterior(x[:0]).shape == (0, 3)


def importance_sampled(population: ShiftedImages, num: int) -> tuple[float, float]:
    """R* and its error: components and shifts all alike likely, wider by a tenth, by scipy."""
    law = Rolled(population.still, population.shift)
    rng = np.random.default_rng(12)
    chosen = rng.integers(len(law.parts), size=num)
    x = np.empty((num, 64))
    wide = [multivariate_normal(mean, 1.1 * cov) for mean, cov in law.parts]
    for c, part in enumerate(wide):
        x[chosen == c] = part.rvs((chosen == c).sum(), random_state=rng).reshape(-1, 64)
    proposal = logsumexp([part.logpdf(x) for part in wide], axis=0) - math.log(len(wide))
    joint = np.exp(law.log_joint(x) - proposal[:, None])
    terms = joint.sum(axis=1) - joint.max(axis=1)
    return float(terms.mean()), float(terms.std(ddof=1) / math.sqrt(num))


@pytest.mark.long
@pytest.mark.parametrize(("distortion", "severity"), [DAMAGED[1], DAMAGED[3]])
def test_bayes_risk_by_importance_sampling(distortion: str, severity: float) -> None:
    population = shifted(distortion, severity, 1, **DIGITS)
    found = population.bayes_risk()
    value, error = importance_sampled(population, 6_000)
    assert 0 < found.standard_error < 0.03 * found.value
    assert 0 < error < 0.15 * value
    assert abs(found.value - value) < 3 * math.hypot(error, found.standard_error)


@pytest.mark.long
def test_bayes_risk_is_the_rule_s_error_on_drawn_images() -> None:
    """Labels that were drawn with images of 28 pixels a side; the unshifted rule errs far more."""
    population = shifted("none", 0.0, 2, **COATS, dims=10)
    x, labels = drawn(population, 10_000, 5)
    found = population.bayes_risk()
    wrong = (population.posterior(x).argmax(axis=1) != labels).mean()
    error = math.sqrt(found.value * (1 - found.value) / len(labels))
    assert abs(wrong - found.value) < 3 * math.hypot(error, found.standard_error)
    assert (population.still.posterior(x[:2_000]).argmax(axis=1) != labels[:2_000]).mean() > 0.3


def test_no_shift_is_the_law_itself() -> None:
    base = fitted(**DIGITS)
    assert distort(base, "shift", 0.0) is base
    assert base.with_shift(0) is base
    moved = distort(base, "shift", 2.0)
    assert moved != base
    assert (moved.undistorted, hash(moved.undistorted)) == (base, hash(base))
    assert moved == distort(base, "shift", 2)
    assert moved.with_feature_noise(0.3).without_feature_noise().shift == 2
    assert moved.label == base.label


def test_images_of_one_stream_are_the_unshifted_law_s_moved() -> None:
    """Each of the 25 shifts as often as the others, whichever class it is."""
    base = fitted(**DIGITS)
    (x, labels), (there, same) = (drawn(p, 2_000, 3) for p in (base, base.with_shift(2)))
    assert (labels == same).all()
    steps = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]
    gaps = [np.abs(np.roll(x, by, axis=(2, 3)) - there).max(axis=(1, 2, 3)) for by in steps]
    assert np.min(gaps, axis=0).max() == 0
    which = np.argmin(gaps, axis=0)
    for k in range(3):
        assert chisquare(np.bincount(which[labels == k], minlength=25)).pvalue > 1e-3


def test_noise_is_taken_off_shift_by_shift() -> None:
    """E[x | z] and what is left of it, by Wiener's filter of every Gaussian in all pixels."""
    population = shifted("feature_noise", 0.3, 1, **DIGITS)
    z = drawn(population, 20)[0]
    law = Rolled(population.still, 1)
    clean = Rolled(population.without_feature_noise().still, 1)
    flat = z.reshape(len(z), -1).astype(np.float64)
    logs, means, spreads = [], [], []
    for weight, (mean, cov), (_, own) in zip(law.weights, law.parts, clean.parts, strict=True):
        logs.append(math.log(weight) + multivariate_normal(mean, cov).logpdf(flat))
        gain = own @ np.linalg.inv(own + 0.09 * np.eye(64))
        means.append(mean + (flat - mean) @ gain.T)
        spreads.append(np.trace(own - gain @ own))
    share = np.exp(logs - logsumexp(logs, axis=0))
    mean = np.einsum("cn,cnd->nd", share, means)
    square = np.einsum("cn,cn->n", share, np.array(spreads)[:, None] + np.square(means).sum(axis=2))
    spread = (square - np.square(mean).sum(axis=1)) / 64
    known = population.restored(z, as_images=True)
    np.testing.assert_allclose(known.mean.reshape(len(z), -1), mean, atol=1e-5)
    np.testing.assert_allclose(known.spread, spread, rtol=1e-4)
    np.testing.assert_array_equal(
        population.restored(z, as_images=False).mean, known.mean.reshape(len(z), -1)
    )


def test_the_least_error_is_what_is_left_of_drawn_noise() -> None:
    population = shifted("feature_noise", 0.3, 1, **DIGITS)
    rng = np.random.default_rng(4)
    x = population.without_feature_noise().sample(3_000, rng).x
    z = x + 0.3 * rng.standard_normal(x.shape)
    terms = np.square(population.restored(z, as_images=True).mean - x).mean(axis=(1, 2, 3))
    known = population.least_error(as_images=True)
    error = terms.std(ddof=1) / math.sqrt(len(terms))
    assert abs(terms.mean() - known.value) < 3 * math.hypot(error, known.standard_error)
    assert population.without_feature_noise().least_error(as_images=True).value == 0


def test_pixels_that_are_all_alike_are_so_anywhere() -> None:
    law = make("gaussian_images", mu0=0.0, mu1=0.2, sigma0=1.0, sigma1=1.5, size=4)
    assert distort(law, "shift", 1) is law
    with pytest.raises(ValueError, match=r"shift = 2: images of gaussian_images.*are 0 to 1"):
        distort(law, "shift", 2)
    x = law.sample(20, np.random.default_rng(0)).x
    np.testing.assert_allclose(law.posterior(np.roll(x, (1, -1), (2, 3))), law.posterior(x))


def test_a_discrepancy_takes_pairs_of_images() -> None:
    """No closed form; the ruler stays the undistorted law's."""
    base = fitted(**DIGITS)
    yard = yardstick(base.with_shift(1))
    assert yard.mixture is None
    assert yard.bandwidth == yardstick(base).bandwidth


def test_a_trial_is_scored_with_its_bayes_rule() -> None:
    trial = {
        "population_name": "fitted_images",
        "population_parameters": DIGITS,
        "distortion": "shift",
        "severity": 1.0,
    }
    outcome = finish(experiment_of(**trial)).outcome.metrics
    known = shifted("none", 0.0, 1, **DIGITS).bayes_risk()
    assert outcome["bayes_risk"] == known.value
    assert outcome["risk"] == pytest.approx(outcome["excess_risk"] + known.value)
    assert outcome["excess_risk"] > 0


def real(most: float) -> tuple[object, object]:
    base = make("digits", classes=[3, 8])
    return tuple(
        p.sample(40, np.random.default_rng(3), split="train")
        for p in (base, distort(base, "shift", most))
    )


def test_real_images_are_moved_anew_at_every_visit() -> None:
    """40 images, 200 visits: each of the nine shifts as often as the others, and none besides."""
    clean, moved = real(1)
    every = np.arange(40)
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    rolled = np.array([np.roll(clean.x, by, axis=(2, 3)) for by in steps])
    counts = np.zeros(9, dtype=int)
    for seed in range(200):
        x = moved.damage(every, np.random.default_rng(seed))
        gaps = np.abs(rolled - x).max(axis=(2, 3, 4))
        assert gaps.min(axis=0).max() == 0
        counts += np.bincount(gaps.argmin(axis=0), minlength=9)
    assert chisquare(counts).pvalue > 1e-3
    assert (clean.labels == moved.labels).all()
    assert distort(make("digits"), "shift", 1).posterior(clean.x) is None


def test_what_is_real_is_moved_whole_and_its_noise_is_not() -> None:
    """Blended first, then moved, then noise: of 400 visits the mean noise is .3/20 a pixel."""
    base = make("digits", classes=[3, 8]).with_shift(1).with_feature_noise(0.3)
    sample = base.sample(5, np.random.default_rng(0), split="train")
    alone = make("digits", classes=[3, 8]).sample(5, np.random.default_rng(0), split="train").x
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    mean = np.mean([np.roll(alone, by, axis=(2, 3)) for by in steps], axis=0)
    seen = [sample.damage(np.arange(5), np.random.default_rng(seed)) for seed in range(400)]
    spread = np.std([np.roll(alone, by, axis=(2, 3)) for by in steps], axis=0)
    error = np.sqrt((spread**2 + 0.09) / 400)
    assert (np.abs(np.mean(seen, axis=0) - mean) < 5 * error).all()
    assert base.undistorted.shift == 0


@pytest.mark.parametrize(
    ("name", "given", "most", "line"),
    [
        ("two_gaussians", {"delta": 2.0}, 1, "has points, rendered or not; allowed with images"),
        ("digits", {}, 4, r"shift = 4: images of digits have 8 pixels a side; allowed are 0 to 3"),
        ("digits", {}, 0.5, r"shift = 0.5: must be a whole number of pixels"),
        ("digits", {}, -1, r"shift = -1: must be a whole number of pixels, 0 or more"),
        ("fitted_images", DIGITS, 1e300, r"shift = 1e\+300: images of"),
        ("teacher", {"family": "linear"}, 1, "a teacher's posterior is lost by shift = 1: only 0"),
    ],
)
def test_what_cannot_be_shifted(name: str, given: dict, most: float, line: str) -> None:
    with pytest.raises(ValueError, match=line) as error:
        distort(make(name, **given), "shift", most)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "given"), [("digits", {}), ("fitted_images", DIGITS)])
def test_a_shift_of_what_is_shifted_is_refused(name: str, given: dict) -> None:
    """Two uniform shifts in a row are not a uniform one."""
    once = make(name, **given).with_shift(1)
    with pytest.raises(ValueError, match=r"shift = 2: images are shifted already \(by up to 1\)"):
        once.with_shift(2)
