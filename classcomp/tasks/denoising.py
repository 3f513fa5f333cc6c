"""Denoising: the mean squared error of what is made of noisy examples, E |x - f(x + e)|^2 / d.

Where the law is known x is averaged out given z = x + e: |f(z) - E[x | z]|^2 / d is the excess over
the least error there is, the exact analogue of the posterior-weighted estimator of classification.
It vanishes as a rule comes close to E[x | z].
"""

import numpy as np
import torch
from jaxtyping import Float64

from classcomp.draws import Draws, Examples
from classcomp.models.base import Denoises, Model
from classcomp.noisy_draws import NoisyDraws
from classcomp.tasks.base import (
    Assessment,
    Evaluation,
    Mean,
    above_floor,
    batches,
    deviation,
    kept_terms,
    mean_of,
    squared_errors,
)


class Denoising:
    """How far clean examples lie from what is made of noisy ones, a coordinate."""

    name = "denoising"
    unit = "squared input"
    needs: type = Denoises
    has_best_rule = True
    draws: type[Draws] = NoisyDraws
    asks_for = "origin"

    def risk(self, model: Model, examples: Examples) -> float:
        """Mean squared error over examples and coordinates, against targets or their means."""
        model.eval()
        left = 0.0 if examples.spread is None else float(examples.spread.mean())
        return float(errors(model, examples).mean()) + left

    def scale(self, examples: Examples) -> float:
        """Mean squared deviation of the targets from their mean: the error of a constant."""
        assert examples.targets is not None
        return deviation(examples.targets)

    def assess(self, evaluation: Evaluation) -> Assessment:
        """Risk, and the excess over the least error where the law is known.

        There the terms are the excess's: those of the least error are what all rules share.
        """
        terms = errors(evaluation.model, evaluation.examples)
        population, present = evaluation.population, evaluation.present
        if evaluation.examples.spread is None:
            return Assessment(risk=mean_of(terms), floor=None, excess=None, terms=terms)
        assert present is not None
        least = population.least_error(as_images=present.takes_images)
        assert least is not None
        floor = Mean(value=least.value, standard_error=least.standard_error)
        return above_floor(floor, mean_of(terms), terms)

    def kept(
        self, evaluation: Evaluation, assessment: Assessment, branch: str
    ) -> dict[str, np.ndarray]:
        """`budget_terms` or `converged_terms` `(N,)`: what each example adds to risk or excess."""
        return kept_terms(assessment, branch)


@torch.no_grad()
def errors(model: Model, examples: Examples) -> Float64[np.ndarray, " n"]:
    """Each example's mean squared error against its target; the caller sets eval."""
    assert isinstance(model, Denoises)
    assert examples.targets is not None
    pairs = zip(batches(examples.inputs), batches(examples.targets), strict=True)
    found = torch.cat([squared_errors(x, model.denoise(z)) for z, x in pairs])
    return found.double().cpu().numpy()
