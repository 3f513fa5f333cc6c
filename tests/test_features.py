"""Layers are read without leaving a trace, and feature spaces compared as known by hand."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from classcomp.features import (
    PROJECTIONS,
    activations,
    cka_matrix,
    compare,
    filters,
    layer_names,
    linear_cka,
    project,
)
from classcomp.models import FAMILIES
from classcomp.testing import make, random_batch

LAYERED = [family for family in FAMILIES if family != "gaussian_generator"]
SEARCHING = ("auto_decoder", "variational_auto_decoder")
"""Their features are found by descent; no layer gives them."""
PAGE = Path(__file__).parents[1] / "docs" / "features.md"


def network(family: str = "vgg", depth: int = 2):
    """A network in training mode, and 12 inputs for it."""
    shape = (4,) if FAMILIES[family].module.takes == "vectors" else (1, 8, 8)
    return make(family, depth, shape, 3).train(), random_batch(12, shape, 3)[0]


def num_hooks(model) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def spaces(num: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussian spaces of 6 and 4 coordinates that share a part."""
    rng = np.random.default_rng(0)
    first = rng.standard_normal((num, 6)) * [3.0, 2.0, 1.0, 1.0, 0.5, 0.1]
    return first, first[:, :4] + rng.standard_normal((num, 4))


# Layers


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("family", LAYERED)
def test_every_layer_of_every_family_can_be_read(family, depth):
    model, inputs = network(family, depth)
    names = layer_names(model, inputs[:2])
    parts = {
        name
        for name, module in model.named_modules()
        if not list(module.children()) and not isinstance(module, nn.Identity)
    }
    assert parts <= set(names)
    found = activations(model, inputs, names)
    assert tuple(found) == names
    for name, values in found.items():
        assert len(values) == 12, name
        assert torch.isfinite(values).all(), name
        assert not values.requires_grad, name
    for name in parts:
        if isinstance(model.get_submodule(name), nn.Conv2d | nn.Linear):
            assert torch.equal(filters(model, name), model.get_submodule(name).weight)


@pytest.mark.parametrize("family", [f for f in LAYERED if f not in SEARCHING])
def test_a_layer_gives_what_the_family_computes_from_it(family):
    model, inputs = network(family)
    last = {"linear": "hidden", "vae_svm": "posterior", "vae_kmeans": "posterior"}
    coders = ("autoencoder", "linear_autoencoder", "beta_vae", "autoencoder_classifier")
    last |= dict.fromkeys(
        (*coders, "denoising_autoencoder", "robust_vae", "latent_classifier"), "latent"
    )
    last |= {"linear_denoiser": "hidden", "gan": "discriminator.pool", "vq_vae": "quantiser"}
    name = last.get(family, "pool")
    values = activations(model, inputs, [name])[name].flatten(1)
    with torch.no_grad():
        expected = model.eval().features(inputs)
    assert torch.equal(values[:, : expected.shape[1]], expected)


def test_what_has_no_layer_has_none():
    assert layer_names(*network("gaussian_generator")) == ()


def test_layers_come_in_the_order_in_which_they_are_done():
    model, inputs = network("unet", 2)
    names = layer_names(model, inputs)
    order = ["encoder.blocks.0", "encoder.blocks.1", "decoder.0", "decoder.1", "pool", "classifier"]
    assert [name for name in names if name in order] == order
    chosen = ("classifier", "encoder.blocks.0")
    assert tuple(activations(model, inputs, chosen)) == chosen


def test_what_works_in_place_afterwards_does_not_change_what_was_heard():
    model, inputs = network("vgg")
    first = "encoder.blocks.0.convolutions."
    found = activations(model, inputs, [f"{first}1", f"{first}2"])
    assert (found[f"{first}1"] < 0).any()
    assert torch.equal(found[f"{first}1"].relu(), found[f"{first}2"])


