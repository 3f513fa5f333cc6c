"""What a model generates, to be looked at."""

import numpy as np
from torch import Tensor

from classcomp.exhibits.images import kept_images
from classcomp.models.base import Generates
from classcomp.tasks import Evaluation
from classcomp.tasks.generation import drawn

NUM_IMAGES = 64
NUM_POINTS = 1_024
NUM_ALONG = 16
"""Images of each look while training."""


def sample_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Generated examples, from the noise that all models of their kind share; and real ones.

    `images`, `real` (NUM_IMAGES, C, H, W) float32, or `points`, `real_points` (NUM_POINTS, d).
    """
    names = ("images", "real") if _are_images(evaluation) else ("points", "real_points")
    made = _drawn(evaluation)
    return {names[0]: made, names[1]: _kept(evaluation.complete[: len(made)])}


def sample_look(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`along` (NUM_ALONG, C, H, W) or (NUM_POINTS, d) float32: the first of those at the end."""
    made = _drawn(evaluation)
    return {"along": made[:NUM_ALONG] if _are_images(evaluation) else made}


def _are_images(evaluation: Evaluation) -> bool:
    return evaluation.examples.inputs.ndim == 4


def _drawn(evaluation: Evaluation) -> np.ndarray:
    assert isinstance(evaluation.model, Generates)
    most = NUM_IMAGES if _are_images(evaluation) else NUM_POINTS
    num = min(most, len(evaluation.examples.labels))
    return _kept(drawn(evaluation.model, num, evaluation.generator()))


def _kept(examples: Tensor) -> np.ndarray:
    return kept_images(examples) if examples.ndim == 4 else examples.float().cpu().numpy()
