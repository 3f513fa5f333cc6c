"""Frechet distance, precision and recall against what is known; the columns of trials."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from classcomp.draws import Examples
from classcomp.experiment import run
from classcomp.models.base import Model
from classcomp.populations import RealData, make
from classcomp.scores import score_columns
from classcomp.scores.generation import frechet_distance, share_within
from classcomp.tasks import Evaluation
from search_spaces import SPACES
from study.trials.schema import METRIC_COLUMNS
from tests.populations.in_memory import held
from tests.small_trial import trial_of

DISTANCES = {"frechet_distance", "frechet_distance_real"}
NEARNESS = {"precision", "recall"}
FEATURES = DISTANCES | NEARNESS
LOSSES = {"generator_loss", "discriminator_loss"}
DISCREPANCY = {"mmd2", "mmd2_se"}


def with_moments(mean: np.ndarray, covariance: np.ndarray, num: int = 50) -> np.ndarray:
    """A sample whose mean and covariance are these, to rounding."""
    x = np.random.default_rng(0).standard_normal((num, len(mean)))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    return x @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_gaussians_that_share_axes():
    """|m - n|^2 + sum (s_i - t_i)^2, s and t the standard deviations along the axes."""
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    s, t = np.array([1.0, 2.0, 0.5]), np.array([3.0, 0.1, 0.5])
    first = with_moments(np.zeros(3), turn * s**2 @ turn.T)
    second = with_moments(np.array([1.0, -2.0, 0.0]), turn * t**2 @ turn.T)
    assert frechet_distance(first, second) == pytest.approx(5 + np.square(s - t).sum())
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_any_two_gaussians():
    """In two dimensions tr (S T)^(1/2) is sqrt(tr S T + 2 sqrt(det S T))."""
    one, other = np.array([[2.0, 0.6], [0.6, 1.0]]), np.array([[0.5, -0.4], [-0.4, 3.0]])
    product = one @ other
    shared = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    expected = 9 + np.trace(one) + np.trace(other) - 2 * shared
    first, second = with_moments(np.zeros(2), one), with_moments(np.array([3.0, 0.0]), other)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_precision_and_recall_of_known_sets():
    rng = np.random.default_rng(0)
    real = rng.standard_normal((300, 4))
    assert share_within(real, real) == 1.0
    assert share_within(real + 100, real) == share_within(real, real + 100) == 0.0
    # Two far clusters of which one alone is made: all of it is real, half of what is real is made.
    both, half = np.concatenate((real, real + 100)), rng.standard_normal((300, 4))
    assert share_within(half, both) > 0.85
    assert 0.4 < share_within(both, half) <= 0.5


def test_a_ball_reaches_to_the_third_neighbour():
    line = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.5]])
    # Radii 10, 9, 8, 8, 9, 10.5: nothing beyond -10 and 23 is near.
    points = np.array([[-10.0], [-10.1], [23.0], [23.1], [5.0]])
    assert share_within(points, line) == pytest.approx(3 / 5)


class Showing(Model):
    """Gives the images that it was given, in turn."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.images = images

    def sample(self, num: int, generator: torch.Generator) -> torch.Tensor:
        return self.images[torch.arange(num) % len(self.images)]


def digits(num_test: int) -> RealData:
    """scikit-learn's, the last `num_test` for tests."""
    found = load_digits()
    return held((found.images[:, None] * 255 / 16).astype(np.uint8), found.target, num_test)


@pytest.mark.parametrize(("num", "expected"), [(640, FEATURES), (639, NEARNESS)])
def test_few_images_have_no_frechet_distance(num, expected):
    """Five for each of 64 features: 320 of either kind are enough, 319 are not."""
    data = digits(num)
    test = data.sample(num, np.random.default_rng(1))
    images = torch.from_numpy(data.images(test.x))
    examples = Examples(inputs=images, labels=torch.from_numpy(test.labels))
    held_by = Evaluation(model=Showing(images[:40]), examples=examples, population=data)
    assert score_columns(held_by).keys() & FEATURES == expected


@pytest.mark.parametrize(("num", "low", "high"), [(40, 0.7, 1.0), (320, 0.0, 0.0)])
def test_too_little_spread_is_nearer_than_real_examples_only_where_these_are_few(num, low, high):
    """The law N(0, diag(e^(-i / 10))) in 64 dimensions against .8 of its standard deviations.

    The share of 20 draws in which these come out nearer; truly they are sum (.2 s_i)^2 = .42 away.
    """
    scale = np.exp(-np.arange(64) / 20)
    nearer = []
    for seed in range(20):
        real, others, made = scale * np.random.default_rng(seed).standard_normal((3, num, 64))
        nearer.append(frechet_distance(0.8 * made, real) < frechet_distance(others, real))
    assert low <= np.mean(nearer) <= high


def test_real_images_against_themselves_and_against_noise():
    data, half = digits(800), 400
    test = data.sample(2 * half, np.random.default_rng(1))
    images = torch.from_numpy(data.images(test.x))
    examples = Examples(inputs=images, labels=torch.from_numpy(test.labels))

    def columns(made: torch.Tensor) -> dict[str, float]:
        return score_columns(Evaluation(model=Showing(made), examples=examples, population=data))

    same = columns(images[:half])
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert (same["precision"], same["recall"]) == (1.0, 1.0)
    other = columns(images[half : 2 * half])
    noise = columns(torch.rand(half, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 2)
    assert 0 < other["frechet_distance_real"] < 0.2 * noise["frechet_distance"]
    assert (noise["precision"], noise["recall"]) == (0.0, 0.0)
    assert noise["mmd2"] > 0.3 > 10 * abs(same["mmd2"])


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("gan", DISCREPANCY | NEARNESS | LOSSES),  # of 299 images no Frechet distance
        ("gaussian_generator", DISCREPANCY | NEARNESS),
        ("beta_vae", DISCREPANCY | NEARNESS),
        ("robust_vae", DISCREPANCY | NEARNESS),
        ("vq_vae", DISCREPANCY | NEARNESS),
        ("autoencoder", set()),
    ],
)
def test_who_has_which_columns(family, expected):
    asked = trial_of(
        family=family,
        population_name="digits",
        population_parameters={},
        budget=1,
        most=1,
        hyperparameters=SPACES[family].defaults,
    )
    metrics = run(asked).metrics
    assert metrics.keys() & (DISCREPANCY | FEATURES | LOSSES) == expected
    assert all(math.isfinite(metrics[name]) for name in expected)
    assert {column.name for column in METRIC_COLUMNS} >= expected


def test_of_two_evaluation_examples_nothing_is_said():
    data = make("digits")
    test = data.sample(2, np.random.default_rng(1))
    images = torch.from_numpy(data.images(test.x))
    examples = Examples(inputs=images, labels=torch.from_numpy(test.labels))
    few = Evaluation(model=Showing(images), examples=examples, population=data)
    assert score_columns(few) == {}


def test_of_laws_there_is_the_discrepancy_alone():
    metrics = run(trial_of(family="vae_svm")).metrics
    assert metrics.keys() & (DISCREPANCY | FEATURES | LOSSES) == DISCREPANCY
    assert metrics["mmd2"] > 3 * metrics["mmd2_se"] > 0  # hardly trained
