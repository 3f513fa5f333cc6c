"""Scores of decisions for classes against sums done by hand and against each other."""

import numpy as np
import pytest

from classcomp.populations import make
from classcomp.scores.classes import (
    PROBABILITY_FLOOR,
    balanced_risk,
    calibration_error,
    excess_cross_entropy,
)

ETA = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])


def test_balanced_risk_by_hand_from_labels():
    labels = np.array([0, 0, 0, 0, 1, 1])
    estimate = balanced_risk(labels, np.array([0, 0, 0, 1, 0, 1]), num_classes=2)
    assert estimate.value == pytest.approx((1 / 4 + 1 / 2) / 2)
    by_hand = np.sqrt((0.25 * 0.75 / 4 + 0.5 * 0.5 / 2) / 4)
    assert estimate.standard_error == pytest.approx(by_hand)


def test_balanced_risk_by_hand_from_posterior():
    estimate = balanced_risk(
        np.zeros(3, dtype=int), np.array([1, 1, 0]), num_classes=2, posterior=ETA
    )
    assert estimate.value == pytest.approx((1.2 / 1.7 + 0.5 / 1.3) / 2)


def test_balanced_risk_is_unknown_where_a_class_is_missing():
    estimate = balanced_risk(np.zeros(3, dtype=int), np.zeros(3, dtype=int), num_classes=2)
    assert np.isnan(estimate.value)
    assert np.isnan(estimate.standard_error)


def test_excess_cross_entropy_by_hand():
    p = np.array([[0.5, 0.5], [0.3, 0.7], [0.25, 0.75]])
    kl = [
        0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5),
        0.0,
        0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75),
    ]
    assert excess_cross_entropy(ETA, p).value == pytest.approx(np.mean(kl))


def test_excess_cross_entropy_clips_at_the_floor_and_takes_certain_posteriors():
    eta = np.array([[1.0, 0.0], [1.0, 0.0]])
    p = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    assert excess_cross_entropy(eta, p).value == pytest.approx(-np.log(PROBABILITY_FLOOR) / 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda none: balanced_risk(none, none, num_classes=2),
        lambda none: excess_cross_entropy(np.empty((0, 2)), np.empty((0, 2))),
    ],
)
def test_an_empty_sample_is_refused(call):
    with pytest.raises(ValueError, match="at least one example"):
        call(np.empty(0, dtype=np.int64))


def test_posterior_weighting_agrees_with_labels_and_is_sharper():
    """A rule off by a little; N = 40,000: a bias of 0.6% in either estimator would be seen."""
    population = make("two_gaussians", delta=2.0)
    sample = population.sample(40_000, np.random.default_rng(5))
    eta = population.posterior(sample.x)
    rule = (sample.x[:, 0] > 0.3).astype(np.int64)
    from_labels = balanced_risk(sample.labels, rule, num_classes=2)
    from_eta = balanced_risk(sample.labels, rule, num_classes=2, posterior=eta)
    assert abs(from_labels.value - from_eta.value) < 4 * from_labels.standard_error
    assert from_eta.standard_error < from_labels.standard_error


@pytest.mark.parametrize("with_posterior", [True, False])
def test_balanced_risk_standard_error_is_the_spread_over_samples(with_posterior):
    """200 samples: the spread is known to 5% (1 sd), so 20% is 4 sd; a factor of 1.3 is seen."""
    population = make("two_gaussians", delta=2.0, prior=0.8)
    rng = np.random.default_rng(11)
    estimates = []
    for _ in range(200):
        sample = population.sample(500, rng)
        eta = population.posterior(sample.x) if with_posterior else None
        rule = (sample.x[:, 0] > -0.5).astype(np.int64)
        estimates.append(balanced_risk(sample.labels, rule, num_classes=2, posterior=eta))
    spread = np.std([e.value for e in estimates], ddof=1)
    stated = np.mean([e.standard_error for e in estimates])
    assert stated == pytest.approx(spread, rel=0.2)


def test_calibration_error_of_known_shifts():
    """Predictions off by .1 where eta lies: .1; by +.1 in half of the examples only: .0707."""
    rng = np.random.default_rng(20261101)
    p = rng.uniform(0.2, 0.8, size=20_000)
    predicted = np.column_stack([1 - p, p])
    for shift, expected in ((0.1, 0.1), (np.where(p > 0.5, 0.1, 0.0), 0.1 / np.sqrt(2))):
        eta = np.clip(p + shift + 0.1 * rng.uniform(-1, 1, size=p.size), 0, 1)
        posterior = np.column_stack([1 - eta, eta])
        assert calibration_error(posterior, predicted) == pytest.approx(expected, abs=2e-3)


def test_calibration_error_knows_noise_from_error():
    """A rule that knows less than the posterior is calibrated if it says so: E[eta | p] = p.

    eta's spread of .37 about p alone, in bins of 400, would make it .0185 at every draw.
    """
    rng = np.random.default_rng(20261102)
    errors = []
    for _ in range(20):
        p = rng.choice([0.3, 0.4, 0.6], size=20_000) + rng.uniform(-0.05, 0.05, size=20_000)
        spread = np.minimum(p, 1 - p)
        eta = p + spread * np.where(rng.random(p.size) < 0.5, -1, 1)
        posterior = np.column_stack([1 - eta, eta])
        errors.append(calibration_error(posterior, np.column_stack([1 - p, p])))
    assert max(errors) < 0.0185
    assert np.mean(errors) < 0.008
    assert min(errors) == 0.0


def test_calibration_error_is_over_all_classes():
    """Three classes, of which two are confused by .15 and one is right: sqrt(2/3) .15."""
    rng = np.random.default_rng(20261103)
    p = rng.dirichlet([4.0, 4.0, 4.0], size=20_000)
    p = 0.5 * p + 1 / 6  # away from the borders
    posterior = p + np.array([0.15, -0.15, 0.0])
    assert calibration_error(posterior, p) == pytest.approx(0.15 * np.sqrt(2 / 3), abs=1e-6)
    assert np.isnan(calibration_error(p[:1], p[:1]))
