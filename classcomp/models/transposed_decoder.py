"""Images made from a few numbers as a DCGAN makes them: what `gan` and auto-decoders share."""

import math
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.base import Model
from classcomp.models.blocks import BATCH_NORM_MOMENTUM, MAX_FEATURE_GRID, Size, pooled
from classcomp.models.convolutional_coders import transposed
from classcomp.models.widths import decoder_channels


class TransposedDecoder(nn.Module):
    """Numbers to a map, then `depth` transposed convolutions to an image of values in (-1, 1).

    The first map has as many cells as `depth` halvings leave, 4x4 at most.
    """

    def __init__(
        self, num_inputs: int, image_shape: tuple[int, ...], depth: int, width: float
    ) -> None:
        super().__init__()
        sizes = halvings(image_shape[1:], depth)
        widths = decoder_channels(width, depth)
        self.out_size = sizes[-1]
        rows, columns = (min(side, MAX_FEATURE_GRID) for side in self.out_size)
        self.shape = (widths[-1], rows, columns)
        self.first = nn.Linear(num_inputs, math.prod(self.shape), bias=False)
        self.norm = _normalised(widths[-1])
        outs = (image_shape[0], *widths[:-1])
        levels: list[nn.Module] = []
        for i in reversed(range(depth)):
            kind = partial(nn.ConvTranspose2d, bias=i == 0)  # normalisation has a shift
            levels.append(transposed(kind, widths[i], outs[i], sizes[i]))
            levels.append(_normalised(outs[i]) if i > 0 else nn.Tanh())
        self.levels = nn.Sequential(*levels)

    def forward(self, numbers: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch c h w"]:
        """Return images."""
        hidden: Tensor = self.norm(self.first(numbers).unflatten(1, self.shape))
        if tuple(hidden.shape[-2:]) != self.out_size:
            hidden = F.interpolate(hidden, size=self.out_size, mode="nearest")
        images: Tensor = self.levels(hidden)
        return images


class RangedImages(Model):
    """A model that sees and makes pixels in [-1, 1].

    That is of [low, high], the range of all pixels that training has shown so far, whatever their
    unit. So a tanh reaches black and white of real images, and of a law without bounds what lies
    between the extremes of the sample; in other units the same network trains in the same steps.
    """

    pixel_range: Float[Tensor, "2"]
    has_seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pixel_range", torch.tensor([0.0, 1.0]))
        self.register_buffer("has_seen", torch.tensor(False))

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        super().initialise(generator)
        self.forget_range()

    @torch.no_grad()
    def forget_range(self) -> None:
        """Have seen no pixels."""
        self.pixel_range.copy_(torch.tensor([0.0, 1.0]))
        self.has_seen.fill_(False)

    def scaled(self, inputs: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Return images of the examples' unit in [-1, 1]."""
        low, high = self.pixel_range
        tiny = torch.finfo(inputs.dtype).tiny  # of examples that are all of one grey
        scaled: Tensor = 2 * (inputs - low) / (high - low).clamp(min=tiny) - 1
        return scaled

    def unscaled(self, made: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Return images of [-1, 1] in the unit of the examples."""
        low, high = self.pixel_range
        images: Tensor = low + (high - low) * (made + 1) / 2
        return images

    @torch.no_grad()
    def note_range(self, inputs: Float[Tensor, "*pixels"]) -> None:
        """Widen the range to some pixels."""
        low, high = inputs.min(), inputs.max()
        seen = self.has_seen
        self.pixel_range[0] = torch.where(seen, torch.minimum(self.pixel_range[0], low), low)
        self.pixel_range[1] = torch.where(seen, torch.maximum(self.pixel_range[1], high), high)
        self.has_seen.fill_(True)


def halvings(size: tuple[int, ...], depth: int) -> list[Size]:
    """Return the size of an image, and after each of `depth` halvings, which stop at 2."""
    rows, columns = size
    sizes = [(rows, columns)]
    for _ in range(depth):
        sizes.append(pooled(sizes[-1]))
    return sizes


def _normalised(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM), nn.ReLU())
