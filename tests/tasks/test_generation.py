"""The risk of what is generated: models that are known, and trials that are scored by it."""

from typing import Any

import numpy as np
import pytest
import torch

from classcomp.draws import Examples
from classcomp.experiment import Experiment, run
from classcomp.models.base import Model
from classcomp.populations import Population, make
from classcomp.tasks import TASKS, Evaluation
from search_spaces import SPACES
from study.trials.schema import METRIC_COLUMNS
from tests.small_trial import experiment_of, finish, trial_of
from tests.test_checkpoint import result_of, through_a_file

TASK = TASKS["generation"]
LAW = make("two_gaussians", delta=2.0, rendering="none")
DIGITS: dict[str, Any] = {"population_name": "digits", "population_parameters": {}}
PLANE: dict[str, Any] = {
    "population_name": "xor",
    "population_parameters": {"sigma": 0.5, "rendering": "plane"},
}
POPULATIONS = pytest.mark.parametrize("population", [DIGITS, PLANE], ids=["digits", "plane"])
FAMILIES = pytest.mark.parametrize("family", ["gan", "gaussian_generator"])


class Drawing(Model):
    """Draws from a law itself, moved by a distance along every axis."""

    def __init__(self, law: Population, shift: float = 0.0) -> None:
        super().__init__()
        self.law, self.shift = law, shift

    def sample(self, num: int, generator: torch.Generator) -> torch.Tensor:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        x = self.law.sample(num, np.random.default_rng(seed)).x
        return torch.from_numpy(self.law.vectors(x)) + self.shift


class Repeating(Model):
    """Gives back the examples that it holds, in turn, from the second one on."""

    def __init__(self, held: torch.Tensor) -> None:
        super().__init__()
        self.held = held

    def sample(self, num: int, generator: torch.Generator) -> torch.Tensor:
        return self.held[(torch.arange(num) + 1) % len(self.held)]


def examples_of(num: int, law: Population = LAW) -> Examples:
    sample = law.sample(num, np.random.default_rng(1))
    labels = torch.from_numpy(sample.labels)
    return Examples(inputs=torch.from_numpy(law.vectors(sample.x)), labels=labels, law=law)


def evaluated(model: Model, num: int = 4_000) -> Evaluation:
    return Evaluation(model=model, examples=examples_of(num), population=LAW, seed=11)


def test_the_law_itself_has_the_floor():
    found = TASK.assess(evaluated(Drawing(LAW)))
    assert (found.floor.value, found.floor.standard_error) == (0, 0)
    assert found.excess == found.risk
    assert abs(found.risk.value) < 3 * found.risk.standard_error
    assert found.columns.keys() == {
        *("risk", "risk_se", "bayes_risk", "bayes_risk_se", "excess_risk", "excess_risk_se")
    }
    training = TASK.risk(Drawing(LAW), examples_of(2_000))
    assert abs(training) < 4 * 0.0015


def test_risk_grows_with_the_distance_and_never_above_two():
    risks = [TASK.assess(evaluated(Drawing(LAW, shift))).risk for shift in (0.3, 1.0, 100.0)]
    values = [risk.value for risk in risks]
    assert values == sorted(values)
    assert values[0] > 3 * risks[0].standard_error
    # Far away the cross term is 0: twice the law's own embedding is left, its kernel being shared.
    embedding = LAW.seen_mixture().self_embedding(np.sqrt(LAW.seen_mixture().total_variance))
    assert values[2] == pytest.approx(2 * embedding, rel=0.02)


def test_giving_the_sample_back_is_below_zero_on_it_and_above_on_the_law():
    examples = examples_of(64)
    model = Repeating(examples.inputs)
    x = examples.inputs.double().numpy()
    bandwidth = np.sqrt(LAW.seen_mixture().total_variance)
    beside = np.exp(-np.square(x - np.roll(x, -1, axis=0)).sum(axis=1) / (2 * bandwidth**2))
    # All pairs cancel, but for each example that meets itself and not the one beside it.
    expected = -2 * (1 - beside.mean()) / 63
    assert TASK.risk(model, examples) == pytest.approx(expected, rel=1e-3)
    assert TASK.assess(evaluated(model)).risk.value > 0


def test_noise_is_the_same_at_every_look():
    examples = examples_of(500)
    assert TASK.risk(Drawing(LAW), examples) == TASK.risk(Drawing(LAW), examples)
    first, second = (TASK.assess(evaluated(Drawing(LAW))) for _ in range(2))
    np.testing.assert_array_equal(first.terms, second.terms)


def test_the_scale_is_the_law_s_and_not_the_unit_s():
    far = make("gaussians", means=[[-10.0, 0], [10.0, 0]], covariances=[100.0] * 2,
               labels=[0, 1], rendering="none")  # fmt: skip
    near = make("gaussians", means=[[-1.0, 0], [1.0, 0]], covariances=[1.0] * 2,
                labels=[0, 1], rendering="none")  # fmt: skip
    scales = [TASK.scale(examples_of(2_000, law)) for law in (far, near)]
    assert scales[0] == pytest.approx(scales[1], rel=1e-4)
    assert 0.2 < scales[0] < 0.8


def test_the_unit_is_that_of_the_column_that_is_the_same_quantity():
    units = {column.name: column.unit for column in METRIC_COLUMNS}
    assert TASK.unit == units["mmd2"]


