"""The shipped network: what it is, how good it is, what it sees."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from classcomp.populations import make
from classcomp.tasks import feature_network as module
from classcomp.tasks.feature_network import (
    SHA256,
    WEIGHTS,
    digest_of,
    feature_network,
    image_features,
)

FASHION = Path("/usr/share/datasets/fashion-mnist")


def weights() -> dict[str, np.ndarray]:
    return {k: v.numpy().astype(np.float16) for k, v in feature_network().state_dict().items()}


def test_it_is_small_and_its_weights_are_those_of_this_code():
    held = files("classcomp.tasks").joinpath(WEIGHTS)
    assert len(held.read_bytes()) < 150_000
    assert digest_of(weights()) == SHA256
    assert not any(p.requires_grad for p in feature_network().parameters())
    assert not feature_network().training


def test_other_weights_are_refused(monkeypatch):
    changed = weights()
    changed["dense.bias"][3] += np.float16(0.01)
    assert digest_of(changed) != SHA256
    monkeypatch.setattr(module, "SHA256", digest_of(changed))
    with pytest.raises(ValueError, match=r"^feature_network.npz is not the feature network of"):
        feature_network.__wrapped__()


def test_features_by_hand():
    """By numpy: valid correlations over padded maps, maxima of four, a matrix."""
    image = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    held, maps = {k: v.astype(np.float64) for k, v in weights().items()}, image[None]
    for layer in range(3):
        kernel, bias = held[f"convolutions.{layer}.weight"], held[f"convolutions.{layer}.bias"]
        padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        maps = np.maximum(np.einsum("oikl,ixykl->oxy", kernel, windows) + bias[:, None, None], 0)
        side = maps.shape[1] // 2
        maps = maps[:, : 2 * side, : 2 * side].reshape(-1, side, 2, side, 2).max(axis=(2, 4))
    expected = np.maximum(held["dense.weight"] @ maps.ravel() + held["dense.bias"], 0)
    found = image_features(torch.from_numpy(image)[None, None])[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert (found > 0).sum() > 5


def test_other_images_are_resampled_and_grey():
    small = torch.rand(3, 1, 14, 14, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.interpolate(small, size=(28, 28), mode="bilinear", antialias=True)
    torch.testing.assert_close(image_features(small), image_features(wide))
    coloured = torch.cat((small + 0.2, small, small - 0.2), dim=1)
    torch.testing.assert_close(
        image_features(coloured), image_features(small), rtol=1e-3, atol=1e-3
    )
    assert image_features(torch.rand(2, 3, 64, 40)).shape == (2, 64)


@pytest.mark.skipif(
    not FASHION.is_dir(),
    reason=f"NOT CHECKED: the accuracy on real images needs {FASHION} (Debian: "
    "dataset-fashion-mnist)",
)
def test_its_accuracy_is_what_the_script_printed():
    data = make("fashion_mnist")
    sample = data.sample(4_000, np.random.default_rng(0), split="test")
    with torch.no_grad():
        said = feature_network()(torch.from_numpy(data.images(sample.x))).argmax(dim=1).numpy()
    assert (said == sample.labels).mean() == pytest.approx(0.9098, abs=4 * 0.0045)


def test_it_tells_digits_apart_too():
    """1-nearest-neighbour in its features: what the numbers of other images rest on."""
    data = make("digits")
    parts = [data.sample(400, np.random.default_rng(0), split=s) for s in ("train", "test")]
    seen = [image_features(torch.from_numpy(data.images(part.x))) for part in parts]
    said = parts[0].labels[torch.cdist(seen[1], seen[0]).argmin(dim=1).numpy()]
    assert (said == parts[1].labels).mean() > 0.75  # .1 by chance
