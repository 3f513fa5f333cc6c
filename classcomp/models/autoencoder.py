"""Convolutional autoencoder: images through a bottleneck of a few numbers and back."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.augmentation import turned_at_random
from classcomp.models.base import Batch, Model
from classcomp.models.convolutional_coders import (
    CoderConfig,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    weight_penalty,
)

Config = CoderConfig


class Autoencoder(Model):
    """`depth` convolutional blocks, a linear latent layer, and their mirror.

    Hinton and Salakhutdinov (2006), trained end to end on the mean squared error of a coordinate,
    in squared input units, which is the risk itself; labels play no part.
    """

    takes: ClassVar[str] = "images"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.l1, self.l2, self.flips = config.l1, config.l2, config.flips
        self.encoder = ConvolutionalEncoder(config, width)
        self.latent = nn.Linear(self.encoder.num_features, config.latent_dim)
        self.decoder = ConvolutionalDecoder(config, width, self.encoder.blocks)

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch latents"]:
        """Return the latent layer."""
        latents: Tensor = self.latent(self.encoder(inputs))
        return latents

    def decode(
        self, latents: Float[Tensor, "batch latents"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the images that latents stand for."""
        images: Tensor = self.decoder(latents)
        return images

    def reconstruct(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the images as they come back."""
        return self.decode(self.features(inputs))

    def pass_through(self, inputs: Float[Tensor, "batch channels height width"]) -> None:
        """Send `inputs` through encoder and decoder."""
        self.reconstruct(inputs)

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate, and the penalties on the weights."""
        images = batch.inputs
        if self.training and self.flips:
            images = turned_at_random(images, generator)
        latents = self.latent(self.encoder(images, generator))
        error = self.decoder(latents, generator) - images
        found: Tensor = error.square().mean() + weight_penalty(self, l1=self.l1, l2=self.l2)
        return found
