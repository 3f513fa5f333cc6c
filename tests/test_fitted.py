"""A family that is fitted, not trained: one pass, all examples, every role."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from classcomp import models
from classcomp.costs import costs_of
from classcomp.experiment import Experiment, Outcome, run
from classcomp.models import Family
from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Classifier, Objective
from classcomp.trial import STREAMS, Trial

NUM_TRAIN = 5_000  # more than the examples of a stream that a trained family's head is fitted on


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Config(ArchitectureConfig):
    """No hyperparameters."""


class NearestMean(Classifier):
    """The class whose mean is nearest; what it was fitted on is kept for the test to see."""

    takes: ClassVar[str] = "vectors"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.num_classes = config.num_classes
        self.fitted: list[tuple[Tensor, Tensor]] = []
        self.means = torch.zeros(0)

    def objectives(self) -> tuple[Objective, ...]:
        return ()

    def fit_head(self, inputs: Tensor, labels: Tensor, generator: torch.Generator) -> None:
        self.fitted.append((inputs, labels))
        self.means = torch.stack([inputs[labels == k].mean(0) for k in range(self.num_classes)])

    def predict_proba(self, inputs: Tensor) -> Tensor:
        return (-torch.cdist(inputs, self.means)).softmax(dim=1)


@pytest.fixture(autouse=True)
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Family(config=Config, module=NearestMean, width=lambda module, config, capacity: 1.0)
    monkeypatch.setitem(models.FAMILIES, "nearest_mean", entry)


def trial(role: str, population: str = "two_gaussians", **changes: object) -> Trial:
    parameters = {"two_gaussians": {"delta": 2.0}, "digits": {"classes": [3, 8]}}[population]
    default = {
        "role": role,
        "family": "nearest_mean",
        "depth": 1,
        "population_name": population,
        "population_parameters": parameters,
        "num_train": NUM_TRAIN if population == "two_gaussians" else 100,
        "budget": 30,
        "most": 200,
        "hyperparameters": {},
        "streams": {name: number for number, name in enumerate(STREAMS)},
    }
    return Trial(**(default | changes))


def finished(asked: Trial) -> tuple[Experiment, Outcome]:
    experiment = Experiment(asked)
    experiment.advance()
    assert experiment.finished
    return experiment, experiment.outcome


@pytest.mark.parametrize("role", ["measure", "variance"])
def test_a_measured_trial_is_settled_after_one_fit(role: str) -> None:
    experiment, outcome = finished(trial(role))
    metrics = outcome.metrics
    assert metrics["converged"] is True
    for name in ("risk", "excess_risk", "excess_risk_se"):
        assert metrics[f"converged_{name}"] == metrics[name]
    # The best of all rules here, at 2,500 examples a class: an excess of about 1e-4.
    assert 0 <= metrics["excess_risk"] < 1e-3
    assert metrics["risk"] == pytest.approx(0.158655, abs=1e-3)
    (point,) = outcome.curves
    assert (point.train_loss, point.gradient_norm, point.step, point.epoch) == (None, None, 0, 1)
    assert point.train_risk == metrics["train_risk"] == metrics["final_train_risk"]
    assert metrics["num_parameters"] is None
    assert metrics["examples_seen"] == NUM_TRAIN
    assert not {"area_under_curve", "steps_to_converge"} & metrics.keys()
    assert len(experiment.model.fitted) == 1


def test_a_search_reports_its_validation_risk_once() -> None:
    outcome = run(trial("search"))
    (point,) = outcome.curves
    assert point.validation_risk == outcome.metrics["validation_risk"]
    assert 0.1 < point.validation_risk < 0.2
    assert not {"risk", "converged", "selection_risk"} & outcome.metrics.keys()


@pytest.mark.parametrize("role", ["best_in_class", "limit", "ideal"])
def test_all_examples_of_a_stream_are_fitted_on(role: str) -> None:
    experiment, outcome = finished(trial(role))
    ((inputs, _),) = experiment.model.fitted
    assert len(inputs) == len(inputs.unique(dim=0)) == NUM_TRAIN
    assert "converged" not in outcome.metrics
    assert 0 <= outcome.metrics["excess_risk"] < 1e-3
    assert ("selection_risk" in outcome.metrics) == (role != "ideal")


@pytest.mark.parametrize("role", ["ideal"])
def test_of_real_images_the_whole_training_split_is(role: str) -> None:
    experiment, _ = finished(trial(role, "digits"))
    ((inputs, _),) = experiment.model.fitted
    assert len(inputs) == experiment.population.num_available("whole_train")


def test_of_real_images_nobody_knows_the_best_rule() -> None:
    with pytest.raises(ValueError, match=r"best_in_class': digits.* has no known posterior"):
        Experiment(trial("best_in_class", "digits"))


def test_a_stream_of_noisy_labels_is_noisy_for_the_fitted_too() -> None:
    noisy = trial("ideal", distortion="label_noise", severity=0.3)
    experiment, _ = finished(noisy)
    ((inputs, labels),) = experiment.model.fitted
    eta = experiment.population.posterior(inputs.double().numpy())
    wrong = float(np.mean(eta.argmax(axis=1) != labels.numpy()))
    assert wrong == pytest.approx(0.3 + 0.4 * 0.158655, abs=4.5 * 0.0068)  # 5,000 labels


def test_a_pause_before_the_fit_changes_nothing() -> None:
    asked = trial("measure")
    taken_up = Experiment(asked)
    taken_up.load_state_dict(Experiment(asked).state_dict())
    taken_up.advance()
    expected = run(asked).metrics
    for name in ("risk", "train_risk", "converged_risk"):
        assert taken_up.outcome.metrics[name] == expected[name]


def test_its_cost_can_be_estimated() -> None:
    costs = costs_of(trial("measure"))
    assert 0 < costs.example_s < 1e-3
    assert costs.start_s > 0
    assert costs.scoring_s > 0
