"""Reconstruction: the mean squared error of what is given back, E |x - f(x)|^2 / d."""

import numpy as np

from classcomp.draws import Draws, Examples
from classcomp.gappy_draws import GappyDraws
from classcomp.models.base import Model, Recalls, Reconstructs
from classcomp.tasks.base import (
    Assessment,
    Evaluation,
    deviation,
    errors_of,
    kept_terms,
    mean_of,
)


class Reconstruction:
    """How far examples lie from what a model gives back, a coordinate, in squared input units.

    Where pixels are missing, these alone: what is seen could be given back as it is.

    Labels play no part. The column `reconstruction_mse` is the same number of whoever
    reconstructs, whatever its task is.
    """

    name = "reconstruction"
    unit = "squared input"
    needs: type = Reconstructs
    has_best_rule = False  # no posterior tells a network what to give back
    draws: type[Draws] = GappyDraws
    asks_for = "input"

    def risk(self, model: Model, examples: Examples) -> float:
        """Mean squared error over examples and coordinates.

        Of its own training sample a model that searches has what training had, not a search's; of
        a table of latents, those of the examples that it has met. A budget shorter than an epoch
        leaves some.
        """
        assert isinstance(model, Reconstructs)
        model.eval()
        index = examples.index
        if index is not None and isinstance(model, Recalls):
            errors = errors_of(
                examples, lambda part: model.recall(examples.inputs[part], index[part])
            )
            errors = errors[model.is_known(index)]
        else:
            errors = errors_of(examples, lambda part: model.reconstruct(examples.inputs[part]))
        return float(errors.double().mean())

    def scale(self, examples: Examples) -> float:
        """Mean squared deviation of the examples from their mean, a coordinate.

        The risk of the constant reconstruction. An error has the input's units squared and no
        largest value, so that only the sample itself says what is much: with the examples in
        other units a trajectory must settle at the same step. Of one point alone it is 0, and
        nothing settles.
        """
        return deviation(examples.inputs if examples.targets is None else examples.targets)

    def assess(self, evaluation: Evaluation) -> Assessment:
        """Risk and its standard error over examples.

        No floor: over all functions the infimum is 0 at any latent dimension from 1 on, which says
        nothing of a network's error, and what is not known is null.
        """
        terms = evaluation.reconstruction_errors.double().cpu().numpy()
        return Assessment(risk=mean_of(terms), floor=None, excess=None, terms=terms)

    def kept(
        self, evaluation: Evaluation, assessment: Assessment, branch: str
    ) -> dict[str, np.ndarray]:
        """`budget_terms` or `converged_terms` `(N,)`: what each example adds to the risk."""
        return kept_terms(assessment, branch)
