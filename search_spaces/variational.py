"""Hyperparameters of `vae_svm` and `vae_kmeans`, whatever stands on the latent space."""

from search_spaces.domains import Domain, Float, Int
from search_spaces.training import TRAINING

VARIATIONAL: dict[str, Domain] = TRAINING | {
    "latent_dim": Int(low=2, high=32, log=True, default=8),
    "beta": Float(low=0.1, high=4.0, log=True, default=1.0),
}
