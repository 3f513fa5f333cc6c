"""One trajectory, two branches: R_n(T) and R_n(inf) on equal terms, and when it has settled."""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp import models
from classcomp.experiment import Experiment
from classcomp.models import Family
from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Batch, Classifier
from classcomp.trial import Outcome
from tests.small_trial import TRAINED, experiment_of, finish

# An epoch is 4 steps. T = 20, its cooldown 4; the trunk goes on to 156, then 4 more.
TRUNK, COOLING, LAST_TRUNK = 16, 4, 156
SHORT = {"budget": 5, "most": 40}
# T = 1600 steps: far more than this sample needs to settle.
LONG = {"budget": 400, "most": 1_000}


def phases_of(outcome: Outcome) -> list[str]:
    """Kinds in their order, repetitions left out."""
    kinds = [point.phase for point in outcome.curves]
    return [kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind]


class PlainLoop:
    """AdamW on cross-entropy, one batch after another of rounds shuffled by their number."""

    def __init__(self, begun: Experiment) -> None:
        self.model = copy.deepcopy(begun.model)
        self.inputs, self.labels = (
            begun.design.head_examples.inputs,
            begun.design.head_examples.labels,
        )
        self.seed = begun.trial.streams["order"]
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=TRAINED["learning_rate"], weight_decay=0.0
        )
        self.place = 0

    def step(self, share: float) -> None:
        size, number = len(self.labels), TRAINED["batch_size"]
        rounds = np.random.default_rng([self.seed, self.place // size]).permutation(size)
        chosen = rounds[self.place % size : self.place % size + number]
        self.place += len(chosen)
        for group in self.optimizer.param_groups:
            group["lr"] = TRAINED["learning_rate"] * share
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(self.inputs[chosen]), self.labels[chosen]).backward()
        self.optimizer.step()

    def trunk(self, num_steps: int) -> "PlainLoop":
        for _ in range(num_steps):
            self.step(1.0)
        return self

    def cool(self) -> "PlainLoop":
        for done in range(COOLING):
            self.step(1.0 - done / COOLING)
        return self


def distance(first: nn.Module, second: nn.Module) -> float:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((a - b).abs().max().detach()) for a, b in pairs)


def test_the_branches_are_those_of_a_loop_written_by_hand() -> None:
    experiment = experiment_of(**SHORT)
    begun = PlainLoop(experiment)
    while [point.phase for point in experiment.outcome.curves].count("cooldown") < 1:
        at_fork = copy.deepcopy(experiment.model)
        experiment.advance()
    # The cooldown is one pass here, after which the trial stands at the fork again.
    on_trunk = PlainLoop(experiment_of(**SHORT)).trunk(TRUNK)
    assert distance(at_fork, on_trunk.model) < 1e-5
    assert distance(experiment.model, on_trunk.model) < 1e-5
    cooled = copy.deepcopy(on_trunk).cool()
    scored = experiment_of(budget=5, most=5)
    assert distance(finish(scored).model, cooled.model) < 1e-5
    for name in ("risk", "train_risk", "selection_risk"):  # T does not depend on what follows it
        assert experiment.outcome.metrics[name] == scored.outcome.metrics[name]

    finish(experiment)
    by_hand = begun.trunk(LAST_TRUNK).cool()
    assert distance(experiment.model, by_hand.model) < 1e-4
    # As was: on from the budget's weights, and no cooldown of the budget's own rule.
    went_on = cooled.trunk(LAST_TRUNK - TRUNK - COOLING).cool()
    assert distance(experiment.model, went_on.model) > 1e-3
    assert distance(scored.model, at_fork) > 1e-3


