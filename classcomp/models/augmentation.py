"""Images turned at random in training: their classes stay what they are."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from classcomp.models.architecture import check_real, check_truth

HALF_TURN = 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """What training does to every image that it is shown.

    Attributes:
        flips: whether it is turned left to right with probability 1/2.
        rotation: largest angle, degrees below 180, by which it is turned about its centre.

    Raises:
        ValueError: a value is out of range.
    """

    flips: bool = False
    rotation: float = 0.0

    def __post_init__(self) -> None:
        check_truth("flips", self.flips)
        check_real("rotation", self.rotation, 0.0)
        if self.rotation >= HALF_TURN:
            raise ValueError(f"rotation must be below {HALF_TURN:g}, got {self.rotation!r}")

    def __call__(
        self, images: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the images as training sees them; what is off draws nothing."""
        if self.flips:
            images = turned_at_random(images, generator)
        if self.rotation > 0:
            images = rotated_at_random(images, self.rotation, generator)
        return images


def turned_at_random(
    images: Float[Tensor, "batch channels height width"], generator: torch.Generator
) -> Float[Tensor, "batch channels height width"]:
    """Return images of which each is turned left to right with probability 1/2."""
    drawn = torch.rand(len(images), generator=generator, device=generator.device)
    turned = (drawn < 0.5).to(images.device)[:, None, None, None]
    return torch.where(turned, images.flip(-1), images)


def rotated_at_random(
    images: Float[Tensor, "batch channels height width"],
    degrees: float,
    generator: torch.Generator,
) -> Float[Tensor, "batch channels height width"]:
    """Return images each turned about its centre by an angle uniform on [-degrees, degrees].

    Bilinear between pixels, 0 beyond the edge: the background of the images that ship.
    """
    drawn = torch.rand(len(images), generator=generator, device=generator.device)
    angles = ((2 * drawn - 1) * math.radians(degrees)).to(images)
    return rotated(images, angles)


def rotated(
    images: Float[Tensor, "batch channels height width"], angles: Float[Tensor, " batch"]
) -> Float[Tensor, "batch channels height width"]:
    """Return images turned anticlockwise by angles in radians."""
    height, width = images.shape[-2:]
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # Coordinates run from -1 to 1 along either side, so that sides of different length shear.
    rows = [cosine, -sine * (height / width), zero, sine * (width / height), cosine, zero]
    maps = torch.stack(rows, dim=1).unflatten(1, (2, 3))
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
