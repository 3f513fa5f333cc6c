"""What models generate: at the end, and on the way there."""

import numpy as np
import pytest
import torch

from classcomp.experiment import Experiment
from search_spaces import SPACES
from study.analysis.exhibits import read_exhibit
from tests.small_trial import experiment_of, finish


@pytest.fixture(scope="module")
def gan() -> Experiment:
    return finish(
        experiment_of(
            family="gan",
            population_name="digits",
            population_parameters={},
            num_train=128,
            budget=10,
            most=60,
            hyperparameters={**SPACES["gan"].defaults, "batch_size": 32, "learning_rate": 2e-3},
        )
    )


def test_samples_are_those_of_the_shared_noise_beside_real_images(gan: Experiment) -> None:
    found, stream = gan.exhibits(), gan.trial.streams["evaluation"]
    assert found["samples/images"].shape == found["samples/real"].shape == (64, 1, 8, 8)
    with torch.no_grad():
        expected = gan.model.eval().sample(64, torch.Generator().manual_seed(stream))
    np.testing.assert_array_equal(found["samples/images"], expected.numpy())
    real = gan.design.evaluation.inputs[:64].numpy()
    np.testing.assert_array_equal(found["samples/real"], real)


def test_looks_are_of_the_trunk_after_1_2_4_passes(gan: Experiment) -> None:
    found, curve = gan.exhibits(), gan.outcome.curves
    kept = [i for i in (0, 1, 3, 7, 15) if curve[i].phase in ("budget", "settle")]
    assert kept == [0, 1, 3, 7, 15]
    steps = [curve[i].step for i in kept]
    assert found["samples/along_steps"].tolist() == steps
    assert found["samples/along"].shape == (5, 16, 1, 8, 8)
    moved = np.abs(np.diff(found["samples/along"], axis=0)).mean(axis=(1, 2, 3, 4))
    assert (moved > 1e-3).all()
    # A twin that stops after the second pass, from the same noise.
    twin = Experiment(gan.trial, device="cpu")
    for _ in range(2):
        twin.advance()
    np.testing.assert_array_equal(twin.exhibits()["samples/images"][:16], found["samples/along"][1])


def test_a_study_reads_them(gan: Experiment, tmp_path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **gan.exhibits())
    assert read_exhibit(path).keys() >= {"samples/images", "samples/along_steps"}
    assert path.stat().st_size < 300_000


def test_points_are_drawn_as_points() -> None:
    found = finish(experiment_of(family="gaussian_generator")).exhibits()
    assert found.keys() == {"samples/points", "samples/real_points"}
    assert found["samples/points"].shape == (1_024, 2)


def test_a_search_is_not_looked_at() -> None:
    asked = {"hyperparameters": SPACES["gan"].defaults, "family": "gan", "budget": 2, "most": 2}
    searched = finish(
        experiment_of("search", population_name="digits", population_parameters={}, **asked)
    )
    assert searched.exhibits() == {}
    assert searched.state_dict()["trunk"]["looks"] == {}
