"""How well a latent plane lays examples out."""

from classcomp.features import plane_quality
from classcomp.features.planes import NUM_NEIGHBOURS
from classcomp.tasks import Evaluation


def latent_plane_columns(evaluation: Evaluation) -> dict[str, float]:
    """`knn_accuracy`, `trustworthiness` and `continuity` of a model with two latents.

    On the first `NUM_IN_PLANE` examples, the same for every model; of too few there are none.
    """
    plane = evaluation.plane
    if plane is None or len(plane) <= 2 * NUM_NEIGHBOURS:
        return {}
    num = len(plane)
    inputs, labels = evaluation.complete[:num], evaluation.labels[:num]
    return plane_quality(inputs, plane, labels).columns
