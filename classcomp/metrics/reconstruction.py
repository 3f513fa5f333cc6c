"""How far reconstructed examples lie from the examples themselves."""

import math

from torch import Tensor


def squared_errors(inputs: Tensor, reconstructed: Tensor) -> Tensor:
    """Mean over coordinates of the squared error, `(B,)`, in squared input units."""
    return (reconstructed - inputs).square().flatten(1).mean(dim=1)


def psnr_db(mse: float, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio, 10 log10(peak^2 / mse), in dB, for a positive `mse`."""
    return 10 * math.log10(peak**2 / mse)
