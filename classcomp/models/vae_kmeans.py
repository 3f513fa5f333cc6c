"""Variational autoencoder, then k-means clusters of its latent means named after classes."""

from dataclasses import dataclass

from classcomp.models.architecture import check_integer
from classcomp.models.heads import NamedClusters
from classcomp.models.vae import VAE, VAEConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(VAEConfig):
    """The autoencoder's configuration and the clusters'.

    Attributes:
        clusters_per_class: clusters are this many times the number of classes.

    Raises:
        ValueError: a value is out of range.
    """

    clusters_per_class: int = 1

    def __post_init__(self) -> None:
        VAEConfig.__post_init__(self)
        check_integer("clusters_per_class", self.clusters_per_class, 1)


class VAEKMeans(VAE):
    """A VAE whose head is k-means on the latent means: see `NamedClusters`."""

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width)
        self.head = NamedClusters(
            num_classes=config.num_classes, clusters_per_class=config.clusters_per_class
        )
