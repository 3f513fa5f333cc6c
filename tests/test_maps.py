"""Maps by MDS and their numbers: against numbers by hand, descent by another program, and loops."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from classcomp.features import project, separation, stress_1


def distances(points: np.ndarray) -> np.ndarray:
    """Of all pairs, by differences."""
    return np.sqrt(np.square(points[:, None] - points[None]).sum(axis=2))


def stress_by_loops(space: np.ndarray, points: np.ndarray) -> float:
    above = below = 0.0
    for i in range(len(space)):
        for j in range(i):
            d = math.dist(points[i], points[j])
            above += (d - math.dist(space[i], space[j])) ** 2
            below += d**2
    return math.sqrt(above / below)


def test_stress_by_hand() -> None:
    """Distances 6, 8, 10 drawn as 5, 12, 13: sqrt((1 + 16 + 9) / (25 + 144 + 169)) = 1/sqrt(13)."""
    space = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 8.0]])
    points = np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 12.0]])
    assert stress_1(space, points) == pytest.approx(1 / math.sqrt(13), abs=1e-12)
    assert math.isnan(stress_1(space, np.ones((3, 3))))


def test_points_of_three_dimensions_are_laid_out_as_they_are() -> None:
    rng = np.random.default_rng(0)
    solid = rng.standard_normal((60, 3)) * [3.0, 1.0, 0.5]
    hidden = solid @ np.linalg.qr(rng.standard_normal((20, 20))).Q[:3] - 7.0
    found = project(hidden, "mds", num_dims=3)
    np.testing.assert_allclose(distances(found), distances(solid), atol=1e-6)
    assert stress_1(hidden, found) < 1e-7
    plane = project(hidden, "mds")
    assert 0.01 < stress_1(hidden, plane) == pytest.approx(stress_by_loops(hidden, plane))


def test_points_of_one_dimension_stay_on_a_line() -> None:
    line = np.stack([np.arange(9.0) ** 2, np.zeros(9)], axis=1)
    found = project(line, "mds", num_dims=3)
    np.testing.assert_allclose(distances(found), distances(line), atol=1e-6)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-9)


def test_no_descent_goes_on_from_a_map() -> None:
    """BFGS on the raw stress, gradient and all written here, finds nothing below it nearby."""
    rng = np.random.default_rng(1)
    space = rng.standard_normal((12, 6))
    wanted = distances(space)

    def raw(flat: np.ndarray) -> tuple[float, np.ndarray]:
        points = flat.reshape(12, 3)
        apart = points[:, None] - points[None]
        d = np.sqrt(np.square(apart).sum(axis=2)) + np.eye(12)
        off = np.where(np.eye(12) > 0, 0.0, d - wanted)
        return float(np.square(off).sum() / 2), (2 * (off / d)[..., None] * apart).sum(1).ravel()

    found = project(space, "mds", num_dims=3)
    start = raw(project(space, "pca", num_dims=3).ravel())[0]
    end = minimize(raw, found.ravel(), jac=True, method="BFGS").fun
    ours = raw(found.ravel())[0]
    assert ours == pytest.approx(end, rel=1e-3)
    assert ours < 0.6 * start, "principal components are where it starts"
    # at a minimum over the scale sum d delta = sum d^2, so that the two forms of stress agree
    d, upper = distances(found), np.triu_indices(12, 1)
    known = math.sqrt((wanted[upper] ** 2).sum() / (d[upper] ** 2).sum() - 1)
    assert stress_1(space, found) == pytest.approx(known, rel=1e-3)


def silhouette_by_loops(points: np.ndarray, labels: np.ndarray) -> float:
    total = 0.0
    for i, own in enumerate(labels):
        means = {}
        for k in set(labels.tolist()):
            others = [j for j in range(len(labels)) if labels[j] == k and j != i]
            if others:
                means[k] = sum(math.dist(points[i], points[j]) for j in others) / len(others)
        if own in means:
            a, b = means[own], min(mean for k, mean in means.items() if k != own)
            total += (b - a) / max(a, b)
    return total / len(labels)


def test_separation_by_loops() -> None:
    rng = np.random.default_rng(2)
    labels = np.r_[np.arange(39) % 3, 3]  # one is alone in its class
    points = rng.standard_normal((40, 5)) + 0.8 * labels[:, None]
    found = separation(points, labels)
    assert found.silhouette == pytest.approx(silhouette_by_loops(points, labels), abs=1e-12)
    right = 0
    for i in range(40):
        near = sorted((math.dist(points[i], points[j]), j) for j in range(40) if j != i)[:15]
        votes = np.bincount([labels[j] for _, j in near], minlength=4)
        right += int(votes.argmax()) == labels[i]
    assert found.knn_accuracy == right / 40


def test_separation_by_hand() -> None:
    """16 points at 0 and 16 at 3 and 5: a and b of each side are 15ths and 16ths of whole ones."""
    points = np.r_[np.zeros(16), np.full(8, 3.0), np.full(8, 5.0)][:, None]
    labels = np.r_[np.zeros(16, int), np.ones(16, int)]
    # left: a = 0, b = 4; of those at 3: a = 8 * 2 / 15, b = 3; at 5: the same a, b = 5
    a = 16 / 15
    wanted = (16 * 1 + 8 * (3 - a) / 3 + 8 * (5 - a) / 5) / 32
    found = separation(points, labels)
    assert found.silhouette == pytest.approx(wanted, abs=1e-12)
    assert found.knn_accuracy == 1


def test_where_there_are_no_two_classes_no_silhouette_is_told() -> None:
    points = np.arange(40.0)[:, None]
    assert math.isnan(separation(points, np.zeros(40, int)).silhouette)
    assert math.isnan(separation(points, np.arange(40)).silhouette)
    with pytest.raises(ValueError, match="30 examples: need more than 30"):
        separation(points[:30], np.zeros(30, int))
