"""Hyperparameters of `vae_svm`: a variational autoencoder and a support vector machine."""

from search_spaces.domains import Domain, Float, Value, defaults_of
from search_spaces.variational import VARIATIONAL

SPACE: dict[str, Domain] = VARIATIONAL | {
    "svm_c": Float(low=0.1, high=100.0, log=True, default=10.0),
}
DEFAULTS: dict[str, Value] = defaults_of(SPACE)
