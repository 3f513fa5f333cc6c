"""Exhibits of models that decode: each array against what the model says when asked by hand."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from classcomp.draws import Examples
from classcomp.exhibits.decoding import STEPS, traversal_arrays
from classcomp.exhibits.images import kept_images
from classcomp.exhibits.latent_plane import latent_plane_arrays
from classcomp.experiment import Experiment
from classcomp.populations import make as make_population
from classcomp.tasks import Evaluation
from classcomp.tasks.base import NUM_IN_PLANE
from classcomp.testing import fit, make
from search_spaces import SPACES
from study.analysis.exhibits import read_exhibit
from tests.small_trial import experiment_of, finish

IMAGES = {"mu0": 0.0, "mu1": 1.0, "sigma0": 1.0, "sigma1": 1.0, "size": 4}


@cache
def shown(family: str, **own: Any) -> tuple[Experiment, dict[str, np.ndarray]]:
    """A trial that was trained a little, and its exhibits."""
    given = {"learning_rate": 0.01, "batch_size": 16, **own}
    experiment = experiment_of(
        family=family,
        hyperparameters={**SPACES[family].defaults, **given},
        population_name="gaussian_images",
        population_parameters=IMAGES,
    )
    finish(experiment).model.eval()
    with torch.no_grad():
        return experiment, experiment.exhibits()


def latents_of(experiment: Experiment) -> torch.Tensor:
    with torch.no_grad():
        return experiment.model.features(experiment.design.evaluation.inputs)


def decoded(experiment: Experiment, latents: Any) -> np.ndarray:
    with torch.no_grad():
        return experiment.model.decode(torch.as_tensor(latents).float()).numpy()


@pytest.mark.parametrize("family", ["autoencoder", "linear_autoencoder"])
def test_the_first_of_each_class_are_shown_with_what_comes_back(family: str) -> None:
    experiment, found = shown(family)
    evaluation = experiment.design.evaluation
    labels = evaluation.labels.numpy()
    first = [*np.flatnonzero(labels == 0)[:2], *np.flatnonzero(labels == 1)[:2]]
    assert found["reconstructions/labels"].tolist() == [0, 0, 1, 1]
    inputs = evaluation.inputs[first]
    np.testing.assert_array_equal(found["reconstructions/originals"], inputs.numpy())
    with torch.no_grad():
        back = experiment.model.reconstruct(inputs).numpy()
    np.testing.assert_allclose(found["reconstructions/decoded"], back, atol=1e-6)
    assert "reconstructions/drawn" not in found


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_a_variational_one_is_shown_from_a_draw_too(beta: float) -> None:
    experiment, found = shown("beta_vae", beta=beta)
    model, inputs = experiment.model, torch.tensor(found["reconstructions/originals"])
    with torch.no_grad():
        mean, log_variance = model.encode(inputs)
    seed = torch.Generator().manual_seed(experiment.trial.streams["evaluation"])
    spread = (log_variance / 2).exp() if beta > 0 else 0.0
    latents = mean + spread * torch.randn(mean.shape, generator=seed)
    np.testing.assert_allclose(
        found["reconstructions/drawn"], decoded(experiment, latents), atol=1e-5
    )
    is_drawn = not np.allclose(found["reconstructions/drawn"], found["reconstructions/decoded"])
    assert is_drawn == (beta > 0)


@pytest.mark.parametrize(
    "family", ["autoencoder", "beta_vae", "linear_autoencoder", "robust_vae", "vae_svm"]
)
def test_a_way_along_a_latent_passes_the_example_s_own_reconstruction(family: str) -> None:
    experiment, found = shown(family, latent_dim=3)
    inputs, latents = experiment.design.evaluation.inputs, latents_of(experiment).double().numpy()
    with torch.no_grad():
        own = experiment.model.reconstruct(inputs[:1])[0].numpy()
    ways, axes = found["traversals/images"], found["traversals/latents"]
    assert ways.shape == (3, len(STEPS), *own.shape)
    np.testing.assert_allclose(ways[:, len(STEPS) // 2], np.stack([own] * 3), atol=1e-5)
    assert axes.tolist() == np.argsort(-latents.var(axis=0)).tolist()
    for way, axis, values in zip(ways, axes, found["traversals/values"], strict=True):
        changed = latents[0].copy()
        changed[axis] += -3 * latents[:, axis].std()
        assert values[0] == pytest.approx(changed[axis], abs=1e-4)
        np.testing.assert_allclose(way[0], decoded(experiment, changed[None])[0], atol=1e-3)


def test_a_way_can_start_from_any_example() -> None:
    experiment, _ = shown("autoencoder", latent_dim=3)
    with torch.no_grad():
        own = experiment.model.reconstruct(experiment.design.evaluation.inputs[17:18])[0].numpy()
    found = traversal_arrays(experiment._evaluation(), chosen=17)
    np.testing.assert_allclose(found["images"][1, len(STEPS) // 2], own, atol=1e-5)


def test_the_plane_of_two_latents_is_at_their_quantiles() -> None:
    experiment, found = shown("autoencoder", latent_dim=3)
    latents, (first, second, _) = latents_of(experiment).numpy(), found["traversals/latents"]
    across, up = (np.quantile(latents[:, k], [0.5 / 11, 0.5]) for k in (first, second))
    cell = latents[0].copy()
    cell[first], cell[second] = across[0], up[1]  # column 0, row 5
    np.testing.assert_allclose(found["traversals/plane_values"][:, [0, 5]], [across, up], rtol=1e-4)
    plane = found["traversals/plane"]
    np.testing.assert_allclose(plane[5, 0], decoded(experiment, cell[None])[0], atol=1e-4)


def test_one_latent_spans_no_plane() -> None:
    _, found = shown("autoencoder", latent_dim=1)
    assert len(found["traversals/images"]) == 1
    assert not {"traversals/plane", "traversals/plane_values"} & found.keys()


def test_the_mean_of_a_class_is_decoded() -> None:
    experiment, found = shown("beta_vae", beta=1.0)
    labels, latents = experiment.design.evaluation.labels.numpy(), latents_of(experiment).numpy()
    means = [latents[labels == k].astype(np.float64).mean(axis=0) for k in (0, 1)]
    assert found["class_means/classes"].tolist() == [0, 1]
    np.testing.assert_allclose(
        found["class_means/images"], decoded(experiment, np.stack(means)), atol=1e-5
    )


def test_vectors_are_no_images_but_have_a_plane() -> None:
    own = {**SPACES["linear_autoencoder"].defaults, "latent_dim": 2, "batch_size": 16}
    experiment = finish(experiment_of(family="linear_autoencoder", hyperparameters=own))
    kinds = {key.split("/")[0] for key in experiment.exhibits()}
    assert kinds == {"features", "latent_map", "latent_plane"}


def test_the_plane_is_the_first_examples_by_two_latents() -> None:
    experiment, found = shown("autoencoder", latent_dim=2)
    latents = latents_of(experiment)[:NUM_IN_PLANE].numpy()
    np.testing.assert_allclose(found["latent_plane/points"], latents, atol=1e-4)
    labels = experiment.design.evaluation.labels[:NUM_IN_PLANE].numpy()
    np.testing.assert_array_equal(found["latent_plane/labels"], labels)
    assert not any(key.startswith("latent_plane") for key in shown("autoencoder", latent_dim=3)[1])


def test_a_linear_plane_is_that_of_principal_components() -> None:
    """Up to an invertible map, which is all that an error of reconstruction fixes (Baldi 1989)."""
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((6, 6))).Q
    x = rng.standard_normal((300, 6)) * [3.0, 2.0, 0.4, 0.3, 0.2, 0.1] @ turn
    inputs, labels = torch.tensor(x, dtype=torch.float32), torch.arange(300) % 2
    model = make("linear_autoencoder", 1, (6,), 2, latent_dim=2)
    for _ in range(4):
        fit(model, inputs, labels, steps=150, lr=0.01)
    evaluation = Evaluation(
        model=model,
        examples=Examples(inputs=inputs, labels=labels),
        population=make_population("two_gaussians", delta=2.0),
    )
    plane = latent_plane_arrays(evaluation)["points"]
    principal = PCA(2).fit_transform(x)
    for given, wanted in ((plane, principal), (principal, plane)):
        design = np.column_stack([given, np.ones(300)])
        left = wanted - design @ np.linalg.lstsq(design, wanted, rcond=None)[0]
        assert np.square(left).sum() < 0.01 * np.square(wanted - wanted.mean(axis=0)).sum()


def test_the_law_s_planes_are_pca_and_t_sne_whatever_the_model() -> None:
    digits: dict[str, Any] = {
        "population_name": "digits",
        "population_parameters": {"classes": [3, 8]},
    }
    given = {"latent_dim": 2, "batch_size": 16}
    found, again = (
        experiment_of(
            family=family, hyperparameters={**SPACES[family].defaults, **given}, **digits
        ).law_exhibits()
        for family in ("autoencoder", "linear_autoencoder")
    )
    for key, array in found.items():
        np.testing.assert_array_equal(array, again[key], err_msg=key)
    experiment = experiment_of(family="linear", **digits)
    x = experiment.design.evaluation.inputs[:NUM_IN_PLANE].numpy().astype(np.float64)
    principal = PCA(2, svd_solver="full").fit_transform(x)
    cosines = [abs(np.corrcoef(found["pca/points"][:, k], principal[:, k])[0, 1]) for k in (0, 1)]
    np.testing.assert_allclose(cosines, 1, atol=1e-6)
    for method, least in (("pca", 0.5), ("tsne", 0.9)):
        knn, trust, kept = found[f"{method}/quality"]
        points = found[f"{method}/points"]
        assert trust == pytest.approx(trustworthiness(x, points, n_neighbors=15), abs=1e-4)
        assert kept == pytest.approx(trustworthiness(points, x, n_neighbors=15), abs=1e-4)
        assert knn > least
    assert experiment.law_exhibits() == {}, "a classifier has no plane to be shown beside"


def test_large_images_are_kept_as_means_of_blocks() -> None:
    images = torch.randn(2, 3, 128, 96, generator=torch.Generator().manual_seed(0))
    found = kept_images(images)
    assert found.shape == (2, 3, 64, 64)
    np.testing.assert_allclose(found[..., 0, 0], images[..., :2, :2].mean(dim=(2, 3)), atol=1e-6)
    np.testing.assert_array_equal(kept_images(images[..., :9, :9]), images[..., :9, :9].numpy())


def test_what_decodes_and_generates_is_read_whole(tmp_path: Path) -> None:
    """Two classes’ means beside 64 samples: what exhibits count is their own."""
    _, found = shown("beta_vae", beta=1.0)
    assert len(found["class_means/images"]) != len(found["samples/images"])
    np.savez(tmp_path / "a.npz", **found)
    assert read_exhibit(tmp_path / "a.npz").keys() == found.keys()
