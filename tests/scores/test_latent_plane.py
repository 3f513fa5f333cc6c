"""Columns of a plane of two latents, and who has them."""

import numpy as np
import pytest
import torch
from sklearn.manifold import trustworthiness

from classcomp.scores import score_columns
from classcomp.tasks.base import NUM_IN_PLANE
from search_spaces import SPACES
from study.analysis.columns import PLANE_NUMBERS
from study.trials.schema import METRIC_COLUMNS
from tests.small_trial import experiment_of, finish

IMAGES = {"mu0": 0.0, "mu1": 1.0, "sigma0": 1.0, "sigma1": 1.0, "size": 4}


@pytest.mark.parametrize("family", ["autoencoder", "vae_svm"])
def test_two_latents_are_judged_on_the_first_examples(family: str) -> None:
    experiment = finish(
        experiment_of(
            family=family,
            hyperparameters={**SPACES[family].defaults, "latent_dim": 2, "batch_size": 16},
            population_name="gaussian_images",
            population_parameters=IMAGES,
        )
    )
    columns = score_columns(experiment._evaluation())
    inputs = experiment.design.evaluation.inputs[:NUM_IN_PLANE]
    with torch.no_grad():
        plane = experiment.model.features(inputs).double().numpy()
    space = inputs.flatten(1).double().numpy()
    assert len(plane) == NUM_IN_PLANE
    found = [columns[name] for name in PLANE_NUMBERS]
    wanted = [trustworthiness(a, b, n_neighbors=15) for a, b in ((space, plane), (plane, space))]
    np.testing.assert_allclose(found[1:], wanted, atol=1e-5)
    assert 0.5 < found[0] <= 1  # classes a standard deviation apart in each of 16 coordinates


@pytest.mark.parametrize(("family", "own"), [("autoencoder", {"latent_dim": 3}), ("vgg", {})])
def test_who_has_no_two_latents_has_no_plane(family: str, own: dict[str, int]) -> None:
    experiment = experiment_of(
        family=family,
        hyperparameters={**SPACES[family].defaults, **own},
        population_name="gaussian_images",
        population_parameters=IMAGES,
    )
    assert not set(PLANE_NUMBERS) & score_columns(experiment._evaluation()).keys()


def test_the_columns_are_declared() -> None:
    assert {column.name for column in METRIC_COLUMNS} >= set(PLANE_NUMBERS)