def trained(family: str, role: str = "measure", **changes: Any) -> Experiment:
    hyperparameters = {**SPACES[family].defaults}
    hyperparameters |= {"batch_size": 16} if hyperparameters else {}
    asked = {"budget": 2, "most": 8, "hyperparameters": hyperparameters} | changes
    return finish(experiment_of(role, family=family, **asked))


@POPULATIONS
@FAMILIES
def test_a_measured_trial_has_both_risks_and_their_terms(family, population):
    experiment = trained(family, **population)
    metrics, kept = experiment.outcome.metrics, experiment.decisions
    assert kept.keys() == {"budget_terms", "converged_terms"}
    num = len(experiment.design.evaluation.labels)
    for branch, prefix in (("budget", ""), ("converged", "converged_")):
        terms = kept[f"{branch}_terms"]
        assert terms.shape == (num,)
        exact, rounding = terms.astype(np.float64), 2.0**-11 * np.abs(terms).mean(dtype=np.float64)
        assert exact.mean() == pytest.approx(metrics[f"{prefix}risk"], abs=rounding)
        assert metrics[f"{prefix}excess_risk"] == metrics[f"{prefix}risk"] > 0
    error = kept["budget_terms"].astype(np.float64).std(ddof=1) / np.sqrt(num)
    assert error == pytest.approx(metrics["risk_se"], rel=1e-3)
    assert (metrics["bayes_risk"], metrics["bayes_risk_se"]) == (0, 0)
    spread = 4 * np.hypot(metrics["risk_se"], metrics["mmd2_se"])
    assert metrics["mmd2"] == pytest.approx(metrics["risk"], abs=spread)
    if family == "gan":
        assert metrics["risk"] != metrics["converged_risk"]
        assert metrics["discriminator_loss"] > 0 < metrics["generator_loss"]


@FAMILIES
def test_the_limit_has_one_risk_and_its_terms(family):
    experiment = trained(family, "limit", num_train=960, **DIGITS)
    assert experiment.decisions.keys() == {"budget_terms"}
    assert experiment.outcome.metrics["examples_seen"] == (960 if family == "gan" else 1_198)
    assert experiment.outcome.metrics["risk"] > 0


@FAMILIES
def test_labels_play_no_role(family):
    """Flipped for a third of the examples: no number changes."""
    noise = {"distortion": "label_noise", "severity": 0.3}
    clean, noisy = (trained(family, **DIGITS, **more) for more in ({}, noise))
    assert (clean.design.head_examples.labels != noisy.design.head_examples.labels).any()
    assert result_of(clean)[0] == result_of(noisy)[0]


@FAMILIES
def test_no_posterior_says_what_its_best_rule_is(family):
    asked = trial_of("best_in_class", family=family, **PLANE)
    with pytest.raises(ValueError, match=f"^role = 'best_in_class': {family} is for generation"):
        run(asked)


def test_points_are_no_images():
    with pytest.raises(ValueError, match="gan takes images and two_gaussians"):
        run(trial_of(family="gan", hyperparameters=SPACES["gan"].defaults))
    assert run(trial_of(family="gaussian_generator")).metrics["risk"] > 0


def test_a_gaussian_of_a_gaussian_law_settles_at_what_few_examples_cost():
    """E MMD^2 of a fitted Gaussian falls like 1 / n, to the floor: it is the law's own family."""
    law = {
        "population_name": "gaussians",
        "population_parameters": {
            "means": [[0.0, 1.0]] * 2,
            "covariances": [[[2.0, 0.5], [0.5, 1.0]]] * 2,
            "labels": [0, 1],
            "rendering": "none",
        },
    }
    risks = [trained("gaussian_generator", num_train=n, **law).outcome.metrics for n in (16, 4096)]
    assert risks[0]["risk"] > 0.003
    assert abs(risks[1]["risk"]) < 3 * risks[1]["risk_se"] + 1e-3


@pytest.mark.slow
def test_a_gan_s_trial_taken_up_again_is_the_same_with_what_it_showed():
    changes = {"family": "gan", "hyperparameters": {**SPACES["gan"].defaults, "batch_size": 16}}
    changes |= {"budget": 6, "most": 12, **PLANE}
    quiet, paused = finish(experiment_of(**changes)), experiment_of(**changes)
    while not paused.finished:
        paused.advance()
        state = through_a_file(paused.state_dict())
        paused = experiment_of(**changes)
        paused.load_state_dict(state)
        paused.finished = len(paused.outcome.curves) == len(quiet.outcome.curves)
    assert result_of(paused)[1] == result_of(quiet)[1]
    first, second = quiet.exhibits(), paused.exhibits()
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])


@pytest.mark.slow
def test_discrepancy_falls_while_a_gan_trains_on_a_mixture():
    """Four components, seen as pictures: towards the floor, and both losses to the equilibrium."""
    experiment = experiment_of(
        family="gan",
        depth=2,
        num_train=1_024,
        budget=60,
        most=60,
        hyperparameters={**SPACES["gan"].defaults, "batch_size": 64, "learning_rate": 1e-3},
        **PLANE,
    )
    metrics = finish(experiment).outcome.metrics
    watched = [progress.train_risk for progress in experiment.outcome.curves]
    assert watched[0] > 0.1
    assert metrics["risk"] < 0.1 * watched[0]
    assert metrics["risk"] > 3 * metrics["risk_se"]  # it is not there yet, and that is seen
    assert metrics["generator_loss"] == pytest.approx(np.log(2), abs=0.05)
    assert metrics["discriminator_loss"] == pytest.approx(2 * np.log(2), abs=0.05)
