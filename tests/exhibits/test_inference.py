"""What an auto-decoder leaves to be looked at, and what its columns say of the search."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from classcomp.exhibits.decoding import interpolation_arrays
from classcomp.exhibits.inference import STEPS
from classcomp.experiment import Experiment
from classcomp.populations import make as make_population
from classcomp.scores import score_columns
from classcomp.tasks import Evaluation
from classcomp.tasks.base import NUM_SEARCHED
from search_spaces import SPACES
from tests.small_trial import experiment_of, finish

OWN = {"latent_dim": 6, "inference_steps": 8, "latent_rate": 0.1, "batch_size": 16}


@cache
def trained() -> tuple[Experiment, dict[str, np.ndarray]]:
    """A trial on digits, and its exhibits."""
    experiment = experiment_of(
        family="auto_decoder",
        depth=2,
        population_name="digits",
        population_parameters={},
        hyperparameters={**SPACES["auto_decoder"].defaults, **OWN, "learning_rate": 0.01},
        num_train=128,
        budget=6,
        most=6,
    )
    finish(experiment).model.eval()
    return experiment, experiment.exhibits()


def inputs_of(experiment: Experiment) -> torch.Tensor:
    return experiment.design.evaluation.inputs


def test_the_error_after_each_number_of_steps_is_a_search_of_its_own() -> None:
    experiment, found = trained()
    model, inputs = experiment.model, inputs_of(experiment)[:NUM_SEARCHED]
    assert found["inference/steps"].tolist() == list(STEPS)
    for steps in (0, 1, 16):
        with torch.no_grad():
            errors = (model.decode(model.infer(inputs, steps=steps)) - inputs).square()
        told = found["inference/mse"][STEPS.index(steps)]
        assert told == pytest.approx(errors.mean().item(), rel=1e-5)
    assert found["inference/mse"][-1] < 0.9 * found["inference/mse"][0]


def test_the_way_between_two_classes_begins_and_ends_at_their_first_examples() -> None:
    experiment, found = trained()
    model, labels = experiment.model, experiment.design.evaluation.labels.numpy()
    assert found["interpolations/classes"].tolist() == [0, 1]
    ends = [int(np.flatnonzero(labels == k)[0]) for k in (0, 1)]
    with torch.no_grad():
        latents = model.features(inputs_of(experiment)[ends])
        expected = model.decode(
            torch.stack([latents[0], (2 * latents[0] + latents[1]) / 3, latents[1]])
        )
    images = found["interpolations/images"]
    assert images.shape == (10, 1, 8, 8)
    np.testing.assert_allclose(images[[0, 3, 9]], expected.numpy(), atol=1e-4)


def test_latents_that_no_example_has() -> None:
    experiment, found = trained()
    model = experiment.model
    with torch.no_grad():
        latents = model.features(inputs_of(experiment)[:1])
        ways = [0.5 * latents, latents, 1.5 * latents]
        ways += [torch.ones_like(latents), torch.zeros_like(latents)]
        expected = model.decode(torch.cat(ways)).numpy()
    np.testing.assert_allclose(found["altered_latents/images"], expected, atol=1e-4)


def test_trousers_become_shirts_where_classes_have_these_names() -> None:
    experiment, _ = trained()
    digits = make_population("digits")
    names = ("Bag", "Shirt", "Coat", "Trouser", *"abcdef")
    named = replace(digits, source=SimpleNamespace(class_names=names, num_classes=10))
    examples = experiment.design.evaluation
    evaluation = Evaluation(model=experiment.model, examples=examples, population=named)
    assert interpolation_arrays(evaluation)["classes"].tolist() == [3, 1]


def test_the_gap_is_what_the_latents_found_err_above_the_best() -> None:
    experiment, _ = trained()
    metrics, model = experiment.outcome.metrics, experiment.model
    inputs = inputs_of(experiment)[:NUM_SEARCHED]
    with torch.no_grad():
        errors = (model.reconstruct(inputs) - inputs).square().mean().item()
        longer = model.decode(model.infer(inputs, steps=5 * model.inference_steps))
    assert metrics["inference_gap"] > 4 * metrics["inference_gap_se"] > 0
    assert metrics["best_latent_mse"] + metrics["inference_gap"] == pytest.approx(errors, rel=1e-4)
    # Another search, of half as many steps: what the gap is above cannot be below what it comes to.
    assert metrics["best_latent_mse"] < (longer - inputs).square().mean().item()


def test_the_risk_is_that_of_reconstructions_and_the_training_risk_that_of_the_table() -> None:
    experiment, _ = trained()
    metrics, model = experiment.outcome.metrics, experiment.model
    inputs, sample = inputs_of(experiment), experiment.design.head_examples
    with torch.no_grad():
        risk = (model.reconstruct(inputs) - inputs).square().mean().item()
        recalled = (
            (model.recall(sample.inputs, sample.index) - sample.inputs).square().mean().item()
        )
    assert metrics["risk"] == pytest.approx(risk, rel=1e-4)
    assert metrics["train_risk"] == pytest.approx(recalled, rel=1e-5)
    assert metrics["reconstruction_mse"] == pytest.approx(metrics["risk"])


def test_the_training_risk_is_of_examples_that_were_visited() -> None:
    """Of 128, two steps of 16 visit 32; the rows of the others are where a search would begin."""
    experiment = finish(
        experiment_of(
            family="auto_decoder",
            depth=2,
            population_name="digits",
            population_parameters={},
            hyperparameters={**SPACES["auto_decoder"].defaults, **OWN},
            num_train=128,
            unit="steps",
            budget=2,
            most=2,
        )
    )
    visited = experiment.design.source.examples(0, 32)
    with torch.no_grad():
        errors = (experiment.model.recall(visited.inputs, visited.index) - visited.inputs).square()
    told = experiment.outcome.metrics["train_risk"]
    assert told == pytest.approx(errors.mean().item(), rel=1e-5)


def test_samples_are_judged_though_the_task_is_another() -> None:
    experiment, _ = trained()
    assert {"mmd2", "mmd2_se", "precision", "recall"} <= experiment.outcome.metrics.keys()


def test_of_missing_pixels_no_gap_is_told() -> None:
    experiment, _ = trained()
    examples = experiment.design.evaluation
    few = replace(examples, inputs=examples.inputs[:20], labels=examples.labels[:20])
    gaps = few.inputs.clone()
    gaps[..., ::2] = torch.nan
    missing = replace(few, inputs=gaps, targets=few.inputs)
    for held, told in ((few, True), (missing, False)):
        evaluation = Evaluation(
            model=experiment.model, examples=held, population=experiment.population
        )
        assert ("inference_gap" in score_columns(evaluation)) == told
