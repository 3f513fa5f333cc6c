"""Reconstruction errors against sums done by hand, and a trial that is scored by them."""

from typing import Any

import numpy as np
import pytest
import torch

from classcomp.draws import Examples
from classcomp.experiment import Experiment, run
from classcomp.models.base import Model
from classcomp.populations import make
from classcomp.tasks import TASKS, Evaluation
from classcomp.tasks.base import rounded_terms
from classcomp.trial import CLOCKS
from search_spaces import SPACES
from study.trials.schema import METRIC_COLUMNS
from tests.small_trial import experiment_of, finish, trial_of

TASK = TASKS["reconstruction"]
DIGITS: dict[str, Any] = {"population_name": "digits", "population_parameters": {}}
IMAGES: dict[str, Any] = {
    "population_name": "gaussian_images",
    "population_parameters": {"mu0": 0.0, "mu1": 1.0, "sigma0": 1.0, "sigma1": 1.0, "size": 4},
}
POPULATIONS = pytest.mark.parametrize("population", [DIGITS, IMAGES], ids=["digits", "images"])
FAMILIES = pytest.mark.parametrize(
    "family", ["autoencoder", "linear_autoencoder", "beta_vae", "vq_vae"]
)


class Halving(Model):
    """Gives back half of what it is shown."""

    def reconstruct(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs / 2


def examples_of(inputs: torch.Tensor) -> Examples:
    return Examples(inputs=inputs, labels=torch.zeros(len(inputs), dtype=torch.int64))


def assessed(inputs: torch.Tensor) -> Evaluation:
    population = make("two_gaussians", delta=2.0)
    return Evaluation(model=Halving(), examples=examples_of(inputs), population=population)


def test_risk_by_hand():
    inputs = torch.tensor([[2.0, 0.0], [4.0, 2.0], [0.0, 0.0]])
    terms = np.array([0.5, 2.5, 0.0])  # (1 + 0) / 2, (4 + 1) / 2, 0
    found = TASK.assess(assessed(inputs))
    np.testing.assert_allclose(found.terms, terms)
    assert found.risk.value == pytest.approx(1.0)
    assert found.risk.standard_error == pytest.approx(terms.std(ddof=1) / np.sqrt(3))
    assert TASK.risk(Halving(), examples_of(inputs)) == pytest.approx(1.0)
    assert found.floor is found.excess is None
    assert found.columns.keys() == {"risk", "risk_se"}


def test_the_unit_is_that_of_the_column_that_is_the_same_number():
    units = {column.name: column.unit for column in METRIC_COLUMNS}
    assert TASK.unit == units["reconstruction_mse"]


def test_batches_make_no_difference():
    inputs = torch.randn(1_300, 3, generator=torch.Generator().manual_seed(0))
    found = TASK.assess(assessed(inputs))
    by_hand = (inputs.double() ** 2).mean(dim=1).numpy() / 4
    np.testing.assert_allclose(found.terms, by_hand, rtol=1e-5)


def test_the_scale_is_the_constant_reconstruction_s_risk():
    inputs = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert TASK.scale(examples_of(inputs)) == pytest.approx(0.5)
    assert TASK.scale(examples_of(10 * inputs + 3)) == pytest.approx(50.0)  # of its unit alone


@pytest.mark.parametrize(
    ("unit", "dtype"), [(1.0, np.float16), (1e-6, np.float32), (1e6, np.float32)]
)
def test_kept_terms_hold_mean_and_spread_in_any_unit(unit, dtype):
    terms = unit * np.random.default_rng(0).chisquare(8, size=10_000)
    kept = rounded_terms(terms)
    assert kept.dtype == dtype
    assert kept.mean(dtype=np.float64) == pytest.approx(terms.mean(), rel=1e-3)
    np.testing.assert_allclose(kept.astype(np.float64), terms, rtol=1e-3)


def trained(family: str, role: str = "measure", **changes: Any) -> Experiment:
    hyperparameters = {**SPACES[family].defaults, "learning_rate": 0.01, "batch_size": 16}
    asked = {"budget": 2, "most": 8, "hyperparameters": hyperparameters} | changes
    return finish(experiment_of(role, family=family, **asked))


@POPULATIONS
@FAMILIES
def test_a_measured_trial_has_both_risks_and_their_terms(family, population):
    experiment = trained(family, **population)
    metrics, kept = experiment.outcome.metrics, experiment.decisions
    assert kept.keys() == {"budget_terms", "converged_terms"}
    num = len(experiment.design.evaluation.labels)
    for branch, prefix in (("budget", ""), ("converged", "converged_")):
        terms = kept[f"{branch}_terms"]
        assert terms.dtype == np.float16
        assert terms.shape == (num,)
        exact = terms.astype(np.float64)
        assert exact.mean() == pytest.approx(metrics[f"{prefix}risk"], rel=1e-3)
    error = kept["budget_terms"].astype(np.float64).std(ddof=1) / np.sqrt(num)
    assert error == pytest.approx(metrics["risk_se"], rel=1e-3)
    assert metrics["risk"] == metrics["reconstruction_mse"]
    assert metrics["risk"] != metrics["converged_risk"]
    assert metrics["final_train_risk"] > 0
    assert not {"bayes_risk", "excess_risk", "balanced_risk"} & metrics.keys()
    assert metrics["converged_excess_risk"] is None


@POPULATIONS
@FAMILIES
def test_the_limit_has_one_risk_and_its_terms(family, population):
    experiment = trained(family, "limit", num_train=2_000, **population)
    metrics, kept = experiment.outcome.metrics, experiment.decisions
    assert kept.keys() == {"budget_terms"}
    assert kept["budget_terms"].mean(dtype=np.float64) == pytest.approx(metrics["risk"], rel=1e-3)
    assert metrics["risk"] == metrics["reconstruction_mse"]
    assert metrics["examples_seen"] == 2_000


@FAMILIES
@pytest.mark.parametrize("role", ["measure", "limit"])
def test_labels_play_no_role(family, role):
    """Flipped for a third of the examples: no number changes."""
    noise = {"distortion": "label_noise", "severity": 0.3}
    clean, noisy = (trained(family, role, **IMAGES, **more) for more in ({}, noise))
    assert (clean.design.head_examples.labels != noisy.design.head_examples.labels).any()
    metrics = [
        {k: v for k, v in e.outcome.metrics.items() if k not in CLOCKS} for e in (clean, noisy)
    ]
    assert metrics[0] == metrics[1]
    for name, terms in clean.decisions.items():
        np.testing.assert_array_equal(terms, noisy.decisions[name])


@FAMILIES
@pytest.mark.parametrize("role", ["best_in_class", "slack"])
def test_no_posterior_says_what_its_best_rule_is(family, role):
    asked = trial_of(role, family=family, hyperparameters=SPACES[family].defaults, **IMAGES)
    with pytest.raises(ValueError, match=f"^role = '{role}': {family} is for reconstruction") as e:
        run(asked)
    assert "\n" not in str(e.value)


def test_settling_does_not_depend_on_the_unit(monkeypatch):
    """A trajectory moves as if it had settled, by less than a share of the sample's own scale."""
    steps = []
    for scale in (1.0, 1e-9):
        monkeypatch.setattr(type(TASK), "scale", lambda *_, s=scale: s)
        metrics = trained("linear_autoencoder", **DIGITS, most=200).outcome.metrics
        steps.append((metrics["converged"], metrics.get("steps_to_converge")))
    assert steps[0][0]
    assert not steps[1][0]
