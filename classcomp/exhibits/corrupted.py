"""What corrupted training images look like, beside what they were."""

import numpy as np
import torch

from classcomp.draws import Draws
from classcomp.exhibits.images import kept_images

MOST_CORRUPTED = 10


def corrupted_arrays(draws: Draws, num: int) -> dict[str, np.ndarray]:
    """`corrupted/clean` and `corrupted/shown` (T, C, H, W); none where no image is corrupted.

    Args:
        draws: of a trial.
        num: of its training examples.
    """
    if draws.corruption is None:
        return {}
    pair = [torch.from_numpy(x) for x in draws.corrupted_training(num, MOST_CORRUPTED)]
    if not len(pair[0]):
        return {}
    return {
        f"corrupted/{name}": kept_images(x)
        for name, x in zip(("clean", "shown"), pair, strict=True)
    }
