"""Trials of users' own networks, start to end."""

import dataclasses

import pytest
import torch

from classcomp.experiment import Experiment, run
from classcomp.trial import CLOCKS, STREAMS, Network, Trial

DROPPING = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, *, input_shape, num_classes, depth, dropout, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(input_shape[0], width), nn.ReLU(),
                                    nn.Dropout(dropout), nn.Linear(width, num_classes))

    def forward(self, x):
        return self.layers(x.view(len(x), -1))
"""


def trial(network, **changes):
    asked = Trial(
        role="measure",
        family=network.name,
        depth=1,
        population_name="two_gaussians",
        population_parameters={"delta": 2.0, "rendering": "none"},
        num_train=64,
        budget=3,
        most=14,
        hyperparameters={
            "learning_rate": 3e-3,
            "weight_decay": 1e-4,
            "batch_size": 32,
            "dropout": 0.5,
        },
        streams={name: number for number, name in enumerate(STREAMS)},
        network=network,
    )
    return dataclasses.replace(asked, **changes)


@pytest.fixture
def dropping(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(DROPPING)
    return Network(name="mynet", path=f"{file}:Net")


def scored(outcome):
    return {name: value for name, value in outcome.metrics.items() if name not in CLOCKS}


def test_two_runs_are_equal_whatever_the_global_state(dropping):
    first = run(trial(dropping))
    torch.manual_seed(1234)
    before = torch.get_rng_state()
    second = run(trial(dropping))
    assert scored(first) == scored(second)
    assert [c.train_loss for c in first.curves] == [c.train_loss for c in second.curves]
    assert torch.equal(before, torch.get_rng_state())
    dropped_less = trial(dropping).hyperparameters | {"dropout": 0.0}
    assert scored(run(trial(dropping, hyperparameters=dropped_less))) != scored(first)


def test_a_pause_changes_nothing(dropping):
    whole = run(trial(dropping))
    paused = Experiment(trial(dropping))
    paused.advance()
    resumed = Experiment(trial(dropping))
    resumed.load_state_dict(paused.state_dict())
    while not resumed.finished:
        resumed.advance()
    assert scored(resumed.outcome) == scored(whole)


def test_one_nearest_neighbour_at_a_large_sample():
    """Its risk tends to 2 E[eta (1 - eta)], here .22480 (Cover and Hart, 1967)."""
    network = Network(name="nearest", path="sklearn.neighbors:KNeighborsClassifier")
    outcome = run(trial(network, num_train=4_000, hyperparameters={"n_neighbors": 1}))
    assert outcome.metrics["num_parameters"] is None
    assert outcome.metrics["train_risk"] == 0
    # Of the evaluation sample; the training sample adds about as much again.
    assert abs(outcome.metrics["risk"] - 0.22480) < 6 * outcome.metrics["risk_se"]
