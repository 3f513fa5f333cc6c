"""Denoising autoencoder: noisy images through a bottleneck, and the clean ones out of it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.models.augmentation import turned_at_random
from classcomp.models.base import Batch, Denoiser
from classcomp.models.convolutional_coders import CoderConfig, ConvolutionalCoders


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(CoderConfig):
    """The coders of `autoencoder` around a wider bottleneck: what it has not, is not restored."""

    latent_dim: int = 16


class DenoisingAutoencoder(ConvolutionalCoders, Denoiser):
    """`autoencoder`'s network, of which the clean image is asked (Vincent et al. 2008)."""

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return images without their noise."""
        images: Tensor = self.decoder(self.features(inputs))
        return images

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate, and the penalties on the weights."""
        assert batch.targets is not None, "who takes noise off learns from pairs"
        noisy, clean = batch.inputs, batch.targets
        if self.training and self.flips:
            turned = turned_at_random(torch.cat([noisy, clean], dim=1), generator)
            noisy, clean = turned.chunk(2, dim=1)
        return self.penalised_error(noisy, clean, generator)
