"""A fitted classifier held against examples, and against the law where it is known."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from classcomp.distortions import noisy_risk
from classcomp.metrics.divergence import (
    class_distribution_distance,
    class_distribution_divergence,
)
from classcomp.metrics.risk import (
    balanced_risk,
    excess_cross_entropy,
    excess_risk,
    zero_one_risk,
)

if TYPE_CHECKING:
    from classcomp.designs import Examples
    from classcomp.models.base import Classifier
    from classcomp.populations import Population

SCORING_BATCH = 2_048


@torch.no_grad()
def predict(model: "Classifier", inputs: Tensor) -> np.ndarray:
    """Predicted classes (N,) int64 of inputs (N, ...), in evaluation mode."""
    model.eval()
    parts = [model.predict(batch).cpu().numpy() for batch in inputs.split(SCORING_BATCH)]
    return np.concatenate(parts)


@torch.no_grad()
def decide(model: "Classifier", inputs: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Predicted classes (N,) int64 and probabilities (N, K) float64, in evaluation mode."""
    model.eval()
    parts = [model.decide(batch) for batch in inputs.split(SCORING_BATCH)]
    classes = torch.cat([chosen for chosen, _ in parts]).cpu().numpy()
    return classes, torch.cat([proba for _, proba in parts]).cpu().numpy().astype(np.float64)


def risk_of(model: "Classifier", inputs: Tensor, labels: Tensor) -> float:
    """Share of examples whose label is not the predicted one."""
    return float((predict(model, inputs) != labels.cpu().numpy()).mean())


def assess(
    model: "Classifier", examples: "Examples", population: "Population"
) -> dict[str, float | None]:
    """Every risk of a fitted rule, by column name.

    Where the law is known the excess risk is the posterior-weighted mean, and the risk is the
    Bayes risk plus it; elsewhere the risk is a share of errors, the excess is unknown, and the
    true class distribution is the examples' own.

    Args:
        model: the fitted classifier.
        examples: (N, ...) clean examples of the law.
        population: the law.
    """
    predictions, probabilities = decide(model, examples.inputs)
    labels = examples.labels.cpu().numpy()
    eta, bayes = examples.posterior, population.bayes_risk()
    if eta is None or bayes is None:
        risk = zero_one_risk(labels, predictions)
        scores: dict[str, float | None] = {"risk": risk.value, "risk_se": risk.standard_error}
    else:
        excess = excess_risk(eta, predictions)
        scores = {
            "bayes_risk": bayes.value,
            "bayes_risk_se": bayes.standard_error,
            "excess_risk": excess.value,
            "excess_risk_se": excess.standard_error,
            "risk": bayes.value + excess.value,
            "risk_se": float(np.hypot(bayes.standard_error, excess.standard_error)),
            "excess_cross_entropy": excess_cross_entropy(eta, probabilities).value,
        }
    shares = np.bincount(labels, minlength=population.num_classes) / len(labels)
    scores |= _class_distribution(shares if eta is None else population.prior, probabilities)
    scores["balanced_risk"] = balanced_risk(
        labels, predictions, posterior=eta, num_classes=population.num_classes
    ).value
    risk_value = scores["risk"]
    assert risk_value is not None
    scores["noisy_risk"] = noisy_risk(risk_value, population.label_noise, population.num_classes)
    return scores


def _class_distribution(prior: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    return {
        "class_distribution_kl": class_distribution_divergence(prior, probabilities),
        "class_distribution_tv": class_distribution_distance(prior, probabilities),
    }
