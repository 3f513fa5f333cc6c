"""Initial values from a generator that is passed in, so that a seed fixes a network."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SMALL = 0.02  # a tenth of the standard deviation before a ReLU


class DenseReLU(nn.Linear):
    """A fully connected layer followed by ReLU."""

    def forward(self, inputs: Float[Tensor, "batch in"]) -> Float[Tensor, "batch out"]:
        """Return `relu(W x + b)`."""
        return F.relu(super().forward(inputs))


class ToPixels(nn.ConvTranspose2d):
    """A transposed convolution that ends a decoder.

    It starts small, so that what comes back is at first near 0 and not far beyond the inputs'
    scale: Adam remembers the size of a gradient for a thousand steps (Kingma and Ba 2015, beta_2
    = .999), in which a squared error that began ten times too large would take steps too short.
    """


@torch.no_grad()
def initialise_layers(module: nn.Module, generator: torch.Generator) -> None:
    """Set the weights of every layer inside `module`, in the order of `modules()`.

    Layers before a ReLU: normal with variance 2 / fan_in (He et al. 2015, eq. 10). Linear
    layers that end a network: 1 / fan_in (LeCun et al. 1998, sec. 4.6); `ToPixels`: `SMALL`
    of that. Biases: 0. Of a transposed convolution fan_in is what one pixel of its output is a sum
    of.
    Batch normalisation: scale 1, shift 0, running mean 0, running variance 1.
    """
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()  # constants only, running statistics included
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            is_rectified = isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, DenseReLU))
            gain = SMALL if isinstance(layer, ToPixels) else 2.0 if is_rectified else 1.0
            fan_in = float(layer.weight[0].numel())
            if isinstance(layer, nn.ConvTranspose2d):
                fan_in = layer.weight[:, 0].numel() / math.prod(layer.stride)
            layer.weight.normal_(0.0, math.sqrt(gain / fan_in), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
