"""A network of your own: a perceptron with dropout. `python -m study.run examples/my_network.toml`

Any torch.nn.Module class will do whose constructor takes these three names, and whatever else
the study file gives or searches, and whose forward returns logits (B, K). The file stands alone:
it is copied to where the trials run, its neighbours are not.
"""

import math

import torch
from torch import nn


class Perceptron(nn.Module):
    """`depth` hidden layers: `(B, d)` or `(B, C, H, W)` to `(B, K)`.

    A parameter called `width` that the study file does not give is matched to the parameter
    budget of the depth, as in every family of this project; any other size is yours to choose.
    """

    takes = "any"  # or "vectors", or "images"; left out, it is "any"

    def __init__(
        self,
        *,
        input_shape: tuple[int, ...],  # (d,), or (C, H, W) where the population renders images
        num_classes: int,
        depth: int,
        width: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        size = math.prod(input_shape)
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, num_classes))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.layers(inputs)
