"""How far a learned distribution lies from the true one: Kullback-Leibler divergences, in nats."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from classcomp.models.base import HasDensity
from classcomp.tasks import Evaluation, Mean
from classcomp.tasks.base import mean_of

NUM_POINTS = 512
"""Evaluation examples that a generative model's divergence is averaged over."""


@torch.no_grad()
def divergence_columns(evaluation: Evaluation) -> dict[str, float]:
    """`kl_nats` and `kl_nats_se` on the first NUM_POINTS examples, where their density is known."""
    model, examples = evaluation.model, evaluation.examples
    assert isinstance(model, HasDensity)
    if examples.log_density is None:
        return {}
    learned = model.log_density(evaluation.complete[:NUM_POINTS], evaluation.generator())
    kl = divergence(examples.log_density[:NUM_POINTS], learned.cpu().numpy())
    return {"kl_nats": kl.value, "kl_nats_se": kl.standard_error}


def divergence(log_true: Float[np.ndarray, " n"], log_learned: Float[np.ndarray, " n"]) -> Mean:
    """KL(true || learned) in nats, from both log densities at draws of the true law.

    The mean of their difference, and its standard error over the draws. Both densities are
    taken at the same points, so what they share cancels. With a lower bound for the learned one,
    the estimate is an upper bound in expectation: the standard error covers the draws of points
    and latents, not the bound's slack.
    """
    return mean_of(np.asarray(log_true, np.float64) - np.asarray(log_learned, np.float64))


def gaussian_divergence(
    mean: Float[np.ndarray, " d"],
    covariance: Float[np.ndarray, "d d"],
    other_mean: Float[np.ndarray, " d"],
    other_covariance: Float[np.ndarray, "d d"],
) -> float:
    """KL(N(mean, covariance) || N(other_mean, other_covariance)) in nats, in closed form.

    (tr(Q^-1 P) - d + (m - n)' Q^-1 (m - n) + log|Q| - log|P|) / 2; Kullback (1959).
    Covariances are positive definite.
    """
    factor = cho_factor(other_covariance, lower=True)
    shift = np.asarray(mean) - np.asarray(other_mean)
    trace = np.trace(cho_solve(factor, covariance))
    log_ratio = np.linalg.slogdet(other_covariance)[1] - np.linalg.slogdet(covariance)[1]
    return float(trace - len(shift) + shift @ cho_solve(factor, shift) + log_ratio) / 2
