"""Images to a few numbers and back: the coders of the convolutional autoencoders."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.architecture import (
    MAX_LATENT_DIM,
    ImageConfig,
    check_integer,
    check_real,
    check_share,
    check_truth,
)
from classcomp.models.base import Model
from classcomp.models.blocks import (
    BATCH_NORM_MOMENTUM,
    MAX_FEATURE_GRID,
    Encoder,
    PooledFeatures,
    Size,
    drop,
    pooled,
)
from classcomp.models.initialisation import DenseReLU, ToPixels
from classcomp.models.widths import CHANNEL_GROWTH, decoder_channels, encoder_channels

MAX_GRID = 64
HIDDEN_PER_CHANNEL = 2.0
"""Units of the dense layers beside the latent one, for each channel of the last map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CoderConfig(ImageConfig):
    """An autoencoder of images: its architecture, and what its training is held back by.

    Attributes:
        latent_dim: L, dimensions of the latent space.
        dropout: probability that training drops a unit of a dense hidden layer, below 1.
        l1: weight of the sum of the weights' absolute values in the objective, in its unit.
        l2: weight of the sum of their squares there. AdamW's `weight_decay` is another thing: it
            shrinks all weights alike, a penalty's gradient is divided by each weight's own scale
            (Loshchilov and Hutter 2019, sec. 2).
        batch_norm: whether blocks are normalised.
        flips: whether training turns every image left to right with probability 1/2.
        grid: cells a side, at most, that the last map is averaged to.

    Raises:
        ValueError: a value is out of range.
    """

    latent_dim: int = 8
    dropout: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    batch_norm: bool = True
    flips: bool = False
    grid: int = MAX_FEATURE_GRID

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)
        check_integer("latent_dim", self.latent_dim, 1, MAX_LATENT_DIM)
        check_share("dropout", self.dropout)
        check_real("l1", self.l1, 0.0)
        check_real("l2", self.l2, 0.0)
        check_truth("batch_norm", self.batch_norm)
        check_truth("flips", self.flips)
        check_integer("grid", self.grid, 1, MAX_GRID)


