"""What a network that takes whole images does where pixels are missing, which are nan."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.models.base import Model


class FillsGaps(Model):
    """Shows its encoder the mean of what training has seen of a pixel, where it is missing.

    Its loss is of the pixels that are seen: of the others nobody knows what to give back.
    """

    sees_gaps: ClassVar[bool] = True
    seen_sum: Float[Tensor, "c h w"]
    seen_count: Float[Tensor, "c h w"]

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        super().initialise(generator)
        self.seen_sum.zero_()
        self.seen_count.zero_()

    def set_up_gaps(self, image_shape: tuple[int, ...]) -> None:
        """Begin to remember; a constructor calls it."""
        self.register_buffer("seen_sum", torch.zeros(image_shape))
        self.register_buffer("seen_count", torch.zeros(image_shape))

    def filled(self, inputs: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Return images without gaps; in training mode what they show is remembered."""
        missing = inputs.isnan()
        if not missing.any():
            return inputs
        if self.training:
            self.seen_sum += inputs.nan_to_num().sum(dim=0)
            self.seen_count += (~missing).sum(dim=0)
        mean = self.seen_sum / self.seen_count.clamp(min=1)
        return torch.where(missing, mean, inputs)


def error_of_seen(
    inputs: Float[Tensor, " batch *shape"], made: Float[Tensor, " batch *shape"]
) -> Float[Tensor, " batch *shape"]:
    """Return made - inputs, 0 where these are nan."""
    missing = inputs.isnan()
    if not missing.any():
        return made - inputs
    return torch.where(missing, 0.0, made - inputs.nan_to_num())


def seen_errors(
    inputs: Float[Tensor, " batch *shape"], made: Float[Tensor, " batch *shape"]
) -> Float[Tensor, " batch"]:
    """Return each example's squared error over d, summed over its coordinates that are not nan.

    Where none is missing, that is the mean squared error of a coordinate; a missing one says
    nothing, so that what is known of a latent beforehand weighs the more.
    """
    return error_of_seen(inputs, made).square().flatten(1).mean(dim=1)


def share_seen(inputs: Float[Tensor, " batch *shape"]) -> float:
    """Return the share of coordinates that are not nan."""
    return 1 - float(inputs.isnan().float().mean())
