"""Arrays of a finished trial: what is in them, for whom, and that collecting them is harmless."""

from typing import Any

import numpy as np
import pytest
import torch

from classcomp.exhibits.decisions import GRID
from classcomp.experiment import Experiment
from classcomp.features import linear_cka
from classcomp.models import FAMILIES
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES
from study.analysis.exhibits import read_exhibit
from tests.small_trial import experiment_of, finish

POINTS = ("two_gaussians", {"delta": 2.0})
DIGITS = ("digits", {"classes": [3, 8]})


def finished(
    family: str, population: tuple[str, dict[str, Any]] = POINTS, role: str = "measure"
) -> Experiment:
    trial = Trial(
        role=role,
        family=family,
        depth=1,
        population_name=population[0],
        population_parameters=population[1],
        num_train=128,
        budget=8,
        most=8,
        hyperparameters={**SPACES[family].defaults, "learning_rate": 0.02},
        streams={name: number for number, name in enumerate(STREAMS)},
    )
    experiment = Experiment(trial, device="cpu")
    while not experiment.finished:
        experiment.advance()
    return experiment


@pytest.fixture(scope="module")
def linear() -> Experiment:
    return finished("linear")


def test_confusion_counts_the_evaluation_examples(linear: Experiment) -> None:
    counts = linear.exhibits()["confusion/counts"]
    labels = linear.design.evaluation.labels.numpy()
    assert counts.dtype == np.int64
    assert counts.sum(axis=1).tolist() == np.bincount(labels).tolist()
    wrong = 1 - np.trace(counts) / counts.sum()
    assert abs(wrong - linear.outcome.metrics["risk"]) < 4 * 0.0037  # 10,000 examples


def test_a_decision_map_shows_the_line_and_the_bayes_rule(linear: Experiment) -> None:
    found = linear.exhibits()
    left, right, bottom, top = found["decision_map/extent"]
    # Means at -1 and 1 on the first axis: .005 quantiles near -3.3, and a tenth more.
    assert -5 < left < -3 < 3 < right < 5
    assert -4 < bottom < -2 < 2 < top < 4
    step = (right - left) / GRID
    x = left + step * (np.arange(GRID) + 0.5)
    bayes = found["decision_map/bayes"]
    assert (bayes == (x > 0)[None, :]).all()  # columns are the first coordinate
    decisions = found["decision_map/rule"]
    assert decisions.shape == (GRID, GRID)
    assert 0.9 < (decisions == bayes).mean() <= 1
    cells = torch.tensor([[x[5], bottom], [x[60], top]], dtype=torch.float32)
    with torch.no_grad():
        expected = linear.model.predict(cells).tolist()
    assert [decisions[0, 5], decisions[-1, 60]] == expected


def test_rules_of_a_population_share_the_map_and_the_examples(linear: Experiment) -> None:
    first, second = linear.exhibits(), finished("vgg").exhibits()
    for key in ("decision_map/extent", "decision_map/bayes", "features/labels"):
        np.testing.assert_array_equal(first[key], second[key])


def test_an_inner_product_of_grams_is_the_linear_cka(linear: Experiment) -> None:
    other = finished("vae_svm")
    grams, spaces = [], []
    for experiment in (linear, other):
        grams.append(experiment.exhibits()["features/gram"])
        inputs = experiment.design.evaluation.inputs[:256]
        with torch.no_grad():
            spaces.append(experiment.model.features(inputs))
    assert grams[0].shape == (256, 256)
    assert grams[0].dtype == np.float32
    assert np.vdot(grams[0], grams[1]) == pytest.approx(linear_cka(*spaces), abs=1e-5)
    assert np.vdot(grams[0], grams[0]) == pytest.approx(1, abs=1e-5)


def test_where_the_law_is_unknown_there_is_no_map() -> None:
    found = finished("vgg", DIGITS).exhibits()
    assert set(found) == {
        "confusion/counts",
        *(f"features/{n}" for n in ("points", "labels", "gram")),
        *(f"layers/{n}" for n in ("kernels", "image", "maps", "sizes")),
    }
    assert len(found["features/points"]) == len(found["features/labels"])
    assert np.isfinite(found["features/points"]).all()


def test_where_nothing_is_evaluated_there_is_nothing() -> None:
    assert finished("linear", role="search").exhibits() == {}


def test_looking_changes_nothing() -> None:
    experiment = finished("vae_kmeans")  # batch normalisation, a head, and draws
    state = experiment.state_dict()
    before = {name: value.clone() for name, value in experiment.model.state_dict().items()}
    generators = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = experiment.exhibits(), experiment.exhibits()
    assert first.keys() == second.keys()
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])
    assert torch.equal(generators[0], torch.get_rng_state())
    assert (generators[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    for name, value in experiment.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    after = experiment.state_dict()
    assert after["metrics"] == state["metrics"]
    assert torch.equal(after["now"]["head_noise"], state["now"]["head_noise"])
    assert torch.equal(after["now"]["trainer"]["noise"], state["now"]["trainer"]["noise"])


# resnet18_pretrained is resnet18 with weights that are downloaded
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"resnet18_pretrained"}))
def test_what_a_trial_of_any_family_leaves_is_read(family: str, tmp_path) -> None:
    """All exhibits of a trial lie in one file: no two lengths of theirs share a letter."""
    kind = "points" if SPACES[family].takes == "points" else "images"
    name, parameters = {"points": POINTS, "images": DIGITS}[kind]
    task = FAMILIES[family].task
    experiment = experiment_of(
        family=family,
        population_name=name,
        population_parameters=parameters,
        distortion="feature_noise" if task == "denoising" else "none",
        severity=0.5 if task == "denoising" else 0.0,
        budget=2,
        most=2,
        hyperparameters={**SPACES[family].defaults, "batch_size": 32},
    )
    arrays = finish(experiment).exhibits()
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **arrays)
    assert read_exhibit(path).keys() == arrays.keys() != set()
