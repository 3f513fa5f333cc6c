"""What a trial's record says of codes, against the codes themselves."""

import math

import numpy as np
import pytest
import torch

from classcomp.draws import Examples
from classcomp.models.base import Model
from classcomp.populations import make
from classcomp.scores.codes import code_columns
from classcomp.tasks import Evaluation
from search_spaces import SPACES
from study.trials.schema import METRIC_COLUMNS
from tests.small_trial import experiment_of, finish

COLUMNS = {"code_bits", "code_perplexity"}


class Rounding(Model):
    """Codes are the pixels, rounded; each costs one bit more than its number."""

    def codes(self, inputs):
        return inputs.flatten(1).long()

    def code_bits(self, codes):
        return (codes + 1).sum(dim=1).double()


def test_by_hand():
    inputs = torch.tensor([0, 0, 1, 1, 0, 0, 3, 3]).float().view(2, 1, 2, 2).repeat(400, 1, 1, 1)
    examples = Examples(inputs=inputs, labels=torch.zeros(800, dtype=torch.int64))
    population = make("two_gaussians", delta=2.0)
    found = code_columns(Evaluation(model=Rounding(), examples=examples, population=population))
    entropy = math.log(2) / 2 + 2 * math.log(4) / 4  # shares 1/2, 1/4, 0, 1/4
    assert found == {
        "code_bits": pytest.approx((6 + 10) / 2),
        "code_perplexity": pytest.approx(math.exp(entropy)),
    }


def test_of_a_trial_they_are_what_the_evaluation_sample_takes():
    experiment = finish(
        experiment_of(
            family="vq_vae",
            population_name="digits",
            population_parameters={},
            num_train=300,
            hyperparameters=SPACES["vq_vae"].defaults,
        )
    )
    metrics = experiment.outcome.metrics
    assert {column.name for column in METRIC_COLUMNS} >= COLUMNS
    num_codes, num_places = 64, 16
    assert 1 < metrics["code_perplexity"] <= num_codes
    assert 0 < metrics["code_bits"] < num_places * math.log2(num_codes)
    # The model is now that of R_n(inf), whose prior the last pass has counted.
    with torch.no_grad():
        codes = experiment.model.codes(experiment.design.head_examples.inputs)
    counts = torch.stack([column.bincount(minlength=num_codes) for column in codes.T])
    assert torch.equal(experiment.model.prior.singles, counts)
    assert np.isfinite(metrics["risk"])


def test_who_has_no_codes_has_no_bits():
    asked = {"family": "robust_vae", "population_name": "digits", "population_parameters": {}}
    own = SPACES["robust_vae"].defaults
    trial = finish(experiment_of(**asked, hyperparameters=own, budget=1, most=1))
    assert not COLUMNS & trial.outcome.metrics.keys()
