"""The risk along a trial's trunk: of the rule as it is there, and nothing else moves by it."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from classcomp.experiment import Experiment
from classcomp.models import FAMILIES
from classcomp.training import phases as training
from classcomp.training.phases import Schedule, traced_steps, trained_phases
from classcomp.trial import CLOCKS, Progress
from search_spaces import SPACES
from study.trials.schema import CURVE_COLUMNS, TRUNK_KINDS
from tests.small_trial import experiment_of, finish, trial_of

SHORT = {"budget": 5, "most": 40}  # an epoch is 4 steps: the branch to T leaves after 16
LONG = {"budget": 5, "most": 600}  # settles long before


def trace_of(experiment: Experiment) -> list[Progress]:
    return [point for point in experiment.outcome.curves if point.risk is not None]


def numbers_of(experiment: Experiment) -> tuple[dict[str, Any], list[Progress]]:
    """Scores and curve, without what a trace adds and without clocks."""
    outcome = experiment.outcome
    metrics = {name: value for name, value in outcome.metrics.items() if name not in CLOCKS}
    bare = [dataclasses.replace(p, risk=None, risk_se=None, wall_s=0.0) for p in outcome.curves]
    return metrics, bare


def small(family: str, traced: int) -> Experiment:
    """A trial of any family, with normalisation, dropout and draws of its own where it has them."""
    space = SPACES[family]
    law = {"mu0": 0.3, "mu1": 0.7, "sigma0": 0.3, "sigma1": 0.3, "size": 8}
    chosen = {"batch_size": 16} if "batch_size" in space.defaults else {}
    dropped = {"dropout": 0.25} if family in ("vgg", "resnet") else {}
    trial = trial_of(
        family=family,
        population_name="gaussian_images",
        population_parameters=law,
        num_train=48,
        budget=4,
        most=16,
        hyperparameters={**space.defaults, **chosen, **dropped},
        distortion="feature_noise",
        severity=0.3,
        traced=traced,
    )
    return Experiment(trial, device="cpu", is_pretrained=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    ["vgg", "resnet", "vae_kmeans", "vq_vae", "denoising_autoencoder", "gan"],
)
def test_a_trace_changes_no_other_number_of_a_trial(family: str) -> None:
    """Of every task; metrics, curves, weights, buffers and what is kept, bit for bit."""
    assert family in FAMILIES
    plain, traced = finish(small(family, 0)), finish(small(family, 5))
    assert numbers_of(plain) == numbers_of(traced)
    for name, held in plain.model.state_dict().items():
        assert torch.equal(held, traced.model.state_dict()[name]), name
    for name, kept in plain.decisions.items():
        np.testing.assert_array_equal(kept, traced.decisions[name])
    assert not trace_of(plain)
    points = trace_of(traced)
    assert len(points) >= 4
    assert all(point.phase in TRUNK_KINDS for point in points)
    assert all(np.isfinite([point.risk, point.risk_se]).all() for point in points)


def test_a_point_is_the_risk_of_the_weights_as_they_are() -> None:
    """The weights after each pass in a network of its own, scored by hand: 1 - eta of its class."""
    experiment = experiment_of(**SHORT, traced=8)
    evaluated = experiment.design.evaluation
    assert evaluated is not None
    eta, floor = evaluated.posterior, experiment.population.bayes_risk()
    assert eta is not None
    assert floor is not None
    num_seen = 0
    while not experiment.finished:
        point = experiment.advance()
        if point.risk is None:
            continue
        with torch.no_grad():
            chosen = experiment.model(evaluated.inputs).argmax(dim=1).numpy()
        lost = eta.max(axis=1) - eta[np.arange(len(eta)), chosen]
        assert point.risk == pytest.approx(floor.value + lost.mean(), abs=1e-12)
        assert point.risk_se == pytest.approx(lost.std(ddof=1) / np.sqrt(len(lost)), rel=1e-6)
        num_seen += point.phase == "budget"
    assert num_seen >= 3


def test_points_are_evenly_spaced_from_the_first_pass_to_the_last_and_hold_the_fork() -> None:
    phases = trained_phases(
        1, Schedule(budget_steps=100, most_steps=100_000, pass_steps=1, batch_size=8)
    )
    steps = sorted(traced_steps(phases, 21))
    assert steps[0] == 1
    assert steps[-1] == 100_000 - 20
    assert 80 in steps  # where the branch to T leaves
    assert len(steps) == 22
    late = np.diff(np.log([step for step in steps if step > 800]))
    assert late == pytest.approx(np.log(99_980) / 20, rel=0.05)


def test_where_passes_are_far_apart_several_points_are_one() -> None:
    phases = trained_phases(
        1, Schedule(budget_steps=20, most_steps=160, pass_steps=4, batch_size=16)
    )
    ends = [*range(4, 17, 4), *range(48, 145, 32), 156]  # passes of 4, of 32, and what is left
    assert sorted(traced_steps(phases, 200)) == ends
    assert traced_steps(phases, 0) == frozenset()
    assert set(traced_steps(phases, 2)) == {4, 16, 156}


def test_the_end_of_a_trunk_that_settles_is_a_point() -> None:
    experiment = finish(experiment_of(**LONG, traced=3))
    points = trace_of(experiment)
    assert experiment.outcome.metrics["converged"] is True
    assert points[-1].step == experiment.outcome.metrics["steps_to_converge"]
    last_of_trunk = [p for p in experiment.outcome.curves if p.phase in TRUNK_KINDS][-1]
    assert points[-1] == last_of_trunk


def test_to_the_end_goes_on_and_says_when_it_had_settled() -> None:
    settled, ended = (finish(experiment_of(**LONG, until=until)) for until in ("settled", "end"))
    first, second = settled.outcome, ended.outcome
    assert first.metrics["converged"] is second.metrics["converged"] is True
    assert first.metrics["steps_to_converge"] == second.metrics["steps_to_converge"]
    last = {point.phase: point.step for point in second.curves}
    assert last == {"budget": 16, "cooldown": 20, "settle": 2_396, "final_cooldown": 2_400}
    assert first.metrics["risk"] == second.metrics["risk"]  # R_n(T) is before all that
    assert max(point.step for point in first.curves) < 2_400


def test_to_the_end_goes_on_from_a_fork_that_had_settled() -> None:
    """As test_branches: settled before T, where R_n(inf) would be R_n(T)."""
    metrics = finish(experiment_of(budget=400, most=420, until="end")).outcome.metrics
    assert metrics["converged"] is True
    assert metrics["steps_to_converge"] == 1_280
    assert metrics["steps"] == 1_680 + 320  # the other branch's cooldown


def test_to_the_end_of_what_never_settles_is_the_same_and_marked() -> None:
    settled, ended = (finish(experiment_of(**SHORT, until=until)) for until in ("settled", "end"))
    assert numbers_of(settled) == numbers_of(ended)
    assert ended.outcome.metrics["converged"] is False


def test_a_proposal_and_a_rule_that_is_fitted_have_no_trace() -> None:
    assert not trace_of(finish(experiment_of("search", num_validation=64, traced=5)))
    fitted = trial_of(
        family="gaussian_generator",
        population_name="two_gaussians",
        population_parameters={"delta": 2.0},
        hyperparameters=SPACES["gaussian_generator"].defaults,
        traced=5,
    )
    assert not trace_of(finish(Experiment(fitted, device="cpu")))


def test_the_two_sides_of_the_wall_agree_on_what_a_trunk_is_and_what_a_curve_holds() -> None:
    assert training.TRUNK == TRUNK_KINDS
    fields = [field.name for field in dataclasses.fields(Progress)]
    assert [column.name for column in CURVE_COLUMNS] == ["trial_id", *fields]
