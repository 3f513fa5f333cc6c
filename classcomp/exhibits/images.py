"""Images as exhibits keep them."""

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional as F

MAX_SIDE = 64
"""Pixels of a kept image's side; of larger ones blocks are averaged: a page shows no more."""


def kept_images(
    images: Float[Tensor, "n channels height width"],
) -> Float32[np.ndarray, "n channels rows columns"]:
    """Return images as arrays, MAX_SIDE pixels high and wide at most."""
    rows, columns = (min(side, MAX_SIDE) for side in images.shape[2:])
    found: np.ndarray = F.adaptive_avg_pool2d(images.float(), (rows, columns)).cpu().numpy()
    return found
