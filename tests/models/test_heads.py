import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.covariance import EmpiricalCovariance
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from classcomp.models.heads import HEADS, ClassMixtures, NearestNeighbours
from classcomp.testing import generator


def sample(num=240, dims=3, classes=3, seed=0):
    """Return classes whose means, variances and shares differ."""
    rng = np.random.default_rng(seed)
    labels = np.minimum(rng.integers(0, classes + 1, num), classes - 1)
    turns = np.eye(dims) + 0.3 * rng.standard_normal((classes, dims, dims))
    points = rng.standard_normal((num, 1, dims)) @ turns[labels]
    return points[:, 0] + 1.5 * labels[:, None], labels


def fitted(kind, points, labels, num_classes=3, **hyperparameters):
    head = HEADS[kind](num_classes=num_classes, **hyperparameters)
    head.fit(points, labels, generator(0))
    return head


def test_one_full_component_is_quadratic_discriminant_analysis():
    points, labels = sample()
    head = fitted("gaussian_mixture", points, labels)
    rule = QuadraticDiscriminantAnalysis(
        solver="eigen", covariance_estimator=EmpiricalCovariance()
    ).fit(points, labels)
    new, _ = sample(seed=1)
    np.testing.assert_array_equal(head.predict(new), rule.predict(new))
    np.testing.assert_allclose(head.predict_proba(new), rule.predict_proba(new), atol=1e-4)


def test_one_diagonal_component_is_bayes_rule_by_products_of_normal_laws():
    points, labels = sample()
    head = fitted("gaussian_mixture", points, labels, covariance="diag")
    new, _ = sample(seed=1)
    joint = np.stack(
        [
            multivariate_normal(own.mean(axis=0), np.diag(own.var(axis=0))).pdf(new) * len(own)
            for own in (points[labels == k] for k in range(3))
        ],
        axis=1,
    )
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.predict_proba(new), expected, atol=1e-4)


def test_more_components_tell_what_one_cannot():
    """Class 1 lies on both sides of class 0 and of its own variance: two lumps each."""
    labels, place = np.arange(400) % 2, np.arange(400) % 4
    points = place[:, None] * 4.0 + 0.3 * np.random.default_rng(0).standard_normal((400, 1))
    errors = [
        (fitted("gaussian_mixture", points, labels, 2, components=k).predict(points) != labels)
        for k in (1, 2)
    ]
    assert errors[0].mean() > 0.2
    assert errors[1].mean() == 0.0


def test_neighbours_are_counted_and_smoothed():
    """By hand: distances sorted, the first k counted, one added to each class."""
    (points, labels), (new, _) = sample(), sample(num=50, seed=1)
    head = fitted("knn", points, labels, num_classes=5, neighbours=7)
    distances = ((new[:, None] - points[None]) ** 2).sum(axis=2)
    nearest = labels[distances.argsort(axis=1)[:, :7]]
    counts = (nearest[:, :, None] == np.arange(5)).sum(axis=1)
    np.testing.assert_array_equal(head.predict(new), counts.argmax(axis=1))
    np.testing.assert_allclose(head.predict_proba(new), (counts + 1) / 12, atol=1e-12)


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("labels", [[2] * 12, [0, *[2] * 11], [0, 2] * 6, [2]])
@pytest.mark.parametrize("same_point", [True, False])
def test_degenerate_samples_fit_without_a_warning(kind, labels, same_point):
    points = np.random.default_rng(0).standard_normal((len(labels), 3))
    if same_point:
        points[:] = points[0]
    head = fitted(kind, points, np.array(labels), num_classes=4)
    proba = head.predict_proba(points)
    assert set(head.predict(points)) <= {0, 1, 2, 3}
    assert (proba >= 0).all()
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("kind", ["gaussian_mixture", "kmeans"])
def test_starts_are_the_generator_s(kind):
    points, labels = sample(num=300, dims=6)
    asked = {"components": 4} if kind == "gaussian_mixture" else {"clusters_per_class": 7}
    heads = [HEADS[kind](num_classes=3, **asked) for _ in range(3)]
    for head, seed in zip(heads, (0, 0, 1), strict=True):
        head.fit(points, labels, torch.Generator().manual_seed(seed))
    first, again, other = (head.predict_proba(points) for head in heads)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: NearestNeighbours(num_classes=2, neighbours=0), "neighbours must be an integer"),
        (lambda: NearestNeighbours(num_classes=2, neighbours=True), "neighbours must be"),
        (lambda: ClassMixtures(num_classes=2, components=1.5), "components must be an integer"),
        (lambda: ClassMixtures(num_classes=2, covariance="tied"), "one of full, diag, got 'tied'"),
        (lambda: HEADS["svm"](num_classes=2, svm_c=0.0), "svm_c must be"),
        (lambda: HEADS["kmeans"](num_classes=2, clusters_per_class=0), "clusters_per_class must"),
    ],
)
def test_a_wrong_hyperparameter_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()
