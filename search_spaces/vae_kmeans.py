"""Hyperparameters of `vae_kmeans`: a variational autoencoder and named clusters."""

from search_spaces.domains import Domain, Int, Value, defaults_of
from search_spaces.variational import VARIATIONAL

SPACE: dict[str, Domain] = VARIATIONAL | {
    "clusters_per_class": Int(low=1, high=8, default=1),
}
DEFAULTS: dict[str, Value] = defaults_of(SPACE)
