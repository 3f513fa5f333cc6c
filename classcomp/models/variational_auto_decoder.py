"""Variational auto-decoder: each example has a law of its latents, found by descent."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.models.architecture import check_real
from classcomp.models.fitted_latents import FittedConfig, FittedLatents
from classcomp.models.latent_laws import LAWS


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(FittedConfig):
    """A decoder's architecture and the laws of its latents.

    Attributes:
        law: a key of `LAWS`.
        beta: weight of the KL term; 1 is the evidence lower bound.

    Raises:
        ValueError: a value is out of range.
    """

    law: str = "gaussian"
    beta: float = 1.0

    def __post_init__(self) -> None:
        FittedConfig.__post_init__(self)
        if self.law not in tuple(LAWS):
            raise ValueError(f"law must be one of {', '.join(LAWS)}, got {self.law!r}")
        check_real("beta", self.beta, 0.0)


class VariationalAutoDecoder(FittedLatents):
    """Laws of one family for all latents; see `FittedLatents`.

    Zadeh et al. (2019), "Variational auto-decoder": the evidence lower bound is lowered in weights
    and parameters, then in the parameters of new examples alone. What is given back is decoded
    from the laws' expectations.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width, law=LAWS[config.law], weight=config.beta)

    def draw_latents(
        self, inputs: Float[Tensor, "batch c h w"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return a draw of the law that is found for each input."""
        noise = self._noise(len(inputs), generator)
        drawn: Tensor = self.law.draw(self._of_law(self.found(inputs)), noise)
        return drawn