def test_reading_leaves_no_trace():
    model, inputs = network()
    frozen = model.encoder.blocks[0]
    frozen.eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    names = layer_names(model, inputs)
    activations(model, inputs, names)[names[0]].zero_()
    filters(model, "classifier").zero_()
    assert num_hooks(model) == 0
    assert [module.training for module in model.modules()] == modes
    assert True in modes
    assert False in modes
    assert torch.is_grad_enabled()
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_an_error_leaves_no_trace_either():
    model, inputs = network()
    with pytest.raises(RuntimeError, match="channels"):
        activations(model, inputs.repeat(1, 3, 1, 1), ["classifier"])
    assert num_hooks(model) == 0
    assert all(module.training for module in model.modules())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("layer", ["encoder.blocks.7", "encoder.blocks", ""])
def test_what_is_no_layer_is_named_with_what_is_allowed(layer):
    model, inputs = network()
    with pytest.raises(ValueError, match=re.escape(f"layer = {layer!r}")) as caught:
        activations(model, inputs, ["pool", layer])
    assert "encoder.blocks.0.convolutions.0" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert num_hooks(model) == 0


def test_filters_of_a_transposed_convolution_are_its_outputs():
    model, _ = network("autoencoder")
    layer = model.decoder.levels[0]
    found = filters(model, "decoder.levels.0")
    assert found.shape[:2] == (layer.out_channels, layer.in_channels)
    assert torch.equal(found[1, 2], layer.weight[2, 1])


def test_a_layer_without_filters_is_refused():
    model, _ = network()
    with pytest.raises(ValueError, match=r"layer = .pool.: must be one of encoder.*classifier"):
        filters(model, "pool")


# Linear CKA


def test_cka_by_hand():
    first, second = np.array([[1.0], [-1.0], [0.0], [0.0]]), np.array([[1.0], [0.0], [-1.0], [0.0]])
    # Both are centred: |y'x|^2 / (|x'x| |y'y|) = 1 / (2 * 2).
    assert linear_cka(first, second, unbiased=False) == pytest.approx(1 / 4, abs=1e-12)


def test_biased_cka_is_kornblith_s_formula():
    first, second = spaces()
    x, y = first - first.mean(axis=0), second - second.mean(axis=0)
    expected = np.linalg.norm(y.T @ x) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)
    assert 0.1 < expected < 0.95
    assert linear_cka(first, second, unbiased=False) == pytest.approx(expected, abs=1e-12)


