"""Hyperparameters of `beta_vae`: the autoencoder's, and the weight of the KL term.

A search for the smallest reconstruction error would choose the smallest `beta`.
"""

from search_spaces import autoencoder
from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = autoencoder.SPACE
DEFAULTS: dict[str, Value] = autoencoder.DEFAULTS | {"beta": 1.0}
