"""The frozen network in whose features images are compared: a small CNN of Fashion-MNIST.

A distance between images' laws is one between the laws of their features, as in the Frechet
Inception distance (Heusel et al. 2017), whose network there are no weights of here. This one is of
this repository: `python benchmarks/feature_network.py` trains it, the same weights from the same
seed up to the machine's rounding, and they are shipped in half precision (`feature_network.npz`).
Its numbers are comparable with each other and with nobody else's.
"""

import hashlib
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 28
NUM_FEATURES = 64
WEIGHTS = "feature_network.npz"
SHA256 = "d26a7649b4f8c2c24afdfdf5f0fdd6a0c90bf85618e6807a3d956443a30d8805"
"""Of the weights: they are part of a result, and the code's fingerprint is of Python files."""
BATCH = 512


class FeatureNetwork(nn.Module):
    """Three convolutions, each pooled, a dense layer of 64 units, and ten classes for training."""

    def __init__(self) -> None:
        super().__init__()
        ends = (1, 16, 32, 64)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(ends))
        self.dense = nn.Linear(64 * 3 * 3, NUM_FEATURES)
        self.classes = nn.Linear(NUM_FEATURES, 10)

    def features(self, images: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch 64"]:
        """Return the dense layer, rectified."""
        hidden: Tensor = images
        for convolution in self.convolutions:
            hidden = F.max_pool2d(F.relu(convolution(hidden)), 2)
        return F.relu(self.dense(hidden.flatten(1)))

    def forward(self, images: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch 10"]:
        """Return logits of Fashion-MNIST's classes."""
        logits: Tensor = self.classes(self.features(images))
        return logits


@lru_cache(maxsize=1)
def feature_network() -> FeatureNetwork:
    """The shipped network, on the CPU, in evaluation mode.

    Raises:
        ValueError: its weights are not those that this code belongs to.
    """
    held = files("classcomp.tasks").joinpath(WEIGHTS)
    with held.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in arrays.files}
    if digest_of(weights) != SHA256:
        raise ValueError(f"{WEIGHTS} is not the feature network of this version: install it again")
    network = FeatureNetwork()
    network.load_state_dict({k: torch.from_numpy(w.astype("f4")) for k, w in weights.items()})
    return network.eval().requires_grad_(False)


def digest_of(weights: dict[str, np.ndarray]) -> str:
    """sha256 over the names and bytes of weights in half precision, 64 hex digits."""
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(name.encode() + np.ascontiguousarray(array, dtype="<f2").tobytes())
    return digest.hexdigest()


@torch.no_grad()
def image_features(
    images: Float[Tensor, "n channels height width"],
) -> Float[Tensor, "n 64"]:
    """What the shipped network makes of images, float32, on the CPU.

    Of other images than grey ones of 28 x 28: channels are averaged, then pixels resampled
    bilinearly (antialiased where they become fewer).
    """
    network = feature_network()
    parts = [network.features(_as_seen(part)) for part in images.cpu().float().split(BATCH)]
    return torch.cat(parts)


def _as_seen(images: Tensor) -> Tensor:
    grey = images.mean(dim=1, keepdim=True)
    if grey.shape[-2:] == (SIDE, SIDE):
        return grey
    return F.interpolate(grey, size=(SIDE, SIDE), mode="bilinear", antialias=True)
