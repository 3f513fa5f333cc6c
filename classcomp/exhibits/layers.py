"""What the layers of a network of images look for, and what they find in one image."""

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.exhibits.images import kept_images
from classcomp.features import activations, filters, layer_names
from classcomp.tasks import Evaluation

MAX_FILTERS = 64
MAX_LAYERS = 16
MAX_MAPS = 8
"""Of a layer's channels the first ones are kept."""


def layer_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Of a network that convolves images; its layers are the convolutions, either way, in order.

    `kernels` (F, I, h, w): the first layer's filters, MAX_FILTERS at most. `maps` (R, M, H, W):
    what the layers give for `image` (C, H, W), the first evaluation example, before what follows
    them; stretched to the image's size by repeating pixels, zeros where a layer has fewer than M
    channels. `sizes` (R, 3): their channels, rows and columns.
    """
    model, few = (
        evaluation.model,
        evaluation.examples.inputs[:2].nan_to_num(),
    )  # one may lose its axis
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    convolutions = {name for name, part in model.named_modules() if isinstance(part, kinds)}
    if few.ndim != 4 or not convolutions:
        return {}
    layers = [name for name in layer_names(model, few) if name in convolutions][:MAX_LAYERS]
    if not layers:
        return {}
    heard = activations(model, few, layers)
    shown = kept_images(few)[0]
    return {
        "kernels": filters(model, layers[0])[:MAX_FILTERS].float().cpu().numpy(),
        "image": shown,
        "maps": np.stack([_stretched(heard[name], shown.shape[1:]) for name in layers]),
        "sizes": np.array([heard[name].shape[1:] for name in layers]),
    }


def _stretched(maps: Tensor, size: tuple[int, ...]) -> np.ndarray:
    few = maps[:, :MAX_MAPS].float()
    padded = F.pad(few, (0, 0, 0, 0, 0, MAX_MAPS - few.shape[1]))
    found: np.ndarray = F.interpolate(padded, size=size, mode="nearest")[0].cpu().numpy()
    return found
