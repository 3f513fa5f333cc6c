"""Hyperparameters of `unet_pretrained`: a U-Net whose encoder was trained before."""

from search_spaces.domains import Categorical, Domain, Float, Value

SPACE: dict[str, Domain] = {
    "learning_rate": Float(low=3e-4, high=3e-2, log=True),
    "weight_decay": Float(low=1e-6, high=1e-1, log=True),
    "batch_size": Categorical(choices=(16, 32, 64, 128)),
}

DEFAULTS: dict[str, Value] = {
    "learning_rate": 3e-3,
    "weight_decay": 1e-4,
    "batch_size": 32,
}
