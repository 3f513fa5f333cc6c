"""What a trial keeps of its rules is enough to compute its risks again, with numpy alone."""

from typing import Any

import numpy as np
import pytest

from classcomp.experiment import Experiment
from classcomp.populations.named import digits, fashion_mnist
from tests.small_trial import TRAINED, experiment_of, finish

POINTS: dict[str, Any] = {
    "population_name": "two_gaussians",
    "population_parameters": {"delta": 2.0},
}
FAST = {**TRAINED, "learning_rate": 0.05}


def terms(posterior: np.ndarray, decided: np.ndarray) -> np.ndarray:
    return np.array([1 - row[k] for row, k in zip(posterior, decided, strict=True)])


@pytest.mark.parametrize("family", ["linear", "vae_svm", "vae_kmeans"])
def test_risks_follow_from_decisions_and_law(family: str) -> None:
    experiment = finish(
        experiment_of(**POINTS, family=family, budget=2, most=40, hyperparameters=FAST)
    )
    metrics, kept, law = experiment.outcome.metrics, experiment.decisions, experiment.law
    assert law["posterior"].shape == (10_000, 2)
    floor = 1 - law["posterior"].max(axis=1)
    risks = {}
    for branch, prefix in (("budget", ""), ("converged", "converged_")):
        excess = terms(law["posterior"], kept[branch]) - floor
        assert excess.mean() == pytest.approx(metrics[f"{prefix}excess_risk"], rel=1e-9)
        error = excess.std(ddof=1) / 100
        assert error == pytest.approx(metrics[f"{prefix}excess_risk_se"], rel=1e-9)
        risks[branch] = metrics["bayes_risk"] + excess.mean()
        assert risks[branch] == pytest.approx(metrics[f"{prefix}risk"], rel=1e-9)
    difference = (
        terms(law["posterior"], kept["budget"]) - terms(law["posterior"], kept["converged"])
    ).mean()
    assert difference == pytest.approx(risks["budget"] - risks["converged"], abs=1e-12)
    assert difference != 0  # the branches are not one rule, so that this could fail


def test_the_selection_risk_is_of_another_draw() -> None:
    experiment = finish(experiment_of(**POINTS, budget=2, most=40))
    metrics, selection = experiment.outcome.metrics, experiment.design.selection
    decided = experiment.model.eval().predict(selection.inputs).numpy()
    again = terms(selection.posterior, decided).mean()
    assert metrics["converged_selection_risk"] == pytest.approx(again, rel=1e-9)
    assert metrics["converged_selection_risk"] != metrics["converged_risk"]


def test_the_posterior_is_gaussian_algebra() -> None:
    law = finish(experiment_of(**POINTS)).law
    experiment = experiment_of(**POINTS)
    x = experiment.design.evaluation.inputs[:, 0].double().numpy()
    by_hand = 1 / (1 + np.exp(-2.0 * x))  # means at -1 and 1, variances 1
    np.testing.assert_allclose(law["posterior"][:, 1], by_hand, atol=1e-6)


@pytest.mark.parametrize("role", ["measure", "limit", "best_in_class", "ideal"])
def test_label_noise_leaves_the_law_clean(role: str) -> None:
    """All noise levels share one file of the law: their rules are compared on it."""
    clean = experiment_of(role, **POINTS)
    noisy = experiment_of(role, **POINTS, distortion="label_noise", severity=0.3)
    np.testing.assert_array_equal(clean.law["posterior"], noisy.law["posterior"])
    assert int(noisy.law["num_classes"]) == 2


def test_of_real_images_the_labels_are_kept() -> None:
    digits = {"population_name": "digits", "population_parameters": {"classes": [3, 8]}}
    experiment = finish(experiment_of(**digits, num_train=48))
    law, metrics = experiment.law, experiment.outcome.metrics
    assert law.keys() == {"labels", "num_classes"}
    wrong = float((experiment.decisions["budget"] != law["labels"]).mean())
    assert wrong == metrics["risk"]
    assert not {"selection_risk", "bayes_risk", "excess_risk"} & metrics.keys()


@pytest.mark.parametrize("role", ["limit", "best_in_class", "ideal"])
def test_a_rule_without_a_second_branch_keeps_one(role: str) -> None:
    kept = finish(experiment_of(role, **POINTS)).decisions
    assert kept.keys() == {"budget", "log_probabilities"}


def test_a_search_keeps_nothing() -> None:
    searched = finish(experiment_of("search", **POINTS))
    assert searched.decisions == searched.law == {}


def predicted(experiment: Experiment, name: str) -> np.ndarray:
    found = experiment.decisions[name]
    assert found.dtype == np.float16
    assert found.shape == (1_000, 2)
    return np.exp(found.astype(np.float64))


def test_predictions_are_natural_logarithms_of_probabilities() -> None:
    experiment = finish(experiment_of(**POINTS, budget=2, most=40, hyperparameters=FAST))
    for branch, name in (
        ("budget", "log_probabilities"),
        ("converged", "converged_log_probabilities"),
    ):
        rows = predicted(experiment, name)
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=0.005)
        is_clear = np.abs(rows[:, 0] - rows[:, 1]) > 0.01  # of what float16 rounds
        decided = experiment.decisions[branch][:1_000]
        assert (rows.argmax(axis=1) == decided)[is_clear].all()
        assert is_clear.mean() > 0.9


def test_classes_of_the_evaluation_sample_go_with_terms() -> None:
    """Of a set that is divided anew too: they are what each class's risk is a mean over."""
    asked = {"population_name": "digits", "population_parameters": {"classes": [8, 3, 5]}}
    hyperparameters = {**TRAINED, "latent_dim": 4}
    experiment = finish(
        experiment_of(
            **asked, family="linear_autoencoder", budget=1, most=1, hyperparameters=hyperparameters
        )
    )
    classes, terms = experiment.classes, experiment.decisions["budget_terms"]
    assert set(classes) == {"labels"}
    assert classes["labels"].dtype == np.uint8
    assert np.array_equal(classes["labels"], experiment.law["labels"])
    assert classes["labels"].shape == terms.shape
    inputs = experiment.design.evaluation.inputs
    again = experiment.model.reconstruct(inputs).detach()
    errors = (again - inputs).square().flatten(1).mean(dim=1).numpy()
    for label in range(3):
        own = classes["labels"] == label
        assert own.sum() > 30
        assert terms[own].mean() == pytest.approx(errors[own].mean(), rel=1e-3)


def test_fashion_s_classes_have_names() -> None:
    """In the order of the labels that are kept."""
    assert fashion_mnist().class_names[:2] == ("T-shirt/top", "Trouser")
    assert len(fashion_mnist().class_names) == 10
    assert fashion_mnist([9, 6]).class_names == ("Ankle boot", "Shirt")
    assert digits().class_names == ()
