"""Hyperparameters of `linear_denoiser`: the affine maps, learned by gradients."""

from search_spaces.domains import Domain, Value, defaults_of
from search_spaces.training import TRAINING

SPACE: dict[str, Domain] = TRAINING
DEFAULTS: dict[str, Value] = defaults_of(SPACE)
