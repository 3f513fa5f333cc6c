"""Hyperparameters of `variational_auto_decoder`: the auto-decoder's, with laws for its latents.

A search for the smallest reconstruction error would choose the smallest `beta`.
"""

from search_spaces.auto_decoder import DEFAULTS as _OF_POINTS
from search_spaces.auto_decoder import SPACE as _SPACE
from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = _SPACE
DEFAULTS: dict[str, Value] = {
    **{name: value for name, value in _OF_POINTS.items() if name != "latent_decay"},
    "law": "gaussian",
    "beta": 1.0,
}
