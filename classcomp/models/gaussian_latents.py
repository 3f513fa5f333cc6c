"""Gaussian latents under a Gaussian observation: what every variational autoencoder shares."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from classcomp.models.base import Batch, Model
from classcomp.models.blocks import BATCH_NORM_MOMENTUM
from classcomp.models.initialisation import initialise_layers

MIN_OBSERVATION_VARIANCE = 1e-6
LOG_2PI = math.log(2 * math.pi)
NUM_DRAWS = 64  # importance samples of the latents for each example
LOG_VARIANCES = (-20.0, 10.0)  # what an encoder may say of q(z|x)


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


class GaussianLatents(Model):
    """A Gaussian variational autoencoder; labels play no part in its training.

    Kingma and Welling (2014). Prior N(0, I); q(z|x) = N(mean, diag exp(logvar)); p(x|z) =
    N(decode(z), v I) with one observation variance v for all pixels, in the input's units
    squared. In training v is the batch's mean squared error, its maximum-likelihood value
    (Rybkin et al. 2021, sec. 4.2), so that no weight between reconstruction and KL need be
    tuned to the data's scale; evaluation uses its moving average, `observation_variance`. All
    densities are in nats. A subclass has `decoder` and `latent_dim`, and says how it encodes.
    """

    decoder: nn.Module
    latent_dim: int
    observation_variance: Float[Tensor, ""]

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta
        self.register_buffer("observation_variance", torch.ones(()))

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        initialise_layers(self, generator)
        self.observation_variance.fill_(1.0)

    def encode(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        """Return mean and log variance of q(z|x)."""
        raise NotImplementedError

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

    def pass_through(self, inputs: Float[Tensor, " batch *shape"]) -> None:
        """Send `inputs` through encoder and decoder, without draws."""
        self.reconstruct(inputs)

    def sample(self, num: int, generator: torch.Generator) -> Float[Tensor, " num *shape"]:
        """Return the means of p(x|z) at `num` draws of the prior, observation noise left out."""
        latents = draw_normal((num, self.latent_dim), next(self.parameters()), generator)
        return self.decode(latents)

    def log_observation(
        self, inputs: Float[Tensor, " batch *shape"], latents: Float[Tensor, "batch latents"]
    ) -> Float[Tensor, " batch"]:
        """Return log p(x|z); in training mode the observation variance is refitted."""
        error = (inputs - self.decode(latents)).flatten(1)
        return normal_log_density(error, 0.0, self.variance_of(error).log())

    def variance_of(self, error: Float[Tensor, " batch *shape"]) -> Float[Tensor, ""]:
        """Return v; in training mode a batch's mean squared error, which moves its average."""
        if not self.training:
            return self.observation_variance
        variance = error.square().mean().clamp(min=MIN_OBSERVATION_VARIANCE)
        self.observation_variance.lerp_(variance.detach(), BATCH_NORM_MOMENTUM)
        return variance

    def draw(
        self,
        mean: Float[Tensor, "batch latents"],
        logvar: Float[Tensor, "batch latents"],
        generator: torch.Generator,
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x), reparameterised."""
        noise = draw_normal(tuple(mean.shape), mean, generator)
        return mean + (0.5 * logvar).exp() * noise

    def draw_latents(
        self, inputs: Float[Tensor, " batch *shape"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x) of each input."""
        return self.draw(*self.encode(inputs), generator)

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
