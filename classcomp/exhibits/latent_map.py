"""Latents laid out in three dimensions and in the plane, and how far apart classes lie there."""

import numpy as np
import torch
from jaxtyping import Float64, Int64

from classcomp.exhibits.feature_space import NUM_EXAMPLES
from classcomp.features import project, separation, stress_1
from classcomp.features.planes import NUM_NEIGHBOURS
from classcomp.models.base import Decodes
from classcomp.tasks import Evaluation

LAYOUTS = ("latents", "unit_latents", "mds", "unit_mds", "tsne")
"""Rows of `quality`: two spaces, then what is made of them."""
NUM_DIMS = 3

NUMBERS = ("silhouette", "knn_accuracy", "stress")
"""Columns of `quality`, as `_numbers` has them."""
Numbers = tuple[float, float, float]
_UNKNOWN = (np.nan, np.nan, np.nan)


@torch.no_grad()
def latent_map_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Of the latents of the first N = NUM_EXAMPLES evaluation examples.

    `mds` (N, 3), metric MDS of their Euclidean distances; `unit_mds` (N, 3), of those among the
    latents divided by their lengths, |z/|z| - z'/|z'||; `tsne` (N, 2) of the latents: float32.
    `labels` (N,) int64. `quality` (5, 3) float64: of each of LAYOUTS the silhouette, the k-NN
    accuracy and, of the two maps by MDS, stress-1; nan where a number is not known.

    None where there are too few examples for k neighbours or all latents are one; no `unit_mds`
    where a latent has no length or all have one direction.
    """
    assert isinstance(evaluation.model, Decodes)
    inputs, labels = evaluation.examples.inputs[:NUM_EXAMPLES], evaluation.labels[:NUM_EXAMPLES]
    if len(labels) <= 2 * NUM_NEIGHBOURS:
        return {}
    latents = evaluation.model.features(inputs).flatten(1).double().cpu().numpy()
    if latents.shape[1] == 1:
        latents = np.pad(latents, ((0, 0), (0, 1)))
    if not np.ptp(latents, axis=0).any():
        return {}
    plane = project(latents, "tsne")
    points = {"mds": project(latents, "mds", num_dims=NUM_DIMS), "tsne": plane}
    told = {
        "latents": _numbers(latents, labels),
        "mds": _numbers(points["mds"], labels, of=latents),
        "tsne": _numbers(plane, labels),
    }
    lengths = np.linalg.norm(latents, axis=1, keepdims=True)
    units = latents / np.where(lengths > 0, lengths, np.nan)
    if np.ptp(units, axis=0).any() and np.isfinite(units).all():
        points["unit_mds"] = project(units, "mds", num_dims=NUM_DIMS)
        told["unit_latents"] = _numbers(units, labels)
        told["unit_mds"] = _numbers(points["unit_mds"], labels, of=units)
    return {
        **{name: array.astype(np.float32) for name, array in points.items()},
        "labels": labels,
        "quality": np.array([told.get(name, _UNKNOWN) for name in LAYOUTS]),
    }


def _numbers(
    points: Float64[np.ndarray, "n dims"],
    labels: Int64[np.ndarray, " n"],
    of: Float64[np.ndarray, "n latents"] | None = None,
) -> Numbers:
    """Silhouette, k-NN accuracy, and the stress of a map `of` a space."""
    found = separation(points, labels)
    stress = np.nan if of is None else stress_1(of, points)
    return found.silhouette, found.knn_accuracy, stress
