"""What a latent space holds: its directions of most spread, and what decoding makes of them."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from classcomp.models.base import Decodes


def widest(latents: Float[Tensor, "n latents"], num: int) -> Int64[Tensor, " chosen"]:
    """Return the latents of largest variance over examples, `num` at most, the largest first."""
    return latents.var(dim=0, correction=0).argsort(descending=True, stable=True)[:num]


@torch.no_grad()
def traverse(
    model: Decodes,
    start: Float[Tensor, " latents"],
    axes: Int64[Tensor, " axes"],
    values: Float[Tensor, "steps axes"],
) -> Float[Tensor, " steps *shape"]:
    """Decode `start` with some of its latents set to other values; the caller sets eval.

    Args:
        model: that has the latents.
        start: of the example from which the way leads.
        axes: which latents are set.
        values: to what, step by step.
    """
    latents = start.repeat(len(values), 1)
    latents[:, axes] = values
    return model.decode(latents)
