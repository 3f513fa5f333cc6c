"""A variational autoencoder whose reconstruction term is a robust loss."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.architecture import check_real
from classcomp.models.augmentation import turned_at_random
from classcomp.models.autoencoder import Autoencoder
from classcomp.models.base import Batch
from classcomp.models.convolutional_coders import CoderConfig, weight_penalty
from classcomp.models.gaussian_latents import LOG_VARIANCES, draw_normal, gaussian_kl
from classcomp.models.robust_loss import ALPHAS, robust_loss, robust_nll

ADAPTIVE = "adaptive"
LOSSES = (*ALPHAS, ADAPTIVE)
ALPHA_ENDS = (0.001, 1.999)
SMALLEST_SCALE = 1e-5
"""Of a learned c, in units of `scale`. Both as in Barron's own code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(CoderConfig):
    """The autoencoder's configuration, the loss and the posterior's.

    Attributes:
        loss: one of `LOSSES`.
        scale: c, in the input's unit: residuals below it count by their squares. Where c is
            learned, what it starts from.
        beta: weight of the KL term; 1 is the evidence lower bound where there is one.

    Raises:
        ValueError: a value is out of range.
    """

    loss: str = "charbonnier"
    scale: float = 0.1
    beta: float = 1.0

    def __post_init__(self) -> None:
        CoderConfig.__post_init__(self)
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        check_real("scale", self.scale, 0.0, above=True)
        check_real("beta", self.beta, 0.0)

    @property
    def counted(self) -> CoderConfig:
        """This one without what is learned of the loss: all losses have the same network."""
        return replace(self, loss="l2")


class FixedLoss(nn.Module):
    """rho(e; alpha, c), alpha and c the same for all pixels."""

    def __init__(self, alpha: float, scale: float) -> None:
        super().__init__()
        self.alpha, self.scale = alpha, scale

    def forward(self, errors: Float[Tensor, "batch pixels"]) -> Float[Tensor, "batch pixels"]:
        """Return the loss of each residual."""
        return robust_loss(errors, self.alpha, self.scale)


class AdaptiveLoss(nn.Module):
    """-log p(e; alpha, c) in nats, alpha and c learned for every pixel: Barron (2019), sec. 3.1.

    alpha is a sigmoid between `ALPHA_ENDS`, c a softplus; they start at 1 and at `scale`. The
    density's normalisation is what keeps them from where every residual is forgiven.
    """

    def __init__(self, scale: float, num_pixels: int) -> None:
        super().__init__()
        self.scale = scale
        self.raw_alpha = nn.Parameter(torch.empty(num_pixels))
        self.raw_scale = nn.Parameter(torch.empty(num_pixels))

    @property
    def alphas(self) -> Float[Tensor, " pixels"]:
        """Each pixel's alpha."""
        low, high = ALPHA_ENDS
        return low + (high - low) * self.raw_alpha.sigmoid()

    @property
    def scales(self) -> Float[Tensor, " pixels"]:
        """Each pixel's c, in the input's unit."""
        grown = F.softplus(self.raw_scale + math.log(math.e - 1))  # 1 at first
        return self.scale * (SMALLEST_SCALE + (1 - SMALLEST_SCALE) * grown)

    def forward(self, errors: Float[Tensor, "batch pixels"]) -> Float[Tensor, "batch pixels"]:
        """Return what each residual adds to the negative log likelihood."""
        return robust_nll(errors, self.alphas, self.scales)

    def reset(self) -> None:
        """Start at the middle of alpha's range and at c = `scale`."""
        nn.init.zeros_(self.raw_alpha)
        nn.init.zeros_(self.raw_scale)


class RobustVAE(Autoencoder):
    """`beta_vae`'s network, trained on sum over pixels of rho(x - x'; alpha, c) + beta KL, in nats.

    Where alpha >= 0, rho is minus the logarithm of a density up to a constant: the objective is
    minus the ELBO of that observation law, of N(x', c^2 I) where `loss` is l2. Where rho is bounded
    (geman_mcclure, welsch) there is no such law, and the loss has the likelihood's place as it is:
    generalised variational inference (Knoblauch, Jewson and Damoulas 2022). Either way one unit of
    rho weighs as much as one nat of KL. Near 0 every rho is (e / c)^2 / 2, so that at one c the
    losses differ in what they make of large residuals and in nothing else.

    The objective is given in the risk's unit: times 2 c^2 / d, c being `scale` also where another
    one is learned. A constant factor moves no minimum; so l2 without KL is the mean squared error,
    and penalties on the weights mean what they mean in `autoencoder`. At beta = 0 z is the mean, as
    in `beta_vae`.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width)
        self.beta = config.beta
        num_pixels = math.prod(config.input_shape)
        self.per_nat = 2 * config.scale**2 / num_pixels
        self.log_variance = nn.Linear(self.encoder.num_features, config.latent_dim)
        self.observation: FixedLoss | AdaptiveLoss = (
            AdaptiveLoss(config.scale, num_pixels)
            if config.loss == ADAPTIVE
            else FixedLoss(ALPHAS[config.loss], config.scale)
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        super().initialise(generator)
        if isinstance(self.observation, AdaptiveLoss):
            self.observation.reset()

    def pass_through(self, inputs: Float[Tensor, "batch channels height width"]) -> None:
        """Send `inputs` through encoder and decoder, and what is left of them to the loss."""
        mean, _ = self._posterior(self.encoder(inputs))
        self.observation((self.decode(mean) - inputs).flatten(1))

    def draw_latents(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x) of each input; at beta = 0 its mean."""
        return self._drawn(*self._posterior(self.encoder(inputs)), generator)

    def training_latents(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return z ~ q(z|x), what the encoder drops being `generator`'s too."""
        return self._drawn(*self._posterior(self.encoder(inputs, generator)), generator)

    def sample(
        self, num: int, generator: torch.Generator
    ) -> Float[Tensor, "num channels height width"]:
        """Return what `num` draws of the prior N(0, I) stand for."""
        latents = draw_normal((num, self.latent_dim), self.latent.weight, generator)
        return self.decode(latents)

    def loss_shapes(self) -> tuple[Float[Tensor, " pixels"], Float[Tensor, " pixels"]] | None:
        """Return each pixel's alpha and c, the latter in the input's unit; None: not learned."""
        if isinstance(self.observation, AdaptiveLoss):
            return self.observation.alphas, self.observation.scales
        return None

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return rho, the weighted KL and the penalties, in squared input units."""
        images = batch.inputs
        if self.training and self.flips:
            images = turned_at_random(images, generator)
        mean, logvar = self._posterior(self.encoder(images, generator))
        errors = self.decoder(self._drawn(mean, logvar, generator), generator) - images
        nats = self.observation(errors.flatten(1)).sum(dim=1).mean()
        if self.beta > 0:
            nats = nats + self.beta * gaussian_kl(mean, logvar).mean()
        found: Tensor = self.per_nat * nats + weight_penalty(self, l1=self.l1, l2=self.l2)
        return found

    def _posterior(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.latent(hidden), self.log_variance(hidden).clamp(*LOG_VARIANCES)

    def _drawn(self, mean: Tensor, logvar: Tensor, generator: torch.Generator) -> Tensor:
        if self.beta == 0:
            return mean
        return mean + (0.5 * logvar).exp() * draw_normal(tuple(mean.shape), mean, generator)
