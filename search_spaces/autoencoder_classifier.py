"""Hyperparameters of `autoencoder_classifier`: the autoencoder's, then those of fine-tuning."""

from search_spaces import autoencoder
from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = autoencoder.SPACE
DEFAULTS: dict[str, Value] = autoencoder.DEFAULTS | {
    "latent_dim": 32,
    "trainable": "all",
    "fine_tuning_rate": 0.1,
}
