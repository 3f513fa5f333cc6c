"""Classification: 0-1 risk.

Where the posterior eta is known, 0-1 quantities are averaged over y given x in closed form: the
posterior-weighted estimators of docs/protocol.md, whose error vanishes as a rule comes close to
Bayes.
"""

import math

import numpy as np
from jaxtyping import Float, Int

from classcomp.draws import Draws, Examples
from classcomp.models.base import Decides, Model
from classcomp.tasks.base import (
    Assessment,
    Evaluation,
    Mean,
    above_floor,
    check_not_empty,
    mean_of,
    predict,
)

NUM_PREDICTIONS = 1_000
"""Of the evaluation examples, those whose predicted probabilities are kept."""


class Classification:
    """How often a class is said that is not the example's."""

    name = "classification"
    unit = "probability"
    needs: type = Decides
    has_best_rule = True
    draws: type[Draws] = Draws
    asks_for = "origin"

    def risk(self, model: Model, examples: Examples) -> float:
        """Share of wrong classes, weighted by the posterior where it is known."""
        assert isinstance(model, Decides)
        model.eval()
        chosen, eta = predict(model, examples.inputs), examples.posterior
        if eta is None:
            return float((chosen != examples.labels.cpu().numpy()).mean())
        return float(1.0 - eta[np.arange(len(eta)), chosen].mean())

    def scale(self, examples: Examples) -> float:
        """One, the largest 0-1 risk there is."""
        return 1.0

    def assess(self, evaluation: Evaluation) -> Assessment:
        """Risk, and the excess over the Bayes risk where the law is known.

        There the excess is the posterior-weighted mean, and the risk is the Bayes risk plus it;
        elsewhere the risk is a share of errors.
        """
        chosen, _ = evaluation.decisions
        eta, bayes = evaluation.examples.posterior, evaluation.population.bayes_risk()
        if eta is None or bayes is None:
            return Assessment(
                risk=zero_one_risk(evaluation.labels, chosen),
                floor=None,
                excess=None,
                terms=(chosen != evaluation.labels).astype(np.float64),
            )
        return above_floor(
            Mean(value=bayes.value, standard_error=bayes.standard_error),
            excess_risk(eta, chosen),
            1 - eta[np.arange(len(eta)), chosen],
        )

    def kept(
        self, evaluation: Evaluation, assessment: Assessment, branch: str
    ) -> dict[str, np.ndarray]:
        """Decisions, from which the terms follow, and predictions.

        `budget` or `converged`: classes `(N,)`; `log_probabilities`, `converged_log_probabilities`:
        natural logarithms `(NUM_PREDICTIONS, K)` in float16.
        """
        classes, probabilities = evaluation.decisions
        with np.errstate(divide="ignore"):  # log 0 is minus infinity, and kept as such
            logs = np.log(probabilities[:NUM_PREDICTIONS]).astype(np.float16)
        prefix = "" if branch == "budget" else f"{branch}_"
        return {branch: classes, f"{prefix}log_probabilities": logs}


def excess_risk(
    posterior: Float[np.ndarray, "n classes"], predictions: Int[np.ndarray, " n"]
) -> Mean:
    """E[max_k eta_k(x) - eta_{h(x)}(x)]: risk above Bayes, exactly 0 for the Bayes rule."""
    said = posterior[np.arange(len(posterior)), predictions]
    return mean_of(posterior.max(axis=1) - said)


def zero_one_risk(labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"]) -> Mean:
    """Share of wrong predictions, with the binomial standard error sqrt(p(1-p)/N)."""
    check_not_empty(labels)
    wrong = float(np.mean(np.asarray(labels) != np.asarray(predictions)))
    return Mean(value=wrong, standard_error=math.sqrt(wrong * (1 - wrong) / len(labels)))
