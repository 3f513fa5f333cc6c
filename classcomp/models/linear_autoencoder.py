"""Linear autoencoder: principal components learned by gradients, so its best risk is known."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.architecture import MAX_LATENT_DIM, ArchitectureConfig, check_integer
from classcomp.models.base import Batch, Model

OFFSET_SPEED = 16.0
"""How much faster than a weight the offset learns. A bottleneck that has begun to carry the inputs'
mean, which is no principal component, is slow to let go of it: at speed 1 a Gaussian law's risk is
17% above its infimum after 2,000 steps at rate .003, at 16 it is .3% (d = 16, k = 4, mean 1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ArchitectureConfig):
    """A linear autoencoder's architecture; `depth` hidden layers on either side.

    Attributes:
        latent_dim: k, width of the bottleneck.

    Raises:
        ValueError: a value is out of range.
    """

    latent_dim: int = 8

    def __post_init__(self) -> None:
        ArchitectureConfig.__post_init__(self)
        check_integer("latent_dim", self.latent_dim, 1, MAX_LATENT_DIM)


class LinearAutoencoder(Model):
    """`depth` hidden linear layers, a bottleneck, `depth` hidden linear layers, an affine one.

    At every depth its functions are the affine maps of rank k at most, so that its smallest risk
    is what principal components leave: sum_{j>k} lambda_j / d, lambda the eigenvalues of the
    input's covariance in falling order (Baldi and Hornik 1989), and there is no other local
    minimum (ibid.; with more layers Kawaguchi 2016). As with `linear`
    (docs/adr/0006-deep-linear.md) no hidden layer is narrower than min(d, k), which goes before
    the budget: with long vectors the narrowest network already exceeds it at small depths, and
    `widths.meets_budget` is false. Weights start orthogonal (Saxe et al. 2014). Images are taken
    as vectors.

    The offset learns faster than the weights (`OFFSET_SPEED`), so that these see inputs about
    their mean, as principal components do; which functions there are is the same.
    """

    takes: ClassVar[str] = "any"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.shape, num_latents = config.input_shape, config.latent_dim
        dim = math.prod(self.shape)
        rank = min(dim, num_latents)
        down, up = max(round(width), rank), max(math.floor(width), rank)
        self.encoder = _linear([dim] + [down] * config.depth)
        self.latent = nn.Linear(down, num_latents, bias=False)
        self.decoder = _linear([num_latents] + [up] * config.depth)
        self.out = nn.Linear(up, dim, bias=False)
        self.offset = nn.Parameter(torch.empty(dim))

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch latents"]:
        """Return the bottleneck."""
        latents: Tensor = self.latent(self.encoder(inputs.flatten(1)))
        return latents

    def decode(self, latents: Float[Tensor, "batch latents"]) -> Float[Tensor, " batch *shape"]:
        """Return what latents stand for, in the shape of the inputs."""
        flat: Tensor = self.out(self.decoder(latents)) + OFFSET_SPEED * self.offset
        found: Tensor = flat.unflatten(1, self.shape)
        return found

    def reconstruct(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return the inputs as they come back."""
        return self.decode(self.features(inputs))

    def pass_through(self, inputs: Float[Tensor, " batch *shape"]) -> None:
        """Send `inputs` through encoder and decoder."""
        self.reconstruct(inputs)

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate, in squared input units."""
        error: Tensor = self.reconstruct(batch.inputs) - batch.inputs
        return error.square().mean()

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw orthogonal weights from `generator`; the offset starts at 0."""
        for layer in (*self.encoder, self.latent, *self.decoder, self.out):
            assert isinstance(layer, nn.Linear)
            nn.init.orthogonal_(layer.weight, generator=generator)
        self.offset.zero_()


def _linear(ends: list[int]) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(ends)))
