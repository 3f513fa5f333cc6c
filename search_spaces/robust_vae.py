"""Hyperparameters of `robust_vae`: the autoencoder's, the loss, its scale, the KL term's weight.

None is searched unless it is asked for: a search for the smallest squared error on clean data would
choose l2, and the smallest `scale` and `beta` with it.
"""

from search_spaces import autoencoder
from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = autoencoder.SPACE
DEFAULTS: dict[str, Value] = autoencoder.DEFAULTS | {
    "loss": "charbonnier",
    "scale": 0.1,
    "beta": 1.0,
}
