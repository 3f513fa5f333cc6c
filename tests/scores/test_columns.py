"""What a trial's record says of distributions, role by role and population by population."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from classcomp.experiment import Experiment, run
from classcomp.scores import score_columns
from classcomp.trial import CLOCKS, STREAMS, Trial
from study.trials.schema import METRIC_COLUMNS

torch.set_num_threads(1)

POINTS = {"delta": 2.0, "prior": 0.7, "rendering": "none"}
IMAGES = {"mu0": 0.0, "mu1": 0.5, "sigma0": 1.0, "sigma1": 1.0, "size": 4}
DIVERGENCE = {"kl_nats", "kl_nats_se"}
CLASSES = {"class_distribution_kl", "class_distribution_tv"}


def asked(**changes: Any) -> Trial:
    """A trial of one pass and, by default, of 64 points without a picture."""
    default = {
        "role": "measure",
        "family": "vae_svm",
        "depth": 1,
        "population_name": "two_gaussians",
        "population_parameters": POINTS,
        "num_train": 64,
        "budget": 1,
        "most": 1,
        "hyperparameters": {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": 32},
        "streams": {name: number for number, name in enumerate(STREAMS)},
    }
    return Trial(**(default | changes))


@pytest.mark.parametrize(
    ("name", "parameters"), [("two_gaussians", POINTS), ("gaussian_images", IMAGES)]
)
@pytest.mark.parametrize("family", ["vae_svm", "vae_kmeans"])
def test_a_generative_family_is_held_against_the_known_density(family, name, parameters):
    request = asked(family=family, population_name=name, population_parameters=parameters)
    metrics = run(request).metrics
    assert math.isfinite(metrics["kl_nats"])
    # Hardly trained: far from the law by more than chance, which the divergence must see.
    assert metrics["kl_nats"] > 4 * metrics["kl_nats_se"] > 0
    assert metrics == {**run(request).metrics, **{k: metrics[k] for k in CLOCKS}}


def test_training_brings_the_learned_law_closer():
    short, long = (run(asked(budget=epochs, most=epochs)).metrics["kl_nats"] for epochs in (1, 60))
    assert 0 < long < short / 2


@pytest.mark.parametrize(
    "changed",
    [
        {"population_parameters": {"delta": 2.0}},  # rendered: pictures have no density
        {"population_name": "digits", "population_parameters": {"classes": [3, 8]}},
        {"family": "linear"},
        {"role": "best_in_class"},  # a network of labels: it has no density
    ],
)
def test_what_has_no_divergence_has_none(changed):
    metrics = run(asked(**changed)).metrics
    assert not DIVERGENCE & metrics.keys()
    assert metrics.keys() >= CLASSES


def test_the_divergence_draws_from_no_stream_that_training_uses():
    experiment = Experiment(asked())
    experiment.advance()
    states = [experiment._head_noise.get_state(), torch.get_rng_state()]
    assert score_columns(experiment._evaluation()).keys() >= DIVERGENCE
    assert torch.equal(states[0], experiment._head_noise.get_state())
    assert torch.equal(states[1], torch.get_rng_state())


def test_a_trained_rule_predicts_classes_as_often_as_they_occur():
    metrics = run(asked(family="linear", budget=40, most=40, num_train=1024)).metrics
    assert 0 <= metrics["class_distribution_kl"] < 0.01
    assert 0 <= metrics["class_distribution_tv"] < 0.05


def test_a_rule_that_always_says_half_is_held_against_the_prior():
    experiment = Experiment(asked(family="linear"))
    experiment.model.classifier.weight.data.zero_()
    experiment.model.classifier.bias.data.zero_()
    scores = score_columns(experiment._evaluation())
    by_hand = 0.3 * math.log(0.3 / 0.5) + 0.7 * math.log(0.7 / 0.5)
    assert scores["class_distribution_kl"] == pytest.approx(by_hand, abs=1e-6)
    assert scores["class_distribution_tv"] == pytest.approx(0.2, abs=1e-6)


def test_cross_entropy_of_real_data_is_torch_s_of_its_labels():
    images = {"population_name": "digits", "population_parameters": {"classes": [3, 8, 9]}}
    experiment = Experiment(asked(family="linear", **images))
    evaluation = experiment._evaluation()
    with torch.no_grad():
        logits = experiment.model.eval()(evaluation.examples.inputs)
    expected = F.cross_entropy(logits, evaluation.examples.labels).item()
    scores = score_columns(evaluation)
    assert scores["cross_entropy"] == pytest.approx(expected, rel=1e-5)
    assert "excess_cross_entropy" not in scores


def test_cross_entropy_of_a_law_is_its_excess_and_the_posterior_s_entropy():
    experiment = Experiment(asked(family="linear"))
    evaluation = experiment._evaluation()
    eta = evaluation.examples.posterior
    entropy = -np.where(eta > 0, eta * np.log(np.maximum(eta, 1e-300)), 0).sum(axis=1).mean()
    scores = score_columns(evaluation)
    expected = scores["excess_cross_entropy"] + entropy
    assert scores["cross_entropy"] == pytest.approx(expected, rel=1e-9)


def test_the_columns_are_declared():
    assert {column.name for column in METRIC_COLUMNS} >= DIVERGENCE | CLASSES
