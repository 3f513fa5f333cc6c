"""Hyperparameters of `vae_svm`: a variational autoencoder and a support vector machine."""

from search_spaces.domains import Categorical, Domain, Float, Int, Value

SPACE: dict[str, Domain] = {
    "learning_rate": Float(low=3e-4, high=3e-2, log=True),
    "weight_decay": Float(low=1e-6, high=1e-1, log=True),
    "batch_size": Categorical(choices=(16, 32, 64, 128)),
    "latent_dim": Int(low=2, high=32, log=True),
    "beta": Float(low=0.1, high=4.0, log=True),
    "svm_c": Float(low=0.1, high=100.0, log=True),
}

DEFAULTS: dict[str, Value] = {
    "learning_rate": 3e-3,
    "weight_decay": 1e-4,
    "batch_size": 32,
    "latent_dim": 8,
    "beta": 1.0,
    "svm_c": 10.0,
}
