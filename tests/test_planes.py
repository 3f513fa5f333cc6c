"""Numbers of a plane against scikit-learn's, which shares no code with ours, and closed forms."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from classcomp.features import plane_quality
from classcomp.features.planes import NUM_NEIGHBOURS


def clusters(num: int = 120, apart: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Examples of 5 coordinates around three means, and their classes."""
    rng = np.random.default_rng(3)
    labels = np.arange(num) % 3
    return apart * labels[:, None] * np.eye(5)[0] + rng.standard_normal((num, 5)), labels


@pytest.mark.parametrize("k", [1, 5, NUM_NEIGHBOURS])
def test_all_three_are_scikit_learn_s(k: int) -> None:
    space, labels = clusters()
    plane = space[:, [0, 3]] + 0.5 * np.random.default_rng(0).standard_normal((120, 2))
    found = plane_quality(space, plane, labels, num_neighbours=k)
    assert found.trustworthiness == pytest.approx(trustworthiness(space, plane, n_neighbors=k))
    assert found.continuity == pytest.approx(trustworthiness(plane, space, n_neighbors=k))
    model = KNeighborsClassifier(k).fit(plane, labels)
    votes = labels[model.kneighbors(return_distance=False)]  # those of others than themselves
    decided = [np.bincount(row, minlength=3).argmax() for row in votes]
    assert found.knn_accuracy == (decided == labels).mean()


def test_what_is_only_turned_and_moved_is_kept_whole() -> None:
    rng = np.random.default_rng(1)
    flat, turn = rng.standard_normal((200, 2)), np.linalg.qr(rng.standard_normal((6, 2))).Q
    found = plane_quality(flat @ turn.T + 7, 3 * flat[:, ::-1] - 100, np.arange(200) % 2)
    assert found.trustworthiness == found.continuity == 1


def test_a_fold_loses_one_and_a_tear_the_other() -> None:
    """Venna and Kaski's two mistakes: far points put together, near ones put apart."""
    line = np.linspace(-1, 1, 201)
    flat = np.stack([line, np.zeros(201)], axis=1)
    folded = np.stack([np.abs(line), 1e-6 * line], axis=1)
    fold = plane_quality(flat, folded, np.zeros(201))
    assert fold.trustworthiness < 0.9 < fold.continuity
    tear = plane_quality(folded, flat, np.zeros(201))
    assert (tear.trustworthiness, tear.continuity) == (fold.continuity, fold.trustworthiness)


def test_classes_far_apart_are_told_and_drawn_labels_are_not() -> None:
    space, labels = clusters(600, apart=30)
    assert plane_quality(space, space[:, :2], labels).knn_accuracy == 1
    drawn = np.random.default_rng(5).integers(0, 3, 600)
    by_chance = plane_quality(space, space[:, :2], drawn).knn_accuracy
    assert abs(by_chance - 1 / 3) < 4 * np.sqrt(2 / 9 / 600)


@pytest.mark.parametrize("k", [0, 60])
def test_too_many_neighbours_are_a_line(k: int) -> None:
    space, labels = clusters()
    with pytest.raises(ValueError, match=f"num_neighbours = {k}: must be from 1 to less than half"):
        plane_quality(space, space[:, :2], labels, num_neighbours=k)
