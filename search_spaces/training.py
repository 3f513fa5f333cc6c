"""Hyperparameters of the training loop, in the space of every network that gradients train."""

from search_spaces.domains import Categorical, Domain, Float

TRAINING: dict[str, Domain] = {
    "learning_rate": Float(low=3e-4, high=3e-2, log=True, default=3e-3),
    "weight_decay": Float(low=1e-6, high=1e-1, log=True, default=1e-4),
    "batch_size": Categorical(choices=(16, 32, 64, 128), default=32),
}
