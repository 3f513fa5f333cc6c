"""A trial that was put down and taken up is the trial that never paused, bit for bit."""

import io
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch

from classcomp.experiment import Experiment
from classcomp.models import FAMILIES
from classcomp.trial import CLOCKS
from search_spaces import SPACES
from tests.small_trial import finish, trial_of

STREAMED = ("best_in_class", "limit")


def experiment_of(family: str, role: str, **hyperparameters: Any) -> Experiment:
    """A trial of which every phase has passes to be interrupted between: an epoch is 3 steps."""
    is_stream = role in STREAMED
    return Experiment(
        trial_of(
            role,
            family=family,
            population_name="xor",
            population_parameters={"sigma": 0.5},
            hyperparameters={**SPACES[family].defaults, "batch_size": 16, **hyperparameters},
            num_train=4_000 if is_stream else 48,
            budget=10,
            most=25 if role == "measure" else 10,
            distortion="label_noise",
            severity=0.2,
            traced=4 if role == "measure" else 0,
        ),
        device="cpu",
        is_pretrained=False,  # a law has no other classes to be pretrained on
    )


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
    metrics = {k: v for k, v in outcome.metrics.items() if k not in CLOCKS}
    curve = [
        tuple(value for name, value in asdict(p).items() if name != "wall_s")
        for p in outcome.curves
    ]
    return metrics, curve


SLOW = ("auto_decoder", "variational_auto_decoder")
"""Minutes: every score is a search for latents."""


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=pytest.mark.long if name in SLOW else ())
        for name in FAMILIES
        if SPACES[name].space
    ],
)
@pytest.mark.slow
def test_taken_up_in_the_middle_of_each_phase(family: str) -> None:
    """Also in the cooldown to R_n(T), when the way back to the trunk is still to be gone."""
    quiet = finish(experiment_of(family, "measure"))
    paused, interrupted = experiment_of(family, "measure"), []
    while not paused.finished:
        phase = paused.advance().phase
        if phase not in interrupted:
            interrupted.append(phase)
            state = through_a_file(paused.state_dict())
            assert (state["fork"] is not None) == (phase == "cooldown")
            paused = experiment_of(family, "measure")
            paused.load_state_dict(state)
    kinds = ["budget", "cooldown", "settle", "final_cooldown"]
    assert interrupted == (["pretrain"] if len(quiet.model.stages()) > 1 else []) + kinds
    assert result_of(paused) == result_of(quiet)
    for name, weights in quiet.model.state_dict().items():
        assert torch.equal(paused.model.state_dict()[name], weights), name
    assert paused.decisions.keys() == quiet.decisions.keys()
    for name, array in quiet.decisions.items():
        np.testing.assert_array_equal(paused.decisions[name], array)


def test_taken_up_between_two_phases() -> None:
    """After the last pass of each: the next one's beginning is in the state."""
    quiet, ends = experiment_of("linear", "measure"), []
    phases = iter(quiet.design.phases[:-1])
    phase, done = next(phases), 0
    while not quiet.finished:
        done += phase.steps_after(done)
        quiet.advance()
        if done == phase.num_steps and len(ends) < 3:
            ends.append(through_a_file(quiet.state_dict()))
            phase, done = next(phases, phase), 0
    assert [state["curves"][-1]["phase"] for state in ends] == ["budget", "cooldown", "settle"]
    for state in ends:
        taken_up = experiment_of("linear", "measure")
        taken_up.load_state_dict(state)
        assert result_of(finish(taken_up)) == result_of(quiet)


@pytest.mark.parametrize("role", ["search", "ideal", *STREAMED])
def test_every_role(role: str) -> None:
    quiet = finish(experiment_of("linear", role))
    paused = experiment_of("linear", role)
    for _ in range(len(quiet.outcome.curves) - 1):
        paused.advance()
    assert not paused.finished
    assert paused.outcome.curves
    state = through_a_file(paused.state_dict())
    taken_up = experiment_of("linear", role)
    taken_up.load_state_dict(state)
    assert result_of(finish(taken_up)) == result_of(quiet)


@pytest.mark.parametrize(
    ("family", "drawing"),
    [
        ("autoencoder", {"dropout": 0.3, "flips": True}),
        ("beta_vae", {"dropout": 0.3, "beta": 0.0}),
    ],
)
def test_what_training_draws_and_what_is_kept_go_on(family: str, drawing: dict[str, Any]) -> None:
    quiet = finish(experiment_of(family, "measure", **drawing))
    paused = experiment_of(family, "measure", **drawing)
    while paused.advance().phase != "settle":
        pass
    state = through_a_file(paused.state_dict())
    assert state["kept"]["budget_terms"].dtype == torch.float16
    taken_up = experiment_of(family, "measure", **drawing)
    taken_up.load_state_dict(state)
    assert result_of(finish(taken_up)) == result_of(quiet)
    assert taken_up.decisions.keys() == {"budget_terms", "converged_terms"}
    for name, array in quiet.decisions.items():
        np.testing.assert_array_equal(taken_up.decisions[name], array)


def test_a_state_can_be_taken_up_twice() -> None:
    begun = experiment_of("linear", "measure")
    while begun.advance().phase != "cooldown":
        pass
    state = begun.state_dict()
    results = []
    for _ in range(2):
        taken_up = experiment_of("linear", "measure")
        taken_up.load_state_dict(state)
        results.append(result_of(finish(taken_up)))
    assert results[0] == results[1] == result_of(finish(begun))


def test_the_clock_goes_on() -> None:
    paused = experiment_of("linear", "measure")
    paused.advance()
    state = through_a_file({**paused.state_dict(), "clock": [100.0, 50.0]})
    taken_up = experiment_of("linear", "measure")
    taken_up.load_state_dict(state)
    metrics = taken_up.outcome.metrics
    assert metrics["wall_s"] >= 100.0
    assert metrics["cpu_s"] >= 50.0
