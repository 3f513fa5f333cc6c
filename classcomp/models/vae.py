"""Variational autoencoder: the generative part of `vae_svm` and `vae_kmeans`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor, nn

from classcomp.models.base import (
    ArchitectureConfig,
    Batch,
    Classifier,
    check_integer,
    check_real,
)
from classcomp.models.blocks import (
    BATCH_NORM_MOMENTUM,
    DecoderLevel,
    Encoder,
    PooledFeatures,
    VGGBlock,
)
from classcomp.models.initialisation import DenseReLU, initialise_layers
from classcomp.models.widths import decoder_channels, encoder_channels

NUM_HEAD_EXAMPLES = 4096  # heads see at most this many: an SVM's time grows with the square
MIN_OBSERVATION_VARIANCE = 1e-6
LOG_2PI = math.log(2 * math.pi)
NUM_DRAWS = 64  # importance samples of the latents for each example
_ENCODING_BATCH = 512


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
        check_integer("latent_dim", self.latent_dim, 1)
        check_real("beta", self.beta, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodTerms:
    """Log densities in nats at draws z ~ q(z|x)."""

    log_observation: Float[Tensor, "draws batch"]  # log p(x|z)
    log_prior: Float[Tensor, "draws batch"]  # log p(z)
    log_posterior: Float[Tensor, "draws batch"]  # log q(z|x)

    @property
    def log_weights(self) -> Float[Tensor, "draws batch"]:
        """Log importance weights; their mean estimates the ELBO, and log mean exp over draws
        the tighter bound on log p(x) of Burda et al. (2016), eq. 8.
        """
        return self.log_observation + self.log_prior - self.log_posterior


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


def gaussian_kl(
    mean: Float[Tensor, "batch latents"], logvar: Float[Tensor, "batch latents"]
) -> Float[Tensor, " batch"]:
    """Return KL(N(mean, diag exp(logvar)) || N(0, I)) in nats.

    Kingma and Welling (2014), appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(dim=-1)


def normal_log_density(
    x: Float[Tensor, "*batch dim"],
    mean: Float[Tensor, "*batch dim"] | float,
    logvar: Float[Tensor, "*batch dim"] | Float[Tensor, ""],
) -> Float[Tensor, "*batch"]:
    """Return log N(x; mean, diag exp(logvar)) in nats, summed over the last dimension."""
    return -0.5 * (LOG_2PI + logvar + (x - mean).square() / logvar.exp()).sum(dim=-1)


def draw_normal(
    shape: tuple[int, ...], like: Float[Tensor, "..."], generator: torch.Generator
) -> Float[Tensor, "*shape"]:
    """Return standard normal draws on `like`'s device, the same ones wherever that is."""
    return torch.randn(shape, generator=generator, device=generator.device).to(like)


