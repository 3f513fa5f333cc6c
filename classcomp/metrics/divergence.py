"""How far a learned distribution lies from the true one: Kullback-Leibler divergences, in nats."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from scipy.special import xlogy
from torch import Tensor

from classcomp.metrics.risk import PROBABILITY_FLOOR, Estimate, mean_estimate

if TYPE_CHECKING:
    from classcomp.models.vae import VAE

NUM_POINTS = 512
"""Evaluation examples that a generative model's divergence is averaged over."""
NUM_DRAWS = 64
"""Importance samples of the latents for each of them."""


@torch.no_grad()
def importance_log_density(
    model: "VAE", inputs: Tensor, generator: torch.Generator, *, num_draws: int = NUM_DRAWS
) -> Tensor:
    """Estimate log p(x) under a latent variable model, from below, `(B,)` float64 nats.

    log of the mean over z ~ q(z|x) of p(x|z) p(z) / q(z|x): Burda et al. (2016), eq. 8. By
    Jensen's inequality its expectation is at most log p(x); it grows with the number of draws
    (theorem 1) and equals log p(x) at any number where q is the exact posterior.

    Args:
        model: in evaluation mode.
        inputs: `(B, ...)` examples.
        generator: of the draws.
        num_draws: importance samples of each example.
    """
    terms = model.log_likelihood_terms(inputs, generator, num_draws=num_draws)
    return terms.log_weights.double().logsumexp(dim=0) - math.log(num_draws)


def divergence(log_true: np.ndarray, log_learned: np.ndarray) -> Estimate:
    """KL(true || learned) in nats, from both log densities `(N,)` at draws of the true law.

    The mean of their difference, and its standard error over the draws. Both densities are
    taken at the same points, so what they share cancels. With `importance_log_density` for the
    learned one, the estimate is an upper bound in expectation: the standard error covers the
    draws of points and latents, not the bound's slack.
    """
    return mean_estimate(np.asarray(log_true, np.float64) - np.asarray(log_learned, np.float64))


def gaussian_divergence(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> float:
    """KL(N(mean, covariance) || N(other_mean, other_covariance)) in nats, in closed form.

    (tr(Q^-1 P) - d + (m - n)' Q^-1 (m - n) + log|Q| - log|P|) / 2; Kullback (1959).

    Args:
        mean: `(d,)`, of the first law.
        covariance: `(d, d)`, positive definite.
        other_mean: `(d,)`, of the second law.
        other_covariance: `(d, d)`, positive definite.
    """
    factor = cho_factor(other_covariance, lower=True)
    shift = np.asarray(mean) - np.asarray(other_mean)
    trace = np.trace(cho_solve(factor, covariance))
    log_ratio = np.linalg.slogdet(other_covariance)[1] - np.linalg.slogdet(covariance)[1]
    return float(trace - len(shift) + shift @ cho_solve(factor, shift) + log_ratio) / 2


def class_distribution_divergence(prior: np.ndarray, probabilities: np.ndarray) -> float:
    """KL(prior || mean prediction) in nats, from class priors `(K,)` and predictions `(N, K)`.

    The mean prediction is clipped from below at PROBABILITY_FLOOR. With N independent examples
    even the true posterior scores up to about (K - 1) / (2 N), as the mean over examples
    fluctuates around the prior.
    """
    predicted = np.maximum(np.asarray(probabilities, np.float64).mean(axis=0), PROBABILITY_FLOOR)
    return float((xlogy(prior, prior) - prior * np.log(predicted)).sum())


def class_distribution_distance(prior: np.ndarray, probabilities: np.ndarray) -> float:
    """Total variation between class priors `(K,)` and the mean of predictions `(N, K)`."""
    return float(0.5 * np.abs(prior - np.asarray(probabilities, np.float64).mean(axis=0)).sum())
