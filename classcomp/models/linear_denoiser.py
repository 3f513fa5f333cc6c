"""Linear denoiser: the affine maps, whose best is the Wiener filter, so its inf-risk is known."""

import math
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Denoiser

Config = ArchitectureConfig


class LinearDenoiser(Denoiser):
    """`depth` hidden linear layers without biases, then an affine one; images are vectors.

    No hidden layer is narrower than the d coordinates, so that at every depth the functions are the
    affine maps of R^d. The best of them has the error tr(C - C (C + tau^2 I)^-1 C) / d, C the
    covariance of clean inputs (Wiener 1949). As with `linear` (docs/adr/0006-deep-linear.md)
    that bound goes before the parameter budget. Hidden weights start orthogonal, and the last
    undoes them: at first an input is given back as it came, at every depth.
    """

    takes: ClassVar[str] = "any"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.shape = config.input_shape
        dim = math.prod(self.shape)
        hidden = max(round(width), dim)
        ends = [dim] + [hidden] * config.depth
        self.hidden = nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(ends)))
        self.out = nn.Linear(hidden, dim)

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch features"]:
        """Return the last hidden layer."""
        hidden: Tensor = self.hidden(inputs.flatten(1))
        return hidden

    def forward(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return inputs without their noise."""
        found: Tensor = self.out(self.features(inputs)).unflatten(1, self.shape)
        return found

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw orthogonal weights from `generator`; the bias starts at 0."""
        product = torch.eye(self.out.out_features)
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            nn.init.orthogonal_(layer.weight, generator=generator)
            product = layer.weight @ product
        self.out.weight.copy_(product.T)
        self.out.bias.zero_()
