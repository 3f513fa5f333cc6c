"""The plane of a model with two latents, and what it is held against."""

import numpy as np

from classcomp.features import plane_quality, project
from classcomp.features.planes import NUM_NEIGHBOURS
from classcomp.tasks import Evaluation
from classcomp.tasks.base import NUM_IN_PLANE

REFERENCES = ("pca", "tsne")


def latent_plane_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`points` (P, 2) and `labels` (P,) of the first NUM_IN_PLANE examples, of two latents."""
    if evaluation.plane is None:
        return {}
    points = evaluation.plane.float().cpu().numpy()
    return {"points": points, "labels": evaluation.labels[: len(points)]}


def reference_planes(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """PCA and t-SNE of the same examples: what a plane of latents is held against.

    `<method>/points` (P, 2), `labels` (P,), and `<method>/quality` (3,), the columns of
    `plane_quality` in their order. They depend on the law and its evaluation sample alone, and
    t-SNE takes seconds: who keeps them keeps them once for a law.
    """
    labels = evaluation.labels[:NUM_IN_PLANE]
    inputs = evaluation.complete[:NUM_IN_PLANE].flatten(1)
    found = {"labels": labels}
    if min(inputs.shape) < 2 or len(inputs) <= 2 * NUM_NEIGHBOURS:
        return {}
    for method in REFERENCES:
        points = project(inputs, method)
        quality = plane_quality(inputs, points, labels)
        found[f"{method}/points"] = points.astype(np.float32)
        found[f"{method}/quality"] = np.array(list(quality.columns.values()))
    return found
