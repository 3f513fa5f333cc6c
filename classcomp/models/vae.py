"""Variational autoencoder: the generative part of `vae_svm` and `vae_kmeans`."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.architecture import (
    MAX_LATENT_DIM,
    ArchitectureConfig,
    check_integer,
    check_real,
)
from classcomp.models.base import Classifier
from classcomp.models.blocks import (
    DecoderLevel,
    Encoder,
    PooledFeatures,
    VGGBlock,
)
from classcomp.models.gaussian_latents import LOG_VARIANCES, GaussianLatents
from classcomp.models.initialisation import DenseReLU, initialise_layers
from classcomp.models.on_features import OnFeatures
from classcomp.models.widths import decoder_channels, encoder_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class VAEConfig(ArchitectureConfig):
    """A variational autoencoder's architecture and objective.

    Attributes:
        latent_dim: L, dimensions of the latent space.
        beta: weight of the KL term (Higgins et al. 2017); 1 is the evidence lower bound.

    Raises:
        ValueError: a value is out of range.
    """

    latent_dim: int = 8
    beta: float = 1.0

    def __post_init__(self) -> None:
        ArchitectureConfig.__post_init__(self)
        check_integer("latent_dim", self.latent_dim, 1, MAX_LATENT_DIM)
        check_real("beta", self.beta, 0.0)


class ImageDecoder(nn.Module):
    """The encoder's mirror without skip connections."""

    def __init__(self, latent_dim: int, channels: tuple[int, ...], encoder: Encoder, out: int):
        super().__init__()
        grid = PooledFeatures(channels[-1], encoder.out_size).grid
        self.shape = (channels[-1], *grid)
        self.dense = DenseReLU(latent_dim, math.prod(self.shape))
        ins = (*channels[1:], channels[-1])
        self.levels = nn.ModuleList(
            DecoderLevel(ins[i], 0, channels[i], encoder.sizes[i])
            for i in reversed(range(len(channels)))
        )
        self.out = nn.Conv2d(channels[0], out, 3, padding=1)

    def forward(
        self, latents: Float[Tensor, "batch latents"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the means of the pixels."""
        hidden = self.dense(latents).unflatten(1, self.shape)
        for level in self.levels:
            hidden = level(hidden)
        means: Tensor = self.out(hidden)
        return means


def image_coders(config: VAEConfig, width: float) -> tuple[nn.Module, int, nn.Module]:
    """Return the encoder `(B, C, H, W)` to `(B, F)`, F, and the decoder of images."""
    channels, rows, columns = config.input_shape
    widths = encoder_channels(width, config.depth)
    encoder = Encoder(VGGBlock, channels, widths, (rows, columns))
    pool = PooledFeatures(widths[-1], encoder.out_size)
    outs = decoder_channels(width, config.depth)
    decoder = ImageDecoder(config.latent_dim, outs, encoder, channels)
    return nn.Sequential(encoder, pool), pool.num_features, decoder


def vector_coders(config: VAEConfig, width: float) -> tuple[nn.Module, int, nn.Module]:
    """Return perceptrons of `depth` hidden layers: `(B, d)` to `(B, F)`, F, and back.

    As with `linear`, the budget is out of reach where d alone exceeds it.
    """
    (dim,) = config.input_shape
    down, up = max(1, round(width)), max(1, math.floor(width))
    encoder = nn.Sequential(
        DenseReLU(dim, down), *(DenseReLU(down, down) for _ in range(config.depth - 1))
    )
    decoder = nn.Sequential(
        DenseReLU(config.latent_dim, up),
        *(DenseReLU(up, up) for _ in range(config.depth - 1)),
        nn.Linear(up, dim),
    )
    return encoder, down, decoder


class VAE(GaussianLatents, OnFeatures):
    """A Gaussian variational autoencoder that a classifier stands on; see `GaussianLatents`.

    Labels play no part in its training.
    """

    takes: ClassVar[str] = "any"
    posterior: nn.Linear

    def __init__(self, config: VAEConfig, width: float) -> None:
        super().__init__(config.beta)
        self.num_classes = config.num_classes
        coders = image_coders if len(config.input_shape) == 3 else vector_coders
        self.encoder, num_features, self.decoder = coders(config, width)
        self.posterior = nn.Linear(num_features, 2 * config.latent_dim)
        self.latent_dim = config.latent_dim

    def encode(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        """Return mean and log variance of q(z|x)."""
        mean, logvar = self.posterior(self.encoder(inputs)).chunk(2, dim=1)
        return mean, logvar.clamp(*LOG_VARIANCES)

    def rule_of_class(self, generator: torch.Generator) -> Classifier:
        """Return the encoder's latent means with a linear head."""
        return LinearOnMeans(self, generator)


class LinearOnMeans(Classifier):
    """The encoder of a VAE, trained on labels through a linear layer on its latent means."""

    takes: ClassVar[str] = "any"

    def __init__(self, vae: VAE, generator: torch.Generator) -> None:
        super().__init__()
        self.encoder, self.posterior = vae.encoder, vae.posterior
        self.latent_dim = vae.posterior.out_features // 2
        self.classifier = nn.Linear(self.latent_dim, vae.num_classes)
        initialise_layers(self.classifier, generator)
        self.classifier.to(vae.posterior.weight.device)

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch latents"]:
        """Return the latent means."""
        means: Tensor = self.posterior(self.encoder(inputs))[:, : self.latent_dim]
        return means

    def forward(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(inputs))
        return logits
