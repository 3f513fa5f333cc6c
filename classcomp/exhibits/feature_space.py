"""The space in which a model lays examples out."""

import numpy as np
import torch

from classcomp.features import project, unit_gram
from classcomp.models.base import Encodes
from classcomp.tasks import Evaluation

NUM_EXAMPLES = 256
"""Evaluation examples that a feature space is shown by: the first ones, the same for all trials."""


@torch.no_grad()
def feature_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Of the first N = NUM_EXAMPLES evaluation examples.

    `points` (N, 2) float32, the first two principal components of the features (the second is 0
    where there is a single feature); `labels` (N,) int64; `gram` (N, N) float32: the sum over the
    products of the entries of two such matrices is the linear CKA of the two feature spaces.
    """
    assert isinstance(evaluation.model, Encodes)
    features = evaluation.model.features(evaluation.examples.inputs[:NUM_EXAMPLES]).flatten(1)
    if features.shape[1] == 1:
        features = torch.nn.functional.pad(features, (0, 1))
    return {
        "points": project(features).astype(np.float32),
        "labels": evaluation.labels[:NUM_EXAMPLES],
        "gram": unit_gram(features).astype(np.float32),
    }
