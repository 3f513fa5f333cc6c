"""Initial values from a generator that is passed in, so that a seed fixes a network."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class DenseReLU(nn.Linear):
    """A fully connected layer followed by ReLU."""

    def forward(self, inputs: Float[Tensor, "batch in"]) -> Float[Tensor, "batch out"]:
        """Return `relu(W x + b)`."""
        return F.relu(super().forward(inputs))


@torch.no_grad()
def initialise_layers(module: nn.Module, generator: torch.Generator) -> None:
    """Set the weights of every layer inside `module`, in the order of `modules()`.

    Layers before a ReLU: normal with variance 2 / fan_in (He et al. 2015, eq. 10). Linear
    layers that end a network: 1 / fan_in (LeCun et al. 1998, sec. 4.6). Biases: 0. Of a transposed
    convolution fan_in is what one pixel of its output is a sum of.
    Batch normalisation: scale 1, shift 0, running mean 0, running variance 1.
    """
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()  # constants only, running statistics included
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            gain = 1.0 if type(layer) is nn.Linear else 2.0
            fan_in = float(layer.weight[0].numel())
            if isinstance(layer, nn.ConvTranspose2d):
                fan_in = layer.weight[:, 0].numel() / math.prod(layer.stride)
            layer.weight.normal_(0.0, math.sqrt(gain / fan_in), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
