"""GAN: a network that makes images from noise, against one that tells them from the examples."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.architecture import MAX_LATENT_DIM, ImageConfig, check_integer
from classcomp.models.base import Batch, Objective
from classcomp.models.blocks import MAX_FEATURE_GRID, Size, pooled
from classcomp.models.gaussian_latents import draw_normal
from classcomp.models.transposed_decoder import RangedImages, TransposedDecoder, halvings
from classcomp.models.widths import encoder_channels

BETAS = (0.5, 0.999)
INITIAL_SD = 0.02
LEAK = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ImageConfig):
    """A GAN's architecture.

    Attributes:
        noise_dim: dimensions of the standard normal noise.

    Raises:
        ValueError: a value is out of range.
    """

    noise_dim: int = 32

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)
        check_integer("noise_dim", self.noise_dim, 1, MAX_LATENT_DIM)


class Discriminator(nn.Module):
    """`depth` convolutions at stride 2 with leaky ReLU, and the logit of being an example.

    Without batch normalisation, which Radford et al. have from the second layer on: an image is
    judged by itself, so that the loss means the same in training and in evaluation.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        sizes = halvings(config.input_shape[1:], config.depth)
        ends = (config.input_shape[0], *encoder_channels(width, config.depth))
        self.convolutions = nn.ModuleList(
            _halving(ends[i], ends[i + 1], sizes[i]) for i in range(config.depth)
        )
        rows, columns = sizes[-1]
        grid = (min(rows, MAX_FEATURE_GRID), min(columns, MAX_FEATURE_GRID))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(grid), nn.Flatten())
        self.logit = nn.Linear(ends[-1] * math.prod(grid), 1)

    def features(self, images: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch features"]:
        """Return the last map, averaged to 4x4 cells at most."""
        hidden: Tensor = images
        for convolution in self.convolutions:
            hidden = F.leaky_relu(convolution(hidden), LEAK)
        found: Tensor = self.pool(hidden)
        return found

    def forward(self, images: Float[Tensor, "batch c h w"]) -> Float[Tensor, " batch"]:
        """Return logits."""
        logits: Tensor = self.logit(self.features(images))
        return logits[:, 0]


class GAN(RangedImages):
    """DCGAN (Goodfellow et al. 2014, Radford et al. 2016); labels play no part.

    Both networks see and make pixels in [-1, 1] (`RangedImages`).

    The discriminator's objective is the binary cross-entropy of examples and of as many generated
    images, each a mean, summed: 2 ln 2 where it cannot tell. The generator's is -log D(G(z)), the
    non-saturating one: ln 2 there. In nats; at every step the discriminator moves first.
    """

    takes: ClassVar[str] = "images"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.noise_dim = config.noise_dim
        self.generator = TransposedDecoder(
            config.noise_dim, config.input_shape, config.depth, width
        )
        self.discriminator = Discriminator(config, width)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Set weights to N(0, .02) and scales to N(1, .02), drawing from `generator` alone."""
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()
                layer.weight.normal_(1.0, INITIAL_SD, generator=generator)
            elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                layer.weight.normal_(0.0, INITIAL_SD, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
        self.forget_range()

    def objectives(self) -> tuple[Objective, ...]:
        """Return the discriminator's, then the generator's."""
        return tuple(
            Objective(parameters=tuple(part.parameters()), loss=loss, betas=BETAS)
            for part, loss in (
                (self.discriminator, self.discriminator_loss),
                (self.generator, self.generator_loss),
            )
        )

    def discriminator_loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return -log D(x) - log(1 - D(G(z))), averaged; training notes the range of pixels."""
        if self.training:
            self.note_range(batch.inputs)
        with torch.no_grad():
            made = self._made(len(batch), generator)
        real, false = self._logits(batch.inputs), self.discriminator(made)
        return F.softplus(-real).mean() + F.softplus(false).mean()

    def generator_loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return -log D(G(z)), averaged over as many draws as the batch has examples."""
        logits: Tensor = self.discriminator(self._made(len(batch), generator))
        return F.softplus(-logits).mean()

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the sum of both."""
        told = self.discriminator_loss(batch, generator)
        return told + self.generator_loss(batch, generator)

    def losses(
        self, inputs: Float[Tensor, "batch c h w"], generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the generator's and the discriminator's loss on as many generated images."""
        false = self.discriminator(self._made(len(inputs), generator))
        real = self._logits(inputs)
        return F.softplus(-false).mean(), F.softplus(-real).mean() + F.softplus(false).mean()

    def sample(self, num: int, generator: torch.Generator) -> Float[Tensor, "num c h w"]:
        """Return generated images, in the unit of the examples."""
        return self.unscaled(self._made(num, generator))

    def features(self, inputs: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch features"]:
        """Return what the discriminator's last layer sees."""
        found: Tensor = self.discriminator.features(self.scaled(inputs))
        return found

    def pass_through(self, inputs: Float[Tensor, "batch c h w"]) -> None:
        """Send `inputs` through the discriminator, and a zero noise for each through both."""
        noise = inputs.new_zeros(len(inputs), self.noise_dim)
        self.discriminator(self.generator(noise))
        self._logits(inputs)

    def _made(self, num: int, generator: torch.Generator) -> Tensor:
        noise = draw_normal((num, self.noise_dim), self.pixel_range, generator)
        made: Tensor = self.generator(noise)
        return made

    def _logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(self.scaled(inputs))
        return logits


def _halving(in_channels: int, out_channels: int, size: Size) -> nn.Conv2d:
    """The shape of what `transposed` undoes."""
    if pooled(size) == size:
        return nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)
