"""What a rule decides: against the labels, and over the plane."""

import numpy as np

from classcomp.models.base import Decides
from classcomp.tasks import Evaluation
from classcomp.tasks.base import predict

GRID = 64
"""Cells of a decision map along each side."""
NUM_EXTENT = 2_000
"""Draws of the law by which the extent of its map is chosen."""


def confusion_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`counts` (K, K) int64: evaluation examples of a class (row) that were called another."""
    num_classes = evaluation.population.num_classes
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (evaluation.labels, evaluation.decisions[0]), 1)
    return {"counts": counts}


def decision_map_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """A rule and the Bayes rule over the plane; of laws with two coordinates and a posterior.

    `rule` and `bayes` (GRID, GRID) int16, rows from the bottom up, columns from the left,
    each cell by its centre; `extent` (4,) left, right, bottom, top, which depends on the law and
    its evaluation stream alone, so that all rules of a population share it.
    """
    population, present = evaluation.population, evaluation.present
    if population.vector_shape != (2,) or evaluation.examples.posterior is None:
        return {}
    assert present is not None
    assert isinstance(evaluation.model, Decides)
    points = population.sample(NUM_EXTENT, np.random.default_rng(evaluation.seed)).x
    low, high = np.quantile(points, (0.005, 0.995), axis=0)
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    centres = (np.arange(GRID) + 0.5) / GRID
    x, y = (low[i] + (high[i] - low[i]) * centres for i in (0, 1))
    cells = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    decided = predict(evaluation.model, present(cells))
    posterior = population.posterior(cells)
    assert posterior is not None
    return {
        "rule": decided.reshape(GRID, GRID).astype(np.int16),
        "bayes": posterior.argmax(axis=1).reshape(GRID, GRID).astype(np.int16),
        "extent": np.array([low[0], high[0], low[1], high[1]]),
    }