class VAE(Classifier):
    """A Gaussian variational autoencoder; labels play no part in its training.

    Kingma and Welling (2014). Prior N(0, I); q(z|x) = N(mean, diag exp(logvar)); p(x|z) =
    N(decode(z), v I) with one observation variance v for all pixels, in the input's units
    squared. In training v is the batch's mean squared error, its maximum-likelihood value
    (Rybkin et al. 2021, sec. 4.2), so that no weight between reconstruction and KL need be
    tuned to the data's scale; evaluation uses its moving average, `observation_variance`. All
    densities are in nats.
    """

    takes: ClassVar[str] = "any"
    needs_head: ClassVar[bool] = True
    observation_variance: Float[Tensor, ""]

    def __init__(self, config: VAEConfig, width: float) -> None:
        super().__init__()
        self.num_classes = config.num_classes
        self.beta = config.beta
        coders = image_coders if len(config.input_shape) == 3 else vector_coders
        self.encoder, num_features, self.decoder = coders(config, width)
        self.posterior = nn.Linear(num_features, 2 * config.latent_dim)
        self.register_buffer("observation_variance", torch.ones(()))

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        initialise_layers(self, generator)
        self.observation_variance.fill_(1.0)

    def encode(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        """Return mean and log variance of q(z|x)."""
        mean, logvar = self.posterior(self.encoder(inputs)).chunk(2, dim=1)
        return mean, logvar.clamp(-20.0, 10.0)

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch latents"]:
        """Return the latent means."""
        return self.encode(inputs)[0]

    def decode(self, latents: Float[Tensor, "batch latents"]) -> Float[Tensor, " batch *shape"]:
        """Return the mean of p(x|z), in the shape of the inputs."""
        mean: Tensor = self.decoder(latents)
        return mean

    def reconstruct(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return the decoded latent means."""
        return self.decode(self.features(inputs))

    def classifier_of_class(self, generator: torch.Generator) -> Classifier:
        """Return the encoder's latent means with a linear head."""
        return LatentClassifier(self, generator)

    def pass_through(self, inputs: Float[Tensor, " batch *shape"]) -> None:
        """Send `inputs` through encoder and decoder, without draws."""
        self.reconstruct(inputs)

    def decide(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Int64[Tensor, " batch"], Float32[Tensor, "batch classes"]]:
        """Return `predict` and `predict_proba`; a head may not decide for the likeliest class."""
        return self.predict(inputs), self.predict_proba(inputs)

    def sample(self, num: int, generator: torch.Generator) -> Float[Tensor, " num *shape"]:
        """Return the means of p(x|z) at `num` draws of the prior, observation noise left out."""
        latent_dim = self.posterior.out_features // 2
        return self.decode(draw_normal((num, latent_dim), self.posterior.weight, generator))

    def log_observation(
        self, inputs: Float[Tensor, " batch *shape"], latents: Float[Tensor, "batch latents"]
    ) -> Float[Tensor, " batch"]:
        """Return log p(x|z); in training mode the observation variance is refitted."""
        error = (inputs - self.decode(latents)).flatten(1)
        variance = self.observation_variance
        if self.training:
            variance = error.square().mean().clamp(min=MIN_OBSERVATION_VARIANCE)
            self.observation_variance.lerp_(variance.detach(), BATCH_NORM_MOMENTUM)
        return normal_log_density(error, 0.0, variance.log())

    def draw(
        self,
        mean: Float[Tensor, "batch latents"],
        logvar: Float[Tensor, "batch latents"],
        generator: torch.Generator,
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x), reparameterised."""
        noise = draw_normal(tuple(mean.shape), mean, generator)
        return mean + (0.5 * logvar).exp() * noise

    def elbo(
        self,
        inputs: Float[Tensor, " batch *shape"],
        generator: torch.Generator,
        *,
        beta: float = 1.0,
    ) -> Float[Tensor, " batch"]:
        """Return each example's evidence lower bound by one draw and the exact KL."""
        mean, logvar = self.encode(inputs)
        latents = self.draw(mean, logvar, generator)
        return self.log_observation(inputs, latents) - beta * gaussian_kl(mean, logvar)

    def log_likelihood_terms(
        self,
        inputs: Float[Tensor, " batch *shape"],
        generator: torch.Generator,
        *,
        num_draws: int = 1,
    ) -> LikelihoodTerms:
        """Return the log densities an importance-weighted estimate of log p(x) is made of."""
        mean, logvar = self.encode(inputs)
        terms = []
        for _ in range(num_draws):
            latents = self.draw(mean, logvar, generator)
            observation = self.log_observation(inputs, latents)
            prior = normal_log_density(latents, 0.0, torch.zeros_like(latents))
            terms.append((observation, prior, normal_log_density(latents, mean, logvar)))
        log_observation, log_prior, log_posterior = map(torch.stack, zip(*terms, strict=True))
        return LikelihoodTerms(
            log_observation=log_observation, log_prior=log_prior, log_posterior=log_posterior
        )

    @torch.no_grad()
    def log_density(
        self,
        inputs: Float[Tensor, " batch *shape"],
        generator: torch.Generator,
        *,
        num_draws: int = NUM_DRAWS,
    ) -> Float64[Tensor, " batch"]:
        """Estimate log p(x) from below, in nats.

        log of the mean over z ~ q(z|x) of p(x|z) p(z) / q(z|x): Burda et al. (2016), eq. 8. By
        Jensen's inequality its expectation is at most log p(x); it grows with the number of
        draws (theorem 1) and equals log p(x) at any number where q is the exact posterior.
        """
        terms = self.log_likelihood_terms(inputs, generator, num_draws=num_draws)
        return terms.log_weights.double().logsumexp(dim=0) - math.log(num_draws)

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return minus the mean beta-weighted ELBO, nats per example; labels are ignored."""
        return -self.elbo(batch.inputs, generator, beta=self.beta).mean()

    def head_sample(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> tuple[Float64[Tensor, "kept latents"], Int64[Tensor, " kept"]]:
        """Return latent means and labels of at most `NUM_HEAD_EXAMPLES` examples.

        Drawn without replacement; on the CPU, in evaluation mode.
        """
        if len(inputs) > NUM_HEAD_EXAMPLES:
            order = torch.randperm(len(inputs), generator=generator, device=generator.device)
            chosen = order[:NUM_HEAD_EXAMPLES].to(inputs.device)
            inputs, labels = inputs[chosen], labels[chosen.to(labels.device)]
        return torch.cat(list(self._latent_batches(inputs))), labels.cpu()

    def latent_points(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float64[np.ndarray, "batch latents"]:
        """Return the latent means as a head takes them; no gradient passes."""
        return self.features(inputs).detach().double().cpu().numpy()

    def _latent_batches(self, inputs: Tensor) -> Iterator[Tensor]:
        was_training = self.training
        self.eval()
        with torch.no_grad():
            for batch in inputs.split(_ENCODING_BATCH):
                yield self.features(batch).double().cpu()
        self.train(was_training)


class LatentClassifier(Classifier):
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
