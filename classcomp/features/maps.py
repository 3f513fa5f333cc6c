"""Numbers of a map: what it does to distances, and how far apart classes lie in it."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist

from classcomp.features.planes import NUM_NEIGHBOURS, knn_accuracy, neighbour_ranks
from classcomp.features.spaces import Features, Labels, as_matrix


@dataclass(frozen=True, kw_only=True, slots=True)
class Separation:
    """How far apart classes lie, by Euclidean distances; larger is better.

    Attributes:
        silhouette: mean over examples of (b - a) / max(a, b), a the mean distance to the others of
            the example's class, b that to the examples of the nearest other class; 0 of an example
            that is alone in its class (Rousseeuw 1987). From -1 to 1; nan where there is one class,
            or no two examples share one.
        knn_accuracy: share of examples whose class is the commonest among their 15 nearest,
            themselves left out.
    """

    silhouette: float
    knn_accuracy: float


def separation(points: Features, labels: Labels) -> Separation:
    """Say how far apart the classes of `labels` lie among `points`.

    Raises:
        ValueError: 15 neighbours are not below half the number of examples.
    """
    from sklearn.metrics import silhouette_score  # as in `project`: it takes a second to import

    if len(points) <= 2 * NUM_NEIGHBOURS:
        raise ValueError(f"{len(points)} examples: need more than {2 * NUM_NEIGHBOURS}")
    matrix, classes = as_matrix(points), np.asarray(labels)
    is_defined = 1 < len(np.unique(classes)) < len(classes)
    return Separation(
        silhouette=float(silhouette_score(matrix, classes)) if is_defined else np.nan,
        knn_accuracy=knn_accuracy(neighbour_ranks(matrix), classes, NUM_NEIGHBOURS),
    )


def stress_1(space: Features, points: Features) -> float:
    """Return the normalised stress of a map: sqrt(sum (d - delta)^2 / sum d^2) over all pairs.

    d are Euclidean distances among `points`, delta those in `space`: Kruskal's (1964,
    Psychometrika 29, "Multidimensional scaling by optimizing goodness of fit to a nonmetric
    hypothesis") "stress", with the distances themselves in place of a monotone function of theirs.
    0 where the map keeps every distance; nan where it puts all points in one place.
    """
    wanted, found = pdist(as_matrix(space)), pdist(as_matrix(points))
    size = np.square(found).sum()
    return float(np.sqrt(np.square(found - wanted).sum() / size)) if size > 0 else np.nan