def test_both_branches_cool_down_over_as_many_steps() -> None:
    outcome = finish(experiment_of(**SHORT)).outcome
    assert phases_of(outcome) == ["budget", "cooldown", "settle", "final_cooldown"]
    steps = {
        kind: [point.step for point in outcome.curves if point.phase == kind]
        for kind in phases_of(outcome)
    }
    assert steps["budget"][-1] == TRUNK
    assert steps["cooldown"][-1] == TRUNK + COOLING == 20  # R_n(T) at T steps exactly
    assert steps["settle"][-1] == LAST_TRUNK
    assert steps["final_cooldown"][-1] == LAST_TRUNK + COOLING == 160
    assert outcome.metrics["steps"] == 160 + COOLING
    assert outcome.metrics["examples_seen"] == 16 * 164


def test_a_budget_in_steps_is_met_exactly() -> None:
    outcome = finish(experiment_of(unit="steps", budget=23, most=101)).outcome
    last = {point.phase: point.step for point in outcome.curves}
    assert last["cooldown"] == 23
    assert last["final_cooldown"] == 101


def test_what_never_settles_is_cooled_too_and_marked() -> None:
    metrics = finish(experiment_of(**SHORT)).outcome.metrics
    assert metrics["converged"] is False
    assert "steps_to_converge" not in metrics
    assert metrics["converged_risk"] is not None
    assert metrics["converged_selection_risk"] is not None


def test_settled_before_t_leaves_nothing_to_optimise() -> None:
    """Both are the same rule then; as was, the difference was a cooldown's."""
    experiment = finish(experiment_of(**LONG))
    outcome, metrics = experiment.outcome, experiment.outcome.metrics
    assert phases_of(outcome) == ["budget", "cooldown"]
    assert metrics["converged"] is True
    assert metrics["steps_to_converge"] == 1_280
    assert metrics["steps"] == 1_600
    for name in ("risk", "excess_risk", "excess_risk_se", "selection_risk"):
        assert metrics[f"converged_{name}"] == metrics[name]
    np.testing.assert_array_equal(experiment.decisions["budget"], experiment.decisions["converged"])


def test_where_convergence_is_not_asked_for_nothing_is_said_of_it() -> None:
    metrics = finish(experiment_of(budget=5, most=5)).outcome.metrics
    assert not {"converged", "converged_risk", "final_train_risk"} & metrics.keys()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Config(ArchitectureConfig):
    """No hyperparameters."""


class Driven(Classifier):
    """Its objective falls at its `slope`, from 3, for ever; its decisions never change."""

    takes: ClassVar[str] = "vectors"
    slope: ClassVar[float]

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.num_classes = config.num_classes
        self.number = nn.Parameter(torch.zeros(()))

    def initialise(self, generator: torch.Generator) -> None:
        with torch.no_grad():
            self.number.zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        return F.one_hot(torch.zeros(len(inputs), dtype=torch.int64), self.num_classes).float()

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        # AdamW moves by the rate at every step, down a slope of one.
        return 3.0 - self.slope * self.number


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    entry = Family(config=Config, module=Driven, width=lambda module, config, capacity: 1.0)
    monkeypatch.setitem(models.FAMILIES, "driven", entry)

    def run(*, slope: float) -> Outcome:
        monkeypatch.setattr(Driven, "slope", slope, raising=False)
        return finish(experiment_of(family="driven", budget=5, most=250)).outcome

    return run


def test_an_objective_that_still_falls_has_not_settled(driven: Any) -> None:
    """As was: only the 0-1 risk was watched, which a VAE's objective need not move."""
    outcome = driven(slope=1.0)
    assert len({point.train_risk for point in outcome.curves}) == 1
    assert outcome.metrics["converged"] is False
    assert outcome.curves[-1].train_loss < outcome.curves[0].train_loss - 5


def test_one_that_stands_still_has(driven: Any) -> None:
    outcome = driven(slope=0.0)
    assert outcome.metrics["converged"] is True
    # Two windows of 256 steps, on the way in passes of 16 steps.
    assert outcome.metrics["steps_to_converge"] == pytest.approx(512, abs=16)
