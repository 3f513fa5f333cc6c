"""The parts convolutional families are made of, nested as their history was."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

# Training samples are small: at the customary 0.1 the running statistics would still remember
# their initial values after an epoch or two, and evaluation would lag behind training.
BATCH_NORM_MOMENTUM = 0.25
MAX_FEATURE_GRID = 4  # a class may depend on where something is, so the last map keeps 4x4

Size = tuple[int, int]


class VGGBlock(nn.Module):
    """Two 3x3 convolutions, each normalised and rectified.

    Simonyan and Zisserman (2015), with batch normalisation (Ioffe and Szegedy 2015), which
    came a year later. `convolutions` stops short of the last ReLU for the residual block's sake.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels, momentum=BATCH_NORM_MOMENTUM),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels, momentum=BATCH_NORM_MOMENTUM),
        )

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out height width"]:
        """Return the rectified map."""
        return F.relu(self.convolutions(images))


class ResNetBlock(nn.Module):
    """A VGG block with a skip connection: `relu(x + block(x))`.

    He et al. (2016), eq. 1-2. Where the numbers of channels differ, x passes a 1x1 convolution
    (their option B, here without batch normalisation).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.block = VGGBlock(in_channels, out_channels)
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out height width"]:
        """Return the rectified sum."""
        return F.relu(self.block.convolutions(images) + self.skip(images))


def drop(
    features: Float[Tensor, "batch features"], probability: float, generator: torch.Generator
) -> Float[Tensor, "batch features"]:
    """Return features of which each is 0 with a probability, and scaled up otherwise.

    Srivastava et al. (2014), scaled by 1 / (1 - p) in training so that nothing need change
    in evaluation. The draws are the generator's, which nn.Dropout could not be given.
    """
    drawn = torch.rand(features.shape, generator=generator, device=generator.device)
    kept = (drawn >= probability).to(features)
    return features * kept / (1 - probability)


def pooled(size: Size) -> Size:
    """Return the size after 2x2 pooling, which stops before a side falls below 2."""
    return (size[0] // 2, size[1] // 2) if min(size) >= 4 else size


class Encoder(nn.Module):
    """Blocks of growing width, each followed by 2x2 max pooling that stops at 2x2.

    Attributes:
        sizes: height and width of each block's map, before pooling.
        out_size: height and width of the last pooled map.
        channels: width of each block.
    """

    def __init__(
        self,
        block: Callable[[int, int], nn.Module],
        in_channels: int,
        channels: Sequence[int],
        size: Size,
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        ends = (in_channels, *channels)
        self.blocks = nn.ModuleList(block(a, b) for a, b in zip(ends, channels, strict=False))
        self.sizes: list[Size] = []
        for _ in channels:
            self.sizes.append(size)
            size = pooled(size)
        self.out_size = size

    def resolutions(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> tuple[list[Float[Tensor, "batch _ _ _"]], Float[Tensor, "batch out _ _"]]:
        """Return each block's map before pooling, and the last map after it."""
        maps = []
        hidden = images
        for block, size in zip(self.blocks, self.sizes, strict=True):
            hidden = block(hidden)
            maps.append(hidden)
            if pooled(size) != size:
                hidden = F.max_pool2d(hidden, 2)
        return maps, hidden

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out out_height out_width"]:
        """Return the last pooled map."""
        return self.resolutions(images)[1]


class DecoderLevel(nn.Module):
    """Upsampling to `size`, an optional skip connection, and a VGG block.

    Ronneberger et al. (2015), fig. 1; nearest-neighbour upsampling in place of their
    up-convolution avoids its checkerboard (Odena et al. 2016) and takes any size.
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.block = VGGBlock(in_channels + skip_channels, out_channels)

    def forward(
        self,
        hidden: Float[Tensor, "batch in coarse_height coarse_width"],
        skip: Float[Tensor, "batch skip height width"] | None = None,
    ) -> Float[Tensor, "batch out height width"]:
        """Return the map at the finer resolution."""
        if tuple(hidden.shape[-2:]) != self.size:
            hidden = F.interpolate(hidden, size=self.size, mode="nearest")
        if skip is not None:
            hidden = torch.cat((hidden, skip), dim=1)
        refined: Tensor = self.block(hidden)
        return refined


class PooledFeatures(nn.Module):
    """Average pooling to at most `most` cells a side, flattened.

    Not global pooling: where in an image something lies may be what tells the classes apart.
    """

    def __init__(self, channels: int, size: Size, most: int = MAX_FEATURE_GRID) -> None:
        super().__init__()
        self.grid = (min(size[0], most), min(size[1], most))
        self.num_features = channels * self.grid[0] * self.grid[1]

    def forward(
        self, hidden: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the flattened cells."""
        if tuple(hidden.shape[-2:]) != self.grid:
            hidden = F.adaptive_avg_pool2d(hidden, self.grid)
        return hidden.flatten(1)
