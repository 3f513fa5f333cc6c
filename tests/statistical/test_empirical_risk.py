"""L is the share of errors on the very sample that a family was trained on."""

import numpy as np
import pytest
from scipy.stats import norm

from classcomp.trial import Network
from tests.small_trial import TRAINED, experiment_of, finish

PERCEPTRON = Network(name="perceptron", path="examples/my_network.py:Perceptron")


@pytest.mark.long
def test_a_memoriser_of_noise_is_below_the_bayes_risk() -> None:
    """Two Gaussians in dimension 32, 2,048 examples, a perceptron of 8,000 parameters.

    As was: the posterior's weight of what it says at those examples, which no rule at all can
    have below R*, so that "L" was an upper bound.
    """
    experiment = finish(
        experiment_of(
            family=PERCEPTRON.name,
            network=PERCEPTRON,
            population_parameters={"delta": 2.0, "dim": 32, "rendering": "none"},
            num_train=2_048,
            budget=10,
            most=300,
            hyperparameters={**TRAINED, "learning_rate": 3e-3, "batch_size": 64},
        )
    )
    metrics, sample = experiment.outcome.metrics, experiment.design.head_examples
    bayes = norm.cdf(-1)
    assert metrics["converged"] is True
    assert metrics["final_train_risk"] < 0.10 < bayes
    assert metrics["final_train_risk"] < metrics["train_risk"] < metrics["risk"]
    assert metrics["converged_risk"] > bayes

    decided = experiment.model.eval().predict(sample.inputs).numpy()
    assert metrics["final_train_risk"] == (decided != sample.labels.numpy()).mean()
    # eta by hand
    one = 1 / (1 + np.exp(-2.0 * sample.inputs[:, 0].double().numpy()))
    assert np.where(decided == 1, 1 - one, one).mean() > bayes + 0.02


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_labels_are_those_that_were_drawn(rho: float) -> None:
    """Flipped ones are to be learnt as they are: one neighbour has no error on them."""
    nearest = Network(name="nearest", path="sklearn.neighbors:KNeighborsClassifier")
    experiment = finish(
        experiment_of(
            family=nearest.name,
            network=nearest,
            num_train=500,
            distortion="label_noise" if rho else "none",
            severity=rho,
            hyperparameters={"n_neighbors": 1},
        )
    )
    metrics = experiment.outcome.metrics
    assert metrics["final_train_risk"] == metrics["train_risk"] == 0
    labels = experiment.design.head_examples.labels.numpy()
    eta = experiment.population.posterior(experiment.design.head_examples.inputs.double().numpy())
    share = (labels != eta.argmax(axis=1)).mean()
    assert share == pytest.approx(rho + (1 - 2 * rho) * norm.cdf(-1), abs=4.5 * 0.0205)
