"""A small trial of the engine, without a study around it."""

import dataclasses
from typing import Any

from classcomp.experiment import Experiment
from classcomp.trial import STREAMS, Trial

TRAINED = {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": 16}


def trial_of(role: str = "measure", **changes: Any) -> Trial:
    """`linear` on 64 points of two Gaussians for four epochs, with changes."""
    asked = Trial(
        role=role,
        family="linear",
        depth=1,
        population_name="two_gaussians",
        population_parameters={"delta": 2.0, "rendering": "none"},
        num_train=64,
        budget=4,
        most=4,
        hyperparameters=TRAINED,
        streams={name: number for number, name in enumerate(STREAMS, start=3)},
    )
    return dataclasses.replace(asked, **changes)


def experiment_of(role: str = "measure", **changes: Any) -> Experiment:
    """The same, on the CPU and not yet begun."""
    return Experiment(trial_of(role, **changes), device="cpu")


def finish(experiment: Experiment) -> Experiment:
    """The same, run to its end."""
    while not experiment.finished:
        experiment.advance()
    return experiment
