"""Laws of a latent: how each is drawn, reparametrised, and how far it lies from its standard one.

Every coordinate has a law of its own, of one family and independent of the others. A family's
parameters are any real numbers, so that they can be moved by gradients; its standard member is
the prior (Zadeh et al. 2019, "Variational auto-decoder", sec. 3).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SMALLEST = torch.finfo(torch.float32).tiny

Parameters = Float[Tensor, "batch numbers latents"]
"""The `num` parameters of each latent's law."""
Latents = Float[Tensor, "batch latents"]
Noise = Float[Tensor, "#batch latents"]
"""A draw for each row, or one for all."""


class LatentLaw(Protocol):
    """A family of laws on the line."""

    @property
    def num(self) -> int:
        """Parameters of each latent's law."""

    def start(self, latents: int, generator: torch.Generator) -> Float[Tensor, "numbers latents"]:
        """Return the parameters that a search for them begins at, of all examples."""

    def noise(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return what draws are made of: no parameter has a part in it."""

    def draw(self, parameters: Parameters, noise: Noise) -> Latents:
        """Return draws, differentiable by the parameters."""

    def mean(self, parameters: Parameters) -> Latents:
        """Return expectations."""

    def divergence(self, parameters: Parameters) -> Float[Tensor, " batch"]:
        """Return KL(q || standard member) in nats, summed over the latents."""

    def standard(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of the standard member."""


@dataclass(frozen=True, slots=True)
class Point:
    """No spread at all: z itself. The prior is N(0, 1), and in the divergence's place is -log p(z).

    z^2 / 2, up to a constant: with it, latents are those of the largest posterior probability.
    """

    num: int = 1

    def start(self, latents: int, generator: torch.Generator) -> Float[Tensor, "1 latents"]:
        """Return a draw of the prior: at its mean, 0, a ReLU after batch normalisation is dead."""
        return torch.randn(1, latents, generator=generator)

    def noise(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return zeros: nothing is drawn."""
        return torch.zeros(num, latents, device=generator.device)

    def draw(self, parameters: Parameters, noise: Noise) -> Latents:
        """Return z."""
        return parameters[:, 0]

    def mean(self, parameters: Parameters) -> Latents:
        """Return z."""
        return parameters[:, 0]

    def divergence(self, parameters: Parameters) -> Float[Tensor, " batch"]:
        """Return |z|^2 / 2."""
        return parameters[:, 0].square().sum(dim=1) / 2

    def standard(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of N(0, 1)."""
        return torch.randn(num, latents, generator=generator, device=generator.device)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """N(mu, sigma^2) by mu and log sigma; the standard member is N(0, 1).

    z = mu + sigma e, e ~ N(0, 1); KL = (mu^2 + sigma^2 - 1) / 2 - log sigma.
    """

    num: int = 2

    def start(self, latents: int, generator: torch.Generator) -> Float[Tensor, "2 latents"]:
        """Return the standard member."""
        return torch.tensor([0.0, 0.0]).unsqueeze(1).repeat(1, latents)

    def noise(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return standard normal draws."""
        return torch.randn(num, latents, generator=generator, device=generator.device)

    def draw(self, parameters: Parameters, noise: Noise) -> Latents:
        """Return mu + sigma e."""
        mean, log_sd = parameters.unbind(1)
        return mean + log_sd.exp() * noise

    def mean(self, parameters: Parameters) -> Latents:
        """Return mu."""
        return parameters[:, 0]

    def divergence(self, parameters: Parameters) -> Float[Tensor, " batch"]:
        """Return KL(N(mu, sigma^2) || N(0, 1))."""
        mean, log_sd = parameters.unbind(1)
        return ((mean.square() + (2 * log_sd).exp() - 1) / 2 - log_sd).sum(dim=1)

    def standard(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of N(0, 1)."""
        return self.noise(num, latents, generator)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Exp(lambda), of mean 1 / lambda, by log lambda; the standard member is Exp(1).

    z = e / lambda, e ~ Exp(1); KL = log lambda + 1 / lambda - 1. Its standard deviation is its
    mean: no member of the family says where a latent is, only how large.
    """

    num: int = 1

    def start(self, latents: int, generator: torch.Generator) -> Float[Tensor, "1 latents"]:
        """Return the standard member."""
        return torch.tensor([0.0]).unsqueeze(1).repeat(1, latents)

    def noise(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of Exp(1): -log u, u uniform."""
        return -_uniform(num, latents, generator).log()

    def draw(self, parameters: Parameters, noise: Noise) -> Latents:
        """Return e / lambda."""
        return noise * (-parameters[:, 0]).exp()

    def mean(self, parameters: Parameters) -> Latents:
        """Return 1 / lambda."""
        return (-parameters[:, 0]).exp()

    def divergence(self, parameters: Parameters) -> Float[Tensor, " batch"]:
        """Return KL(Exp(lambda) || Exp(1))."""
        log_rate = parameters[:, 0]
        return (log_rate + (-log_rate).exp() - 1).sum(dim=1)

    def standard(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of Exp(1)."""
        return self.noise(num, latents, generator)


@dataclass(frozen=True, slots=True)
class Uniform:
    """U(a, a + s) within [0, 1], by the logits of s and of a / (1 - s); the standard is U(0, 1).

    z = a + s u, u ~ U(0, 1); KL = -log s, which is infinite for an interval that leaves [0, 1]:
    none of the family does. The standard member itself is the limit of large logits of s.
    """

    num: int = 2

    def start(self, latents: int, generator: torch.Generator) -> Float[Tensor, "2 latents"]:
        """Return an interval of .88 in the middle: the standard member is out of reach."""
        return torch.tensor([0.0, 2.0]).unsqueeze(1).repeat(1, latents)

    def noise(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of U(0, 1)."""
        return _uniform(num, latents, generator)

    def draw(self, parameters: Parameters, noise: Noise) -> Latents:
        """Return a + s u."""
        place, length = parameters.sigmoid().unbind(1)
        return (1 - length) * place + length * noise

    def mean(self, parameters: Parameters) -> Latents:
        """Return a + s / 2."""
        return self.draw(parameters, torch.full_like(parameters[:, 0], 0.5))

    def divergence(self, parameters: Parameters) -> Float[Tensor, " batch"]:
        """Return KL(U(a, a + s) || U(0, 1))."""
        return F.softplus(-parameters[:, 1]).sum(dim=1)

    def standard(self, num: int, latents: int, generator: torch.Generator) -> Latents:
        """Return draws of U(0, 1)."""
        return self.noise(num, latents, generator)


LAWS: dict[str, LatentLaw] = {
    "gaussian": Gaussian(),
    "exponential": Exponential(),
    "uniform": Uniform(),
}


def _uniform(num: int, latents: int, generator: torch.Generator) -> Latents:
    """Return draws of (0, 1): `rand` may return 0, of which there is no logarithm."""
    drawn = torch.rand(num, latents, generator=generator, device=generator.device)
    return drawn.clamp(min=SMALLEST)
