"""Auto-decoder: images from latents that are learned with the decoder, without an encoder."""

from dataclasses import dataclass

from classcomp.models.architecture import check_real
from classcomp.models.fitted_latents import FittedConfig, FittedLatents
from classcomp.models.latent_laws import Point


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(FittedConfig):
    """A decoder's architecture and the weight of its prior.

    Attributes:
        latent_decay: weight of the latents' standard normal prior: at 1 latents are those of the
            largest posterior probability, at 0 the error alone says what they are.

    Raises:
        ValueError: a value is out of range.
    """

    latent_decay: float = 4.0

    def __post_init__(self) -> None:
        FittedConfig.__post_init__(self)
        check_real("latent_decay", self.latent_decay, 0.0)


class AutoDecoder(FittedLatents):
    """Latents without spread; see `FittedLatents`.

    Bojanowski et al. (2018), "Optimizing the latent space of generative networks"; Park et al.
    (2019), DeepSDF, eq. 9 and 10. Its error is R(g) = E min_z |x - g(z)|^2 / d, and what is left
    between the latents found and the best ones.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width, law=Point(), weight=config.latent_decay)
