"""Numbers taken from a curve of training risk, and a trial that reports them."""

import pytest

from classcomp.training.dynamics import area_under_curve
from classcomp.trial import Progress
from tests.small_trial import experiment_of, finish


def passes(*found: tuple[int, float | None]) -> list[Progress]:
    return [
        Progress(
            phase="budget",
            step=step,
            epoch=0.0,
            train_loss=1.0,
            train_risk=risk,
            validation_risk=None,
            gradient_norm=1.0,
            wall_s=0.0,
        )
        for step, risk in found
    ]


def test_area_by_hand() -> None:
    assert area_under_curve(passes((4, 0.5), (8, 0.3), (12, 0.1))) == pytest.approx(0.3)
    # A last pass of half the length has half the weight: (2 * .5 + .2) / 3.
    assert area_under_curve(passes((4, 0.5), (8, 0.5), (10, 0.2))) == pytest.approx(0.44)
    # An earlier stage is no part of it.
    assert area_under_curve(passes((9, None), (10, 0.5), (11, 0.3))) == pytest.approx(0.4)
    assert area_under_curve(passes((9, None))) is None
    assert area_under_curve(passes((4, 0.0), (8, 0.0))) == 0.0
    assert area_under_curve(passes((4, 1.0), (8, 1.0))) == 1.0


def test_a_measured_trial_reports_its_dynamics() -> None:
    experiment = finish(experiment_of(budget=5, most=400))
    metrics, curves = experiment.outcome.metrics, experiment.outcome.curves
    risks = [point.train_risk for point in curves]
    assert metrics["area_under_curve"] == pytest.approx(sum(risks[:5]) / 5)
    assert metrics["train_risk"] == risks[4]
    assert metrics["final_train_risk"] == risks[-1]
    assert len(set(risks)) > 1
    assert all(point.gradient_norm > 0 for point in curves)
    # Where the last branch left the trunk; both branches' steps were paid for.
    settling = [point.step for point in curves if point.phase == "settle"]
    assert metrics["converged"] is True
    assert metrics["steps_to_converge"] == settling[-1]
    assert metrics["steps"] == settling[-1] + 2 * 4
