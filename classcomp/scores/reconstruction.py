"""How far reconstructed examples lie from the examples themselves, and by which loss."""

import math

import torch

from classcomp.models.base import HasRobustLoss
from classcomp.tasks import Evaluation


def reconstruction_columns(evaluation: Evaluation) -> dict[str, float]:
    """`reconstruction_mse` per coordinate in squared input units, and `psnr_db`, peak 1.

    The second of images in [0, 1]: others have no peak to hold an error against.
    """
    mse = float(evaluation.reconstruction_errors.double().mean())
    found = {"reconstruction_mse": mse}
    is_image = evaluation.examples.inputs.ndim == 4 and evaluation.population.has_unit_pixels
    if is_image and mse > 0:
        found["psnr_db"] = psnr_db(mse)
    return found


@torch.no_grad()
def loss_shape_columns(evaluation: Evaluation) -> dict[str, float]:
    """`mean_alpha` and `mean_scale`, over pixels, of a robust loss whose shape is learned."""
    assert isinstance(evaluation.model, HasRobustLoss)
    shapes = evaluation.model.loss_shapes()
    if shapes is None:
        return {}
    return {"mean_alpha": float(shapes[0].mean()), "mean_scale": float(shapes[1].mean())}


def psnr_db(mse: float, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio, 10 log10(peak^2 / mse), in dB, for a positive `mse`."""
    return 10 * math.log10(peak**2 / mse)
