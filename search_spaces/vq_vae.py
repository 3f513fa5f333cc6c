"""Hyperparameters of `vq_vae`: those of training, and the codebook.

Of more codes, or of more dimensions, the error is smaller: neither is searched unless asked for.
"""

from search_spaces.domains import Domain, Value, defaults_of
from search_spaces.training import TRAINING

SPACE: dict[str, Domain] = TRAINING
DEFAULTS: dict[str, Value] = defaults_of(SPACE) | {
    "codes": 64,
    "code_dim": 8,
    "batch_norm": True,
    "flips": False,
}
