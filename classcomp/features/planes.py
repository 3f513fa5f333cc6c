"""How well a plane keeps what lay near what: numbers for a layout of examples in two dimensions."""

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float, Int, Int64

from classcomp.features.spaces import Features, Labels, as_matrix

NUM_NEIGHBOURS = 15
"""k: neighbours of an example, in all three numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaneQuality:
    """A layout against the space that it is of; each from 0 to 1, larger is better.

    Attributes:
        knn_accuracy: share of examples whose class is the commonest among their k nearest in the
            layout, themselves left out; among equally common ones the first is taken.
        trustworthiness: of who is near in the layout that they were near in the space (Venna and
            Kaski 2001, eq. 1).
        continuity: of who was near in the space that they are near in the layout (ibid., eq. 2).
    """

    knn_accuracy: float
    trustworthiness: float
    continuity: float

    @property
    def columns(self) -> dict[str, float]:
        """By the names of the trial table."""
        return asdict(self)


def plane_quality(
    space: Features, plane: Features, labels: Labels, *, num_neighbours: int = NUM_NEIGHBOURS
) -> PlaneQuality:
    """Hold a layout against the examples themselves, by Euclidean distances in both.

    Args:
        space: the examples, flattened.
        plane: their places.
        labels: their classes.
        num_neighbours: k.

    Raises:
        ValueError: k is not below half the number of examples, where the numbers end to be shares.
    """
    num = len(space)
    if not 1 <= num_neighbours < num / 2:
        raise ValueError(
            f"num_neighbours = {num_neighbours}: must be from 1 to less than half of {num} examples"
        )
    before, after = neighbour_ranks(as_matrix(space)), neighbour_ranks(as_matrix(plane))
    return PlaneQuality(
        knn_accuracy=knn_accuracy(after, np.asarray(labels), num_neighbours),
        trustworthiness=_kept(before, after, num_neighbours),
        continuity=_kept(after, before, num_neighbours),
    )


def neighbour_ranks(points: Float[np.ndarray, "n d"]) -> Int64[np.ndarray, "n n"]:
    """Who is an example's how-manyth neighbour; 0 is itself, 1 its nearest."""
    centred = points - points.mean(axis=0)
    norms = np.square(centred).sum(axis=1)
    distances = norms[:, None] + norms - 2 * centred @ centred.T
    np.fill_diagonal(distances, -np.inf)
    ranks = np.empty(distances.shape, dtype=np.int64)
    places = np.broadcast_to(np.arange(len(points)), ranks.shape)
    np.put_along_axis(ranks, distances.argsort(axis=1, kind="stable"), places, axis=1)
    return ranks


def _kept(before: Int64[np.ndarray, "n n"], after: Int64[np.ndarray, "n n"], k: int) -> float:
    """1 less what neighbours after it were too far before it, over the most that can be."""
    num = len(before)
    too_far = np.where((after >= 1) & (after <= k), before - k, 0).clip(min=0).sum()
    return float(1 - 2 * too_far / (num * k * (2 * num - 3 * k - 1)))


def knn_accuracy(ranks: Int64[np.ndarray, "n n"], labels: Int[np.ndarray, " n"], k: int) -> float:
    """Share whose class is the commonest among their k nearest, by `neighbour_ranks`."""
    is_near = ((ranks >= 1) & (ranks <= k)).astype(np.float64)
    classes, own = np.unique(labels, return_inverse=True)
    votes = is_near @ np.eye(len(classes))[own]
    return float((votes.argmax(axis=1) == own).mean())