class ConvolutionalEncoder(nn.Module):
    """Blocks of convolution, ReLU and normalisation, each pooled; then a dense layer.

    The last map is averaged to 4x4 cells unless `grid` allows more, as in every family of images
    here: a dense layer on all pixels of a shallow network's map would exceed its budget by itself.
    So at depth 2 images of more than 16 pixels a side are told by 16 cells; where sizes are free,
    `grid` = 7 leaves nothing of 28 pixels unseen.

    Attributes:
        blocks: of convolutions.
        num_features: units of the dense layer, L at least.
    """

    def __init__(self, config: CoderConfig, width: float) -> None:
        super().__init__()
        channels, rows, columns = config.input_shape
        widths = encoder_channels(width, config.depth)
        block = partial(convolution_block, batch_norm=config.batch_norm)
        self.blocks = Encoder(block, channels, widths, (rows, columns))
        self.pool = PooledFeatures(widths[-1], self.blocks.out_size, config.grid)
        self.num_features = max(config.latent_dim, round(_hidden(width, config.depth)))
        self.dense = DenseReLU(self.pool.num_features, self.num_features)
        self.dropout = config.dropout

    def forward(
        self,
        images: Float[Tensor, "batch channels height width"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch features"]:
        """Return the dense layer; training draws what it drops from `generator`."""
        hidden: Tensor = self.dense(self.pool(self.blocks(images)))
        return _dropped(self, hidden, generator)


class ConvolutionalDecoder(nn.Module):
    """The encoder's mirror: dense layers, then a transposed convolution for each of its blocks.

    A transposed convolution undoes a block's pooling by a kernel of 4 at stride 2, whose cells
    overlap evenly (Odena et al. 2016). All but the last are rectified and normalised: pixels are
    given back without bound, since inputs need not have one.
    """

    def __init__(self, config: CoderConfig, width: float, encoder: Encoder) -> None:
        super().__init__()
        widths = decoder_channels(width, config.depth)
        grid = PooledFeatures(widths[-1], encoder.out_size, config.grid).grid
        self.shape, self.out_size = (widths[-1], *grid), encoder.out_size
        num_hidden = max(config.latent_dim, math.floor(_hidden(width, config.depth)))
        self.hidden = DenseReLU(config.latent_dim, num_hidden)
        self.dense = DenseReLU(num_hidden, math.prod(self.shape))
        self.dropout = config.dropout
        channels, batch_norm = config.input_shape[0], config.batch_norm
        levels = mirrored(widths, channels, encoder.sizes, batch_norm=batch_norm)
        self.levels = nn.Sequential(*levels)

    def forward(
        self, latents: Float[Tensor, "batch latents"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "batch channels height width"]:
        """Return images; training draws what it drops from `generator`."""
        hidden: Tensor = _dropped(self, self.hidden(latents), generator)
        hidden = self.dense(hidden).unflatten(1, self.shape)
        if tuple(hidden.shape[-2:]) != self.out_size:
            hidden = F.interpolate(hidden, size=self.out_size, mode="nearest")
        images: Tensor = self.levels(hidden)
        return images


def mirrored(
    widths: Sequence[int], channels: int, sizes: Sequence[Size], *, batch_norm: bool
) -> list[nn.Module]:
    """Return what leads back from the last of an encoder's maps to pixels, the last map first.

    Args:
        widths: of the maps that each transposed convolution starts from, the first block's first.
        channels: of the images.
        sizes: of the encoder's maps before pooling.
        batch_norm: whether maps are normalised.
    """
    outs = (channels, *widths[:-1])
    levels: list[nn.Module] = []
    for i in reversed(range(len(widths))):
        kind = nn.ConvTranspose2d if i > 0 else ToPixels
        levels.append(transposed(kind, widths[i], outs[i], sizes[i]))
        if i > 0:
            levels += finish(outs[i], batch_norm)
    return levels


def convolution_block(in_channels: int, out_channels: int, *, batch_norm: bool) -> nn.Module:
    """Return a 3x3 convolution, ReLU and, if asked for, batch normalisation."""
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Sequential(convolution, *finish(out_channels, batch_norm))


class ConvolutionalCoders(Model):
    """Encoder, a linear latent layer and decoder, and what training does to inputs and weights."""

    takes: ClassVar[str] = "images"

    def __init__(self, config: CoderConfig, width: float) -> None:
        super().__init__()
        self.l1, self.l2, self.flips = config.l1, config.l2, config.flips
        self.latent_dim = config.latent_dim
        self.encoder = ConvolutionalEncoder(config, width)
        self.latent = nn.Linear(self.encoder.num_features, config.latent_dim)
        self.decoder = ConvolutionalDecoder(config, width, self.encoder.blocks)

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch latents"]:
        """Return the latent layer."""
        latents: Tensor = self.latent(self.encoder(inputs))
        return latents

    def training_latents(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return the latent layer as training has it: what it drops is `generator`'s."""
        latents: Tensor = self.latent(self.encoder(inputs, generator))
        return latents

    def penalised_error(
        self,
        inputs: Float[Tensor, "batch channels height width"],
        wanted: Float[Tensor, "batch channels height width"],
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate, and the penalties on the weights."""
        latents = self.training_latents(inputs, generator)
        error = self.decoder(latents, generator) - wanted
        found: Tensor = error.square().mean() + weight_penalty(self, l1=self.l1, l2=self.l2)
        return found


def weight_penalty(module: nn.Module, *, l1: float, l2: float) -> Float[Tensor, ""] | float:
    """Return l1 times the sum of |w| plus l2 times that of w^2; biases and scales are free."""
    if l1 == l2 == 0:
        return 0.0
    weights = [p for p in module.parameters() if p.ndim > 1]
    return sum((l1 * w.abs().sum() + l2 * w.square().sum() for w in weights), torch.tensor(0.0))


def _hidden(width: float, depth: int) -> float:
    return float(HIDDEN_PER_CHANNEL * width * CHANNEL_GROWTH ** (depth - 1))


def finish(channels: int, batch_norm: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM)] if batch_norm else []
    return [nn.ReLU(inplace=True), *norm]


def transposed(
    kind: Callable[..., nn.ConvTranspose2d], in_channels: int, out_channels: int, size: Size
) -> nn.ConvTranspose2d:
    """Return what undoes a pooling, to maps of `size`; odd sides have a row more than twice."""
    coarse = pooled(size)
    if coarse == size:
        return kind(in_channels, out_channels, 3, padding=1)
    odd = (size[0] - 2 * coarse[0], size[1] - 2 * coarse[1])
    return kind(in_channels, out_channels, 4, stride=2, padding=1, output_padding=odd)


def _dropped(
    coder: "ConvolutionalEncoder | ConvolutionalDecoder",
    hidden: Tensor,
    generator: torch.Generator | None,
) -> Tensor:
    """Rectified units, some dropped: after the ReLU or before it is the same."""
    if not coder.training or coder.dropout == 0:
        return hidden
    assert generator is not None, "training draws from a generator"
    return drop(hidden, coder.dropout, generator)