def test_unbiased_cka_is_made_of_song_s_formula():
    def hsic(k, ell):
        n, ones = len(k), np.ones(len(k))
        cross = ones @ k @ ones * (ones @ ell @ ones) / ((n - 1) * (n - 2))
        return (np.trace(k @ ell) + cross - 2 / (n - 2) * ones @ k @ ell @ ones) / (n * (n - 3))

    k, ell = (space @ space.T for space in spaces())
    np.fill_diagonal(k, 0)
    np.fill_diagonal(ell, 0)
    expected = hsic(k, ell) / math.sqrt(hsic(k, k) * hsic(ell, ell))
    assert linear_cka(*spaces()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("unbiased", [True, False])
def test_cka_ignores_rotation_scale_and_place_and_nothing_more(unbiased):
    first, second = spaces()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    moved = 7.0 * first @ rotation + 100.0
    value = linear_cka(first, second, unbiased=unbiased)
    assert linear_cka(first, first, unbiased=unbiased) == pytest.approx(1, abs=1e-12)
    assert linear_cka(first, moved, unbiased=unbiased) == pytest.approx(1, abs=1e-9)
    assert linear_cka(moved, second, unbiased=unbiased) == pytest.approx(value, abs=1e-9)
    stretched = first * [1.0, 1.0, 1.0, 1.0, 1.0, 50.0]  # invertible, no rotation
    assert linear_cka(first, stretched, unbiased=unbiased) < 0.9
    assert abs(linear_cka(stretched, second, unbiased=unbiased) - value) > 0.05


def test_spaces_with_nothing_in_common():
    """Independent, more coordinates than examples: 0 within 6/n, and what bias makes of it."""
    first, second = np.random.default_rng(2).standard_normal((2, 200, 1000))
    assert abs(linear_cka(first, second)) < 0.03
    assert linear_cka(first, second, unbiased=False) == pytest.approx(0.83, abs=0.02)


def test_matrix_of_spaces_of_any_shape_and_kind():
    first, second = spaces()
    maps = torch.from_numpy(first).reshape(50, 3, 2, 1)
    matrix = cka_matrix({"a": first, "b": second, "maps": maps, "dead": np.ones((50, 3))})
    np.testing.assert_allclose(np.diag(matrix)[:3], 1, atol=1e-12)
    np.testing.assert_allclose(matrix, matrix.T)
    assert matrix[0, 1] == pytest.approx(linear_cka(first, second), abs=1e-12)
    assert matrix[0, 2] == pytest.approx(1, abs=1e-12)
    assert np.isnan(matrix[3]).all()


@pytest.mark.parametrize(("first", "second"), [((3, 2), (3, 2)), ((8, 2), (9, 2))])
def test_too_few_or_unpaired_examples_are_refused(first, second):
    with pytest.raises(ValueError, match="same 4 or more"):
        linear_cka(np.ones(first), np.ones(second))


# Projections


def test_pca_is_the_singular_value_decomposition():
    features = spaces()[0]
    left, values, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * values[:2]
    found = project(features, "pca")
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)


def test_mds_keeps_the_distances_of_a_plane_in_space():
    rng = np.random.default_rng(3)
    plane = rng.standard_normal((40, 2))
    frame = np.linalg.qr(rng.standard_normal((7, 7)))[0][:2]
    found = project(plane @ frame + 5.0, "mds")
    distances = [np.linalg.norm(p[:, None] - p[None], axis=2) for p in (plane, found)]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-6)


@pytest.mark.parametrize("method", PROJECTIONS)
def test_projections_keep_two_clusters_apart_and_repeat(method):
    rng = np.random.default_rng(4)
    features = rng.standard_normal((60, 2, 5)) + 20.0 * (np.arange(60) % 2)[:, None, None]
    found = project(torch.from_numpy(features), method, seed=1)
    assert found.shape == (60, 2)
    assert found.dtype == np.float64
    centres = found[::2].mean(axis=0), found[1::2].mean(axis=0)
    radius = max(np.linalg.norm(found[i::2] - centres[i], axis=1).max() for i in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * radius
    np.testing.assert_array_equal(found, project(features, method, seed=1))


def test_what_cannot_be_projected_is_refused():
    with pytest.raises(ValueError, match="method = 'umap': must be one of pca, tsne, mds"):
        project(np.ones((5, 5)), "umap")
    with pytest.raises(ValueError, match="2 coordinates"):
        project(np.arange(5.0)[:, None])


def test_a_comparison_is_plain_arrays():
    first, second = spaces()
    comparison = compare({"one": first, "two": second}, torch.arange(50) % 2, method="mds")
    assert comparison.names == ("one", "two")
    np.testing.assert_array_equal(comparison.cka, cka_matrix({"one": first, "two": second}))
    np.testing.assert_array_equal(comparison.points["two"], project(second, "mds"))


@pytest.mark.long
def test_the_page_s_example_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = (block for block in blocks if block.count("num_train=[512]") == 1)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "docs" / "figures"
    folder.mkdir(parents=True)
    exec(compile(code.replace("num_train=[512]", "num_train=[64]"), str(PAGE), "exec"), {})
    pictures = {path.name for path in folder.iterdir()}
    assert pictures == set(re.findall(r"\(figures/(\S+)\)", PAGE.read_text(encoding="utf-8")))
