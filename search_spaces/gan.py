"""Hyperparameters of `gan`: those of training, with the defaults of Radford et al. (2016).

They give no weight decay; the default of 1e-4 shrinks a weight by 2e-8 of itself at a step.
"""

from search_spaces.domains import Categorical, Domain, Float, Value, defaults_of
from search_spaces.training import TRAINING

SPACE: dict[str, Domain] = TRAINING | {
    "learning_rate": Float(low=3e-5, high=3e-3, log=True, default=2e-4),
    "batch_size": Categorical(choices=(16, 32, 64, 128), default=128),
}
DEFAULTS: dict[str, Value] = defaults_of(SPACE) | {"noise_dim": 32}
