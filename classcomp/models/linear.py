"""Deep linear networks: the affine rules at every depth, so their inf-risk is known."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Classifier


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ArchitectureConfig):
    """A deep linear network's architecture; `depth` hidden layers.

    Raises:
        ValueError: `input_shape` is not `(d,)`, or another value is out of range.
    """

    def __post_init__(self) -> None:
        ArchitectureConfig.__post_init__(self)
        if len(self.input_shape) != 1:
            raise ValueError(
                f"input_shape must be (d,) for a family of vectors, got {self.input_shape!r}"
            )


class LinearNetwork(Classifier):
    """`depth` hidden linear layers without biases, then an affine one.

    Saxe et al. (2014). No hidden layer is narrower than min(d, K), so that at every depth and
    budget the functions are exactly the affine ones, R^d to R^K; only the dynamics differ.
    That bound goes before the budget: where the narrowest network exceeds it, that network is
    built. And one unit more costs d + K parameters at least, so that with long vectors no
    width may come within 10%. `widths.meets_budget` is then false: d = 3072 at depth 1, and
    with ten classes at depth 2; d = 12288 at depths 1 to 3, and with ten classes at depth 4.
    Weights start orthogonal, at which the speed of learning does not depend on depth
    (ibid., sec. 3).
    """

    takes: ClassVar[str] = "vectors"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        (dim,) = config.input_shape
        hidden = max(round(width), min(dim, config.num_classes))
        ends = [dim] + [hidden] * config.depth
        self.hidden = nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(ends)))
        self.classifier = nn.Linear(hidden, config.num_classes)

    def features(self, inputs: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch features"]:
        """Return the last hidden layer."""
        hidden: Tensor = self.hidden(inputs)
        return hidden

    def forward(self, inputs: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch classes"]:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(inputs))
        return logits

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw orthogonal weights from `generator`; the bias starts at 0."""
        for layer in (*self.hidden, self.classifier):
            nn.init.orthogonal_(layer.weight, generator=generator)
        self.classifier.bias.zero_()
