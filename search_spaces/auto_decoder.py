"""Hyperparameters of `auto_decoder`: a decoder, and how the latents of an example are found.

As of `autoencoder`, what is not of the training is not searched unless it is asked for: more
latents and more steps reconstruct better.
"""

from search_spaces.domains import Domain, Value, defaults_of
from search_spaces.training import TRAINING

SPACE: dict[str, Domain] = TRAINING
DEFAULTS: dict[str, Value] = defaults_of(SPACE) | {
    "latent_dim": 128,
    "latent_rate": 0.1,
    "latent_decay": 4.0,
    "inference_steps": 100,
}
