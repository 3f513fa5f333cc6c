"""How far a learned distribution lies from the true one: Kullback-Leibler divergences, in nats."""

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from scipy.special import xlogy
from torch import Tensor

from classcomp.metrics.reconstruction import psnr_db, squared_errors
from classcomp.metrics.risk import PROBABILITY_FLOOR, Estimate, mean_estimate
from classcomp.models.base import HasDensity, Model, Reconstructs

NUM_POINTS = 512
"""Evaluation examples that a generative model's divergence is averaged over."""


@torch.no_grad()
def diagnose(
    model: Model, inputs: Tensor, log_density: np.ndarray | None, generator: torch.Generator
) -> dict[str, float]:
    """Return what a model's capabilities allow to be said of clean examples, by column name."""
    found: dict[str, float] = {}
    if isinstance(model, Reconstructs):
        batches = inputs.split(512)
        errors = [squared_errors(batch, model.reconstruct(batch)) for batch in batches]
        mse = float(torch.cat(errors).double().mean())
        found["reconstruction_mse"] = mse
        if inputs.ndim == 4 and mse > 0:
            found["psnr_db"] = psnr_db(mse)
    if log_density is not None and isinstance(model, HasDensity):
        learned = model.log_density(inputs[:NUM_POINTS], generator)
        kl = divergence(log_density[:NUM_POINTS], learned.cpu().numpy())
        found |= {"kl_nats": kl.value, "kl_nats_se": kl.standard_error}
    return found


def divergence(log_true: np.ndarray, log_learned: np.ndarray) -> Estimate:
    """KL(true || learned) in nats, from both log densities `(N,)` at draws of the true law.

    The mean of their difference, and its standard error over the draws. Both densities are
    taken at the same points, so what they share cancels. With `HasDensity.log_density` for the
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
