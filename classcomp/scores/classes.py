"""What else decisions for classes can be scored by."""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import xlogy

from classcomp.distortions import noisy_risk
from classcomp.tasks import TASKS, Evaluation, Mean
from classcomp.tasks.base import check_not_empty, mean_of

PROBABILITY_FLOOR = 1e-7  # predicted probabilities below it count as this


def cross_entropy_columns(evaluation: Evaluation) -> dict[str, float]:
    """`cross_entropy`, of labels or the posterior, and what of it is above the posterior's own."""
    eta, probabilities = evaluation.examples.posterior, evaluation.decisions[1]
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), PROBABILITY_FLOOR))
    if eta is None:
        places = np.arange(len(logs)), evaluation.labels
        return {"cross_entropy": -float(logs[places].mean())}
    return {
        "cross_entropy": -float((eta * logs).sum(axis=1).mean()),
        "excess_cross_entropy": excess_cross_entropy(eta, probabilities).value,
    }


def calibration_columns(evaluation: Evaluation) -> dict[str, float]:
    """`calibration_error`, where the posterior is known."""
    eta = evaluation.examples.posterior
    if eta is None:
        return {}
    return {"calibration_error": calibration_error(eta, evaluation.decisions[1])}


def class_distribution_columns(evaluation: Evaluation) -> dict[str, float]:
    """`class_distribution_kl` and `_tv`, against the law's prior or else the examples' own."""
    population, probabilities = evaluation.population, evaluation.decisions[1]
    prior = population.prior
    if evaluation.examples.posterior is None:
        counts = np.bincount(evaluation.labels, minlength=population.num_classes)
        prior = counts / len(evaluation.labels)
    return {
        "class_distribution_kl": class_distribution_divergence(prior, probabilities),
        "class_distribution_tv": class_distribution_distance(prior, probabilities),
    }


def balanced_columns(evaluation: Evaluation) -> dict[str, float]:
    """`balanced_risk`; nan where the examples lack a class."""
    balanced = balanced_risk(
        evaluation.labels,
        evaluation.decisions[0],
        posterior=evaluation.examples.posterior,
        num_classes=evaluation.population.num_classes,
    )
    return {"balanced_risk": balanced.value}


def noisy_columns(evaluation: Evaluation) -> dict[str, float]:
    """`noisy_risk`: what the 0-1 risk becomes if labels are flipped as in training."""
    risk = TASKS["classification"].assess(evaluation).risk.value
    population = evaluation.population
    return {"noisy_risk": noisy_risk(risk, population.label_noise, population.num_classes)}


def balanced_risk(
    labels: Int[np.ndarray, " n"],
    predictions: Int[np.ndarray, " n"],
    *,
    num_classes: int,
    posterior: Float[np.ndarray, "n classes"] | None = None,
) -> Mean:
    """Average over the K classes of the risk within the class.

    Within class k: mean of w_k(x) 1(h(x) != k) over the mean of w_k(x), w the posterior where it
    is known (labels are not looked at then), else the labels as indicators, which gives the error
    rates. Dividing by the sample's own class share rather than by the prior keeps
    the estimate within [0, 1]; the standard error is the ratio's, by the delta method. A class
    that the sample lacks makes both nan (unknown).
    """
    weights = np.eye(num_classes)[labels] if posterior is None else np.asarray(posterior)
    check_not_empty(weights)
    shares = weights.mean(axis=0)
    if (shares == 0).any():
        return Mean(value=math.nan, standard_error=math.nan)
    wrong = 1 - np.eye(num_classes)[predictions]
    rates = (weights * wrong).mean(axis=0) / shares
    influence = (weights * (wrong - rates) / shares).mean(axis=1)
    error = math.sqrt(float(np.mean(influence**2)) / len(influence))
    return Mean(value=float(rates.mean()), standard_error=error)


def excess_cross_entropy(
    posterior: Float[np.ndarray, "n classes"], probabilities: Float[np.ndarray, "n classes"]
) -> Mean:
    """E KL(eta || p) in nats: cross-entropy of predictions above the best possible.

    p is clipped from below at PROBABILITY_FLOOR (not rescaled), so that one confident mistake
    costs at most -ln of it.
    """
    clipped = np.maximum(np.asarray(probabilities, dtype=np.float64), PROBABILITY_FLOOR)
    terms = xlogy(posterior, posterior) - posterior * np.log(clipped)
    return mean_of(terms.sum(axis=1))


def calibration_error(
    posterior: Float[np.ndarray, "n classes"],
    probabilities: Float[np.ndarray, "n classes"],
    num_bins: int = 50,
) -> float:
    """How far predicted probabilities are from what they predict, as a root mean square.

    sqrt of the mean over classes k of E (E[eta_k | p_k] - p_k)^2, Kumar, Liang and Ma's (2019)
    marginal calibration error with the posterior in the labels' place. The outer mean is over bins
    of p_k that hold equally many examples; from a bin's squared mean of eta_k - p_k the square of
    its standard error is taken, which leaves the sum unbiased for bins as they are. What remains:
    what E[eta_k | p_k] - p_k does within a bin is not seen, so that it errs low, by less the more
    bins there are; and a sum below zero counts as zero, so that for a perfect rule it errs high,
    by up to (2 / bins)^(1/4) s / sqrt(n), s the standard deviation of eta_k - p_k and n a bin's
    examples.
    """
    gaps = np.asarray(posterior, np.float64) - np.asarray(probabilities, np.float64)
    check_not_empty(gaps)
    num = len(gaps)
    if num < 2:
        return math.nan
    squares = []
    for order, gap in zip(np.argsort(probabilities, axis=0, kind="stable").T, gaps.T, strict=True):
        bins = np.array_split(gap[order], min(num_bins, num // 2))
        squares.append(sum(len(b) * (b.mean() ** 2 - b.var(ddof=1) / len(b)) for b in bins) / num)
    return math.sqrt(max(0.0, float(np.mean(squares))))


def class_distribution_divergence(
    prior: Float[np.ndarray, " classes"], probabilities: Float[np.ndarray, "n classes"]
) -> float:
    """KL(prior || mean prediction) in nats, from class priors and predictions.

    The mean prediction is clipped from below at PROBABILITY_FLOOR. With N independent examples
    even the true posterior scores up to about (K - 1) / (2 N), as the mean over examples
    fluctuates around the prior.
    """
    predicted = np.maximum(np.asarray(probabilities, np.float64).mean(axis=0), PROBABILITY_FLOOR)
    return float((xlogy(prior, prior) - prior * np.log(predicted)).sum())


def class_distribution_distance(
    prior: Float[np.ndarray, " classes"], probabilities: Float[np.ndarray, "n classes"]
) -> float:
    """Total variation between class priors and the mean of predictions."""
    return float(0.5 * np.abs(prior - np.asarray(probabilities, np.float64).mean(axis=0)).sum())
