"""0-1 risks against sums done by hand and against each other, and the task that reports them."""

import numpy as np
import pytest
import torch

from classcomp.draws import Examples
from classcomp.models import FAMILIES
from classcomp.populations import make
from classcomp.tasks import TASKS, Evaluation
from classcomp.tasks.classification import excess_risk, zero_one_risk
from classcomp.testing import make as make_model

ETA = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
TASK = TASKS["classification"]


def test_excess_risk_by_hand():
    estimate = excess_risk(ETA, np.array([1, 1, 0]))
    assert estimate.value == pytest.approx(0.8 / 3)
    assert estimate.standard_error == pytest.approx(np.std([0.8, 0, 0], ddof=1) / np.sqrt(3))


def test_bayes_rule_has_no_excess_and_no_error():
    estimate = excess_risk(ETA, ETA.argmax(axis=1))
    assert (estimate.value, estimate.standard_error) == (0.0, 0.0)


def test_zero_one_risk_by_hand():
    estimate = zero_one_risk(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]))
    assert estimate.value == 0.25
    assert estimate.standard_error == pytest.approx(np.sqrt(0.25 * 0.75 / 4))


@pytest.mark.parametrize(
    "call",
    [lambda none: excess_risk(np.empty((0, 2)), none), lambda none: zero_one_risk(none, none)],
)
def test_an_empty_sample_is_refused(call):
    with pytest.raises(ValueError, match="at least one example"):
        call(np.empty(0, dtype=np.int64))


def test_posterior_weighting_agrees_with_labels_and_is_sharper():
    """A rule off by a little; N = 40,000: a bias of 0.6% in the estimator would be seen."""
    population = make("two_gaussians", delta=2.0)
    sample = population.sample(40_000, np.random.default_rng(5))
    eta = population.posterior(sample.x)
    rule = (sample.x[:, 0] > 0.3).astype(np.int64)
    excess, plain = excess_risk(eta, rule), zero_one_risk(sample.labels, rule)
    by_excess = population.bayes_risk().value + excess.value
    assert abs(by_excess - plain.value) < 4 * np.hypot(plain.standard_error, excess.standard_error)
    assert excess.standard_error < plain.standard_error / 5


def linear_on_points(with_posterior: bool) -> Evaluation:
    population = make("two_gaussians", delta=2.0)
    sample = population.sample(500, np.random.default_rng(0))
    examples = Examples(
        inputs=torch.from_numpy(population.vectors(sample.x)),
        labels=torch.from_numpy(sample.labels),
        posterior=population.posterior(sample.x) if with_posterior else None,
    )
    model = make_model("linear", 1, (2,), 2)
    return Evaluation(model=model, examples=examples, population=population)


@pytest.mark.parametrize("with_posterior", [True, False])
def test_an_assessment_is_the_mean_of_its_terms(with_posterior):
    evaluation = linear_on_points(with_posterior)
    found = TASK.assess(evaluation)
    assert found.terms.shape == (500,)
    assert 0 < found.terms.mean() < 1
    # Weighted, the terms still hold the sample's own Bayes risk in place of the law's.
    eta = evaluation.examples.posterior
    own_bayes = (1 - eta.max(axis=1)).mean() if with_posterior else 0.0
    floor = found.floor.value if with_posterior else 0.0
    assert found.risk.value == pytest.approx(found.terms.mean() - own_bayes + floor)
    assert TASK.risk(evaluation.model, evaluation.examples) == pytest.approx(found.terms.mean())


def test_what_is_unknown_has_no_column():
    known = {"bayes_risk", "bayes_risk_se", "excess_risk", "excess_risk_se", "risk", "risk_se"}
    assert set(TASK.assess(linear_on_points(True)).columns) == known
    assert set(TASK.assess(linear_on_points(False)).columns) == {"risk", "risk_se"}


def test_every_family_can_do_what_its_task_needs():
    for name, family in FAMILIES.items():
        shape = (2,) if family.module.takes == "vectors" else (1, 8, 8)
        assert isinstance(make_model(name, 1, shape, 2), TASKS[family.task].needs), name
