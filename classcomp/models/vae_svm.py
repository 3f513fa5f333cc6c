"""Variational autoencoder, then a support vector machine on its latent means."""

from dataclasses import dataclass

from classcomp.models.architecture import check_real
from classcomp.models.heads import SupportVectors
from classcomp.models.vae import VAE, VAEConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(VAEConfig):
    """The autoencoder's configuration and the machine's.

    Attributes:
        svm_c: C, the penalty on margin violations.

    Raises:
        ValueError: a value is out of range.
    """

    svm_c: float = 10.0

    def __post_init__(self) -> None:
        VAEConfig.__post_init__(self)
        check_real("svm_c", self.svm_c, 0.0, above=True)


class VAESVM(VAE):
    """A VAE whose head is a support vector machine on the latent means: see `SupportVectors`."""

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width)
        self.head = SupportVectors(num_classes=config.num_classes, svm_c=config.svm_c)
