"""Convolutional autoencoder: images through a bottleneck of a few numbers and back."""

import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.models.augmentation import turned_at_random
from classcomp.models.base import Batch
from classcomp.models.convolutional_coders import CoderConfig, ConvolutionalCoders

Config = CoderConfig


class Autoencoder(ConvolutionalCoders):
    """`depth` convolutional blocks, a linear latent layer, and their mirror.

    Hinton and Salakhutdinov (2006), trained end to end on the mean squared error of a coordinate,
    in squared input units, which is the risk itself; labels play no part.
    """

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
        return self.penalised_error(images, images, generator)
