"""What else can be said of generated examples, beside the examples themselves."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.distance import cdist

from classcomp.models.base import Competes, Generates
from classcomp.tasks import Evaluation
from classcomp.tasks.base import mean_of
from classcomp.tasks.discrepancy import FEWEST, yardstick
from classcomp.tasks.generation import discrepancy_of, drawn

NUM_GENERATED = 2_048
"""Generated examples, and evaluation examples beside them."""
FEWEST_PER_FEATURE = 5
"""Examples of a feature below which no Frechet distance is told: its bias is not shared then."""
NEIGHBOURS = 3
"""k of the manifolds, as in Kynkaanniemi et al. (2019)."""


def discrepancy_columns(evaluation: Evaluation) -> dict[str, float]:
    """`mmd2` and `mmd2_se` of NUM_GENERATED examples: the risk of task generation, of everybody.

    Unknown with fewer than FEWEST evaluation examples.
    """
    num = min(NUM_GENERATED, len(evaluation.examples.labels))
    if num < FEWEST:
        return {}
    found = mean_of(discrepancy_of(evaluation, num))
    return {"mmd2": found.value, "mmd2_se": found.standard_error}


def feature_columns(evaluation: Evaluation) -> dict[str, float]:
    """Frechet distances, precision and recall in the frozen feature network; of real images.

    `frechet_distance` of NUM_GENERATED generated images to as many evaluation images, or to half of
    them where there are fewer than twice that; `frechet_distance_real` of as many others to the
    same. Both have a bias of their number, less of it where a law has less spread: with 40 examples
    of 64 features .8 of the spread comes out nearer than real images in nine of ten draws, with
    320 in none (.9 of it in 8%, .95 in half). Below FEWEST_PER_FEATURE examples of a feature
    neither is told.
    """
    yard, images = yardstick(evaluation.population), evaluation.complete
    num = min(NUM_GENERATED, len(images) // 2)
    if not yard.sees_features or num <= NEIGHBOURS:
        return {}
    assert isinstance(evaluation.model, Generates)
    generated = yard.see(drawn(evaluation.model, num, evaluation.generator())).double().numpy()
    real, others = (yard.see(part).double().numpy() for part in images[: 2 * num].split(num))
    found = {"precision": share_within(generated, real), "recall": share_within(real, generated)}
    if num >= FEWEST_PER_FEATURE * real.shape[1]:
        found["frechet_distance"] = frechet_distance(generated, real)
        found["frechet_distance_real"] = frechet_distance(others, real)
    return found


@torch.no_grad()
def adversarial_columns(evaluation: Evaluation) -> dict[str, float]:
    """`generator_loss`, `discriminator_loss` on the first NUM_GENERATED evaluation examples."""
    assert isinstance(evaluation.model, Competes)
    inputs = evaluation.examples.inputs[:NUM_GENERATED]
    made, told = evaluation.model.losses(inputs, evaluation.generator())
    return {"generator_loss": float(made), "discriminator_loss": float(told)}


def frechet_distance(
    first: Float[np.ndarray, "n features"], second: Float[np.ndarray, "m features"]
) -> float:
    """|m - n|^2 + tr(S + T - 2 (S T)^(1/2)) of two samples' means and covariances.

    The squared 2-Wasserstein distance of two Gaussians (Dowson and Landau 1982, eq. 4; Heusel et
    al. 2017), in squared units of the features. (S T)^(1/2) has the trace of the root of the
    symmetric S^(1/2) T S^(1/2). Of n examples it is too large by a bias of order 1 / n.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    one, other = (np.cov(sample, rowvar=False) for sample in (first, second))
    variances, axes = np.linalg.eigh(one)
    root = axes * np.sqrt(variances.clip(min=0)) @ axes.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum()
    distance = float(shift @ shift + np.trace(one) + np.trace(other) - 2 * shared)
    return max(0.0, distance)  # rounding alone takes it below


def share_within(
    points: Float[np.ndarray, "n features"],
    manifold: Float[np.ndarray, "m features"],
    neighbours: int = NEIGHBOURS,
) -> float:
    """Share of points that lie in the balls of a sample that reach to its k-th neighbours.

    Of generated points in real balls precision, of real ones in generated balls recall
    (Kynkaanniemi et al. 2019, eq. 1 and 2). A ball holds its border.
    """
    within = cdist(manifold, manifold)
    radii = np.partition(within, neighbours, axis=1)[:, neighbours]  # the nearest is itself
    return float((cdist(points, manifold) <= radii).any(axis=1).mean())
