"""Further columns of the trial table: one literal registry of scores."""

from classcomp.models.base import (
    Competes,
    Decides,
    Decodes,
    Generates,
    HasDensity,
    HasRobustLoss,
    Infers,
    Quantises,
    Reconstructs,
)
from classcomp.scores.base import Score
from classcomp.scores.classes import (
    balanced_columns,
    calibration_columns,
    class_distribution_columns,
    cross_entropy_columns,
    noisy_columns,
)
from classcomp.scores.codes import code_columns
from classcomp.scores.divergence import divergence_columns
from classcomp.scores.generation import (
    adversarial_columns,
    discrepancy_columns,
    feature_columns,
)
from classcomp.scores.inference import inference_columns, inference_time_columns
from classcomp.scores.latent_plane import latent_plane_columns
from classcomp.scores.reconstruction import loss_shape_columns, reconstruction_columns
from classcomp.tasks import Evaluation

__all__ = ["SCORES", "Score", "score_columns"]

SCORES: dict[str, Score] = {
    "cross_entropy": Score(needs=Decides, compute=cross_entropy_columns),
    "calibration": Score(needs=Decides, compute=calibration_columns),
    "class_distribution": Score(needs=Decides, compute=class_distribution_columns),
    "balanced": Score(needs=Decides, compute=balanced_columns),
    "noisy": Score(needs=Decides, compute=noisy_columns),
    "reconstruction": Score(needs=Reconstructs, compute=reconstruction_columns),
    "loss_shape": Score(needs=HasRobustLoss, compute=loss_shape_columns),
    "inference_time": Score(needs=Reconstructs, compute=inference_time_columns),
    "inference": Score(needs=Infers, compute=inference_columns),
    "divergence": Score(needs=HasDensity, compute=divergence_columns),
    "codes": Score(needs=Quantises, compute=code_columns),
    "latent_plane": Score(needs=Decodes, compute=latent_plane_columns),
    "discrepancy": Score(needs=Generates, compute=discrepancy_columns),
    "features": Score(needs=Generates, compute=feature_columns),
    "adversarial": Score(needs=Competes, compute=adversarial_columns),
}


def score_columns(evaluation: Evaluation) -> dict[str, float]:
    """The columns of every score whose capability the model has."""
    found: dict[str, float] = {}
    for score in SCORES.values():
        if isinstance(evaluation.model, score.needs):
            found |= score.compute(evaluation)
    return found
