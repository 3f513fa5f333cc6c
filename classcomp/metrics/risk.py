"""Risks of predictions on an evaluation sample, with standard errors.

Where the posterior eta is known, 0-1 quantities are averaged over y given x in closed form: the
posterior-weighted estimators of PROTOCOL, whose error vanishes as a rule comes close to Bayes.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

PROBABILITY_FLOOR = 1e-7  # predicted probabilities below it count as this


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean over an evaluation sample and its standard error."""

    value: float
    standard_error: float


def excess_risk(posterior: np.ndarray, predictions: np.ndarray) -> Estimate:
    """E[max_k eta_k(x) - eta_{h(x)}(x)]: risk above Bayes, from posterior `(N, K)`.

    Exactly 0 for the Bayes rule; predictions are `(N,)` class labels.
    """
    said = posterior[np.arange(len(posterior)), predictions]
    return mean_estimate(posterior.max(axis=1) - said)


def zero_one_risk(labels: np.ndarray, predictions: np.ndarray) -> Estimate:
    """Share of wrong predictions, with the binomial standard error sqrt(p(1-p)/N)."""
    _check_not_empty(labels)
    wrong = float(np.mean(np.asarray(labels) != np.asarray(predictions)))
    return Estimate(value=wrong, standard_error=math.sqrt(wrong * (1 - wrong) / len(labels)))


def balanced_risk(
    labels: np.ndarray,
    predictions: np.ndarray,
    *,
    num_classes: int,
    posterior: np.ndarray | None = None,
) -> Estimate:
    """Average over the K classes of the risk within the class.

    Within class k: mean of w_k(x) 1(h(x) != k) over the mean of w_k(x), w the posterior `(N, K)`
    where it is known (labels are not looked at then), else the labels `(N,)` as indicators, which
    gives the error rates. Dividing by the sample's own class share rather than by the prior keeps
    the estimate within [0, 1]; the standard error is the ratio's, by the delta method. A class
    that the sample lacks makes both nan (unknown).
    """
    weights = np.eye(num_classes)[labels] if posterior is None else np.asarray(posterior)
    _check_not_empty(weights)
    shares = weights.mean(axis=0)
    if (shares == 0).any():
        return Estimate(value=math.nan, standard_error=math.nan)
    wrong = 1 - np.eye(num_classes)[predictions]
    rates = (weights * wrong).mean(axis=0) / shares
    influence = (weights * (wrong - rates) / shares).mean(axis=1)
    error = math.sqrt(float(np.mean(influence**2)) / len(influence))
    return Estimate(value=float(rates.mean()), standard_error=error)


def excess_cross_entropy(posterior: np.ndarray, probabilities: np.ndarray) -> Estimate:
    """E KL(eta || p) in nats: cross-entropy of predictions `(N, K)` above the best possible.

    p is clipped from below at PROBABILITY_FLOOR (not rescaled), so that one confident mistake
    costs at most -ln of it.
    """
    clipped = np.maximum(np.asarray(probabilities, dtype=np.float64), PROBABILITY_FLOOR)
    terms = xlogy(posterior, posterior) - posterior * np.log(clipped)
    return mean_estimate(terms.sum(axis=1))


def mean_estimate(terms: np.ndarray) -> Estimate:
    """Mean of independent terms `(N,)` and its standard error; one term has none (nan)."""
    _check_not_empty(terms)
    error = terms.std(ddof=1) / math.sqrt(len(terms)) if len(terms) > 1 else math.nan
    return Estimate(value=float(terms.mean()), standard_error=float(error))


def _check_not_empty(sample: np.ndarray) -> None:
    if len(sample) == 0:
        raise ValueError("an evaluation sample must hold at least one example, not 0")
