"""Generation: how far the law of what a model makes lies from the law of the examples."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.draws import Draws, Examples
from classcomp.models.base import Generates, Model
from classcomp.tasks.base import Assessment, Evaluation, Mean, kept_terms, mean_of
from classcomp.tasks.discrepancy import Yardstick, discrepancy_terms, spread, yardstick

WATCHED = 2_048
"""Examples, of all that a risk is asked on, that it is computed from while training."""
GENERATED_BATCH = 512


class Generation:
    """The squared maximum mean discrepancy to the law, by a Gaussian kernel; 0 is the law itself.

    The kernel is characteristic, so that no other law has 0 (Sriperumbudur et al. 2010): the floor
    is known, of real data too. Real images are seen in the frozen feature network (the kernel
    inception distance of Binkowski et al. 2018, with this kernel and network); laws in the
    coordinates of the inputs, against their closed form where they have one.
    """

    name = "generation"
    unit = "squared MMD"
    needs: type = Generates
    has_best_rule = False
    draws: type[Draws] = Draws
    asks_for = "nothing"

    def risk(self, model: Model, examples: Examples) -> float:
        """The unbiased estimate from the examples themselves and as many generated ones.

        Generated from the same noise at every look. Never against the law: of a training sample it
        falls below 0 by up to 1/n where its own examples are given back.
        """
        assert isinstance(model, Generates)
        model.eval()
        yard, inputs = _sampled(examples)
        generated = drawn(model, len(inputs), torch.Generator().manual_seed(0))
        return float(discrepancy_terms(yard.see(generated), yard.see(inputs), yard).mean())

    def scale(self, examples: Examples) -> float:
        """The risk, on average, of a model that makes one of the examples over and over."""
        yard, inputs = _sampled(examples)
        return spread(yard.see(inputs), yard.bandwidth)

    def assess(self, evaluation: Evaluation) -> Assessment:
        """Risk against the law, and its jackknife standard error over places of the sample.

        As many are generated as there are evaluation examples.
        """
        terms = discrepancy_of(evaluation, len(evaluation.examples.labels))
        risk, floor = mean_of(terms), Mean(value=0.0, standard_error=0.0)
        return Assessment(risk=risk, floor=floor, excess=risk, terms=terms)

    def kept(
        self, evaluation: Evaluation, assessment: Assessment, branch: str
    ) -> dict[str, np.ndarray]:
        """`budget_terms` or `converged_terms` `(N,)`: the jackknife's pseudo-values."""
        return kept_terms(assessment, branch)


def _sampled(examples: Examples) -> tuple[Yardstick, Float[Tensor, " n *shape"]]:
    """The law's kernel, without the law itself, and the examples that are looked at."""
    assert examples.law is not None
    yard = replace(yardstick(examples.law), mixture=None)
    return yard, examples.inputs[:WATCHED]


def discrepancy_of(evaluation: Evaluation, num: int) -> Float[np.ndarray, " num"]:
    """`discrepancy_terms` of `num` generated examples and the first evaluation examples."""
    assert isinstance(evaluation.model, Generates)
    yard = yardstick(evaluation.population)
    generated = drawn(evaluation.model, num, evaluation.generator())
    real = evaluation.complete[:num]
    return discrepancy_terms(yard.see(generated), yard.see(real), yard)


@torch.no_grad()
def drawn(model: Generates, num: int, generator: torch.Generator) -> Float[Tensor, " num *shape"]:
    """`num` generated examples, a few hundred at once; the caller sets eval."""
    sizes = [min(GENERATED_BATCH, num - begin) for begin in range(0, num, GENERATED_BATCH)]
    return torch.cat([model.sample(size, generator) for size in sizes])
