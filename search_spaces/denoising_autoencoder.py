"""Hyperparameters of `denoising_autoencoder`: those of `autoencoder`, around a wider bottleneck."""

from search_spaces import autoencoder
from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = autoencoder.SPACE
DEFAULTS: dict[str, Value] = autoencoder.DEFAULTS | {"latent_dim": 16}
