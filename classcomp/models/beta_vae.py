"""Beta-VAE: the convolutional autoencoder with a Gaussian posterior that is drawn to the prior."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from classcomp.models.architecture import check_integer, check_real
from classcomp.models.augmentation import turned_at_random
from classcomp.models.base import Batch
from classcomp.models.convolutional_coders import (
    CoderConfig,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    weight_penalty,
)
from classcomp.models.gaps import FillsGaps, error_of_seen, seen_errors, share_seen
from classcomp.models.gaussian_latents import LOG_VARIANCES, GaussianLatents, gaussian_kl
from classcomp.models.inference import lowered


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(CoderConfig):
    """The autoencoder's configuration and the posterior's.

    Attributes:
        beta: weight of the KL term; 1 is the evidence lower bound, 0 the autoencoder.
        refining_steps: steps of descent from the encoder's mean in which the latents of an example
            are found where nothing is trained (Kim et al. 2018); 0: the mean is what they are.
        latent_rate: step size of Adam there.

    Raises:
        ValueError: a value is out of range.
    """

    beta: float = 1.0
    refining_steps: int = 0
    latent_rate: float = 0.1

    def __post_init__(self) -> None:
        CoderConfig.__post_init__(self)
        check_real("beta", self.beta, 0.0)
        check_integer("refining_steps", self.refining_steps, 0)
        check_real("latent_rate", self.latent_rate, 0.0, above=True)


class BetaVAE(FillsGaps, GaussianLatents):
    """`autoencoder`'s layers, the latent one being the mean of q(z|x); see `GaussianLatents`.

    Higgins et al. (2017), eq. 4. The layer of log variances comes last, so that at one width and
    seed all others start as the autoencoder's do.

    The objective is minus the ELBO in the risk's unit: times 2 v / d, v the batch's observation
    variance, which no gradient passes. Its gradient is the ELBO's by a positive factor, and
    without the KL term it is the autoencoder's: the mean squared error.

    At beta = 0 z is the mean, nothing is drawn: nothing holds the posterior's variances up, and the
    infimum over them is at 0: where decoding is linear, a latent of weight w has its optimum at
    beta v / (beta v + w^2). Drawn noise, which a network must first learn to outshout, would
    only be in the way. The log variances learn nothing there, so that `log_density` stays a
    lower bound but a loose one, and `sample` means little.
    """

    takes: ClassVar[str] = "images"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config.beta)
        self.set_up_gaps(config.input_shape)
        self.refining_steps, self.latent_rate = config.refining_steps, config.latent_rate
        self.l1, self.l2, self.flips = config.l1, config.l2, config.flips
        self.latent_dim = config.latent_dim
        self.encoder = ConvolutionalEncoder(config, width)
        self.latent = nn.Linear(self.encoder.num_features, config.latent_dim)
        self.decoder = ConvolutionalDecoder(config, width, self.encoder.blocks)
        self.log_variance = nn.Linear(self.encoder.num_features, config.latent_dim)

    def encode(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        """Return mean and log variance of q(z|x)."""
        return self._posterior(self.encoder(self.filled(inputs)))

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch latents"]:
        """Return the latent means; refined, those of the largest posterior probability nearby."""
        mean = self.encode(inputs)[0]
        if not self.refining_steps:
            return mean

        def terms(latents: Tensor) -> Tensor:
            errors = seen_errors(inputs, self.decode(latents))
            per_nat = 2 * self.beta * self.observation_variance / inputs[0].numel()
            return errors + per_nat * latents.square().sum(dim=1) / 2

        return lowered(terms, mean, steps=self.refining_steps, rate=self.latent_rate)

    def is_known(self, index: Int64[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Return True for each: what training has of an example is what its encoder says."""
        return torch.ones_like(index, dtype=torch.bool)

    def recall(
        self,
        inputs: Float[Tensor, "batch channels height width"],
        index: Int64[Tensor, " batch"],
    ) -> Float[Tensor, "batch channels height width"]:
        """Return what is decoded from the encoder's means, as training has them: not refined."""
        return self.decode(self.encode(inputs)[0])

    def draw_latents(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x) of each input; at beta = 0 its mean."""
        return self._latents(*self.encode(inputs), generator)

    def training_latents(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x), what the encoder drops being `generator`'s too."""
        return self._latents(*self._posterior(self.encoder(inputs, generator)), generator)

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate, the weighted KL and the penalties.

        All in squared input units: of the KL in nats, 2 beta v / d of it.
        """
        images = batch.inputs
        if self.training and self.flips:
            images = turned_at_random(images, generator)
        mean, logvar = self._posterior(self.encoder(self.filled(images), generator))
        made = self.decoder(self._latents(mean, logvar, generator), generator)
        error = error_of_seen(images, made)
        found: Tensor = error.square().mean() + weight_penalty(self, l1=self.l1, l2=self.l2)
        variance = self.variance_of(error / share_seen(images) ** 0.5).detach()
        if self.beta > 0:
            per_nat = 2 * self.beta * variance / error[0].numel()
            found = found + per_nat * gaussian_kl(mean, logvar).mean()
        return found

    def _latents(self, mean: Tensor, logvar: Tensor, generator: torch.Generator) -> Tensor:
        return self.draw(mean, logvar, generator) if self.beta > 0 else mean

    def _posterior(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.latent(hidden), self.log_variance(hidden).clamp(*LOG_VARIANCES)
