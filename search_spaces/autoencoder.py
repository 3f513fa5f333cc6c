"""Hyperparameters of `autoencoder`: images through a bottleneck and back.

What is not of the training is not searched unless it is asked for: of two latent dimensions the
larger reconstructs better, so that a search would choose its upper end.
"""

from search_spaces.domains import Domain, Value, defaults_of
from search_spaces.training import TRAINING

SPACE: dict[str, Domain] = TRAINING
DEFAULTS: dict[str, Value] = defaults_of(SPACE) | {
    "latent_dim": 8,
    "dropout": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "batch_norm": True,
    "flips": False,
}
