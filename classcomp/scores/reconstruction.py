"""How far reconstructed examples lie from the examples themselves."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.models.base import Reconstructs
from classcomp.tasks import Evaluation

_BATCH = 512


@torch.no_grad()
def reconstruction_columns(evaluation: Evaluation) -> dict[str, float]:
    """`reconstruction_mse` per coordinate in squared input units; of images `psnr_db`, peak 1."""
    model, inputs = evaluation.model, evaluation.examples.inputs
    assert isinstance(model, Reconstructs)
    errors = [squared_errors(batch, model.reconstruct(batch)) for batch in inputs.split(_BATCH)]
    mse = float(torch.cat(errors).double().mean())
    found = {"reconstruction_mse": mse}
    if inputs.ndim == 4 and mse > 0:
        found["psnr_db"] = psnr_db(mse)
    return found


def squared_errors(
    inputs: Float[Tensor, " batch *shape"], reconstructed: Float[Tensor, " batch *shape"]
) -> Float[Tensor, " batch"]:
    """Mean over coordinates of the squared error, in squared input units."""
    return (reconstructed - inputs).square().flatten(1).mean(dim=1)


def psnr_db(mse: float, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio, 10 log10(peak^2 / mse), in dB, for a positive `mse`."""
    return 10 * math.log10(peak**2 / mse)
