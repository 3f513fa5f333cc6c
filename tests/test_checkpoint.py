"""A trial that was put down and taken up is the trial that never paused, bit for bit."""

import io
from typing import Any

import pytest
import torch

from classcomp.experiment import Experiment
from classcomp.models import FAMILIES
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES


def experiment_of(family: str, role: str) -> Experiment:
    is_long = role in ("best_in_class", "resubstitution")  # counted in chunks of a stream
    trial = Trial(
        role=role,
        family=family,
        depth=1,
        population_name="xor",
        population_parameters={"sigma": 0.5},
        budget_epochs=2,
        streams={name: number for number, name in enumerate(STREAMS, start=7)},
        hyperparameters=dict(SPACES[family].defaults),
        num_train=20_000 if is_long else 48,
        max_epochs=14 if role == "measure" else 2,
        distortion="none" if is_long else "label_noise",
        severity=0.0 if is_long else 0.2,
    )
    return Experiment(trial, device="cpu")


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """Written and read as the worker does: tensors, numbers and strings, nothing that runs."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
    return loaded


def result_of(experiment: Experiment) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Scores, curve and weights, clocks aside."""
    outcome = experiment.outcome
    metrics = {k: v for k, v in outcome.metrics.items() if k not in ("wall_s", "cpu_s")}
    curve = [
        (p.step, p.epoch, p.train_loss, p.train_risk, p.validation_risk, p.gradient_norm)
        for p in outcome.curves
    ]
    return metrics, curve


def finish(experiment: Experiment) -> Experiment:
    while not experiment.finished:
        experiment.advance()
    return experiment


@pytest.mark.slow
@pytest.mark.parametrize("family", list(FAMILIES))
def test_taken_up_in_the_middle_of_each_phase(family: str) -> None:
    """After the first pass (of a first stage, where there is one), and again near the end."""
    quiet = finish(experiment_of(family, "measure"))
    num_passes = len(quiet.outcome.curves)
    paused = experiment_of(family, "measure")
    for _ in range(num_passes):
        paused.advance()
        if len(paused.outcome.curves) in (1, 3, num_passes - 2):
            state = through_a_file(paused.state_dict())
            paused = experiment_of(family, "measure")
            paused.load_state_dict(state)
    assert paused.finished
    assert result_of(paused) == result_of(quiet)
    for name, weights in quiet.model.state_dict().items():
        assert torch.equal(paused.model.state_dict()[name], weights), name


@pytest.mark.parametrize("role", ["search", "best_in_class", "resubstitution"])
def test_every_role(role: str) -> None:
    quiet = finish(experiment_of("linear", role))
    paused = experiment_of("linear", role)
    paused.advance()
    assert not paused.finished
    state = through_a_file(paused.state_dict())
    taken_up = experiment_of("linear", role)
    taken_up.load_state_dict(state)
    assert result_of(finish(taken_up)) == result_of(quiet)


def test_the_clock_goes_on() -> None:
    paused = experiment_of("linear", "measure")
    paused.advance()
    state = through_a_file({**paused.state_dict(), "clock": [100.0, 50.0]})
    taken_up = experiment_of("linear", "measure")
    taken_up.load_state_dict(state)
    metrics = taken_up.outcome.metrics
    assert metrics["wall_s"] >= 100.0
    assert metrics["cpu_s"] >= 50.0
