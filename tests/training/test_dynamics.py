"""Numbers taken from a curve of training risk, and a trial that reports them."""

import pytest

from classcomp.experiment import Experiment
from classcomp.training.dynamics import area_under_curve
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES


def test_area_by_hand() -> None:
    assert area_under_curve([0.5, 0.3, 0.1, 0.0], 3) == pytest.approx(0.3)
    assert area_under_curve([None, None, 0.5, 0.3], 2) == pytest.approx(0.4)  # an earlier stage
    assert area_under_curve([0.5, 0.3], 3) is None
    assert area_under_curve([0.0] * 5, 5) == 0.0
    assert area_under_curve([1.0] * 5, 5) == 1.0


def test_a_measured_trial_reports_its_dynamics() -> None:
    trial = Trial(
        role="measure",
        family="linear",
        depth=1,
        population_name="two_gaussians",
        population_parameters={"delta": 2},
        num_train=64,
        budget_epochs=4,
        max_epochs=60,
        hyperparameters=SPACES["linear"].defaults,
        streams={name: seed for seed, name in enumerate(STREAMS)},
    )
    experiment = Experiment(trial)
    while not experiment.finished:
        experiment.advance()
    metrics, curves = experiment.outcome.metrics, experiment.outcome.curves
    risks = [point.train_risk for point in curves]
    assert metrics["area_under_curve"] == pytest.approx(sum(risks[:4]) / 4)
    assert metrics["final_train_risk"] == risks[-1]
    assert metrics["train_risk"] == risks[3]
    assert len(set(risks)) > 1
    # gradient norm and time are in the curve; steps_to_converge where the cooldown began
    assert all(point.gradient_norm > 0 for point in curves)
    assert metrics["steps_to_converge"] in [point.step for point in curves]
