"""A Gaussian fitted to the examples: the least that a generator should be better than."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Model, Objective
from classcomp.models.gaussian_latents import draw_normal
from search_spaces.gaussian_generator import MOST_COORDINATES


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ArchitectureConfig):
    """A Gaussian's dimension; of every depth it is the same.

    Raises:
        ValueError: more coordinates than a covariance matrix is fitted of, or a value out of range.
    """

    def __post_init__(self) -> None:
        ArchitectureConfig.__post_init__(self)
        if math.prod(self.input_shape) > MOST_COORDINATES:
            raise ValueError(
                f"input_shape must have {MOST_COORDINATES} coordinates at most for a fitted "
                f"Gaussian, got {self.input_shape!r}"
            )


class GaussianGenerator(Model):
    """N(m, S) with the sample's mean and covariance, of largest likelihood; nothing is trained.

    Before it is fitted it is N(0, I). Pixels are coordinates like any other, and have no bounds.
    """

    takes: ClassVar[str] = "any"
    needs_head: ClassVar[bool] = True
    mean: Float[Tensor, " d"]
    root: Float[Tensor, "d d"]

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.shape, dim = config.input_shape, math.prod(config.input_shape)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("root", torch.eye(dim))

    def initialise(self, generator: torch.Generator) -> None:
        """Set N(0, I); nothing is drawn."""
        self.mean.zero_()
        self.root.copy_(torch.eye(len(self.mean)))

    def objectives(self) -> tuple[Objective, ...]:
        """Return none: it is fitted."""
        return ()

    @torch.no_grad()
    def fit_head(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit mean and covariance; of fewer examples than coordinates the latter is singular."""
        flat = inputs.flatten(1).double()
        centred = flat - flat.mean(dim=0)
        variances, axes = torch.linalg.eigh(centred.T @ centred / len(flat))
        self.mean.copy_(flat.mean(dim=0))
        self.root.copy_(axes * variances.clamp(min=0).sqrt())

    def pass_through(self, inputs: Float[Tensor, " batch *shape"]) -> None:
        """Do nothing: there is no layer."""

    def sample(self, num: int, generator: torch.Generator) -> Float[Tensor, " num *shape"]:
        """Return draws of the Gaussian."""
        noise = draw_normal((num, len(self.mean)), self.mean, generator)
        drawn: Tensor = (self.mean + noise @ self.root.T).unflatten(1, self.shape)
        return drawn


def any_width(module: type[Model], config: ArchitectureConfig, capacity: float) -> float:
    """Return 1: there is nothing to be wide."""
    return 1.0
