"""Hyperparameters of `latent_classifier`: an encoder's and a head's, which two words choose.

An encoder's are those of the family of that name, with its defaults; none is searched unless it is
asked for. Of two heads or encoders in one search only what both have can be asked for.
"""

from search_spaces import autoencoder, beta_vae, robust_vae, vq_vae
from search_spaces.domains import Domain, Value, defaults_of
from search_spaces.family import LIMITS, Part, Words
from search_spaces.training import TRAINING


def _part(defaults: dict[str, Value], *optional: str) -> Part:
    own = {name: value for name, value in defaults.items() if name not in TRAINING}
    limits = LIMITS | {"trainable": Words(words=("head", "all"))}
    return Part(defaults=own, limits={name: limits[name] for name in (*own, *optional)})


_TRAINED: dict[str, Value] = {"trainable": "head", "fine_tuning_rate": 1.0}
PARTS: dict[str, dict[str, Part]] = {
    "encoder": {
        "autoencoder": _part(autoencoder.DEFAULTS, "grid"),
        "beta_vae": _part(beta_vae.DEFAULTS, "grid"),
        "robust_vae": _part(robust_vae.DEFAULTS, "grid"),
        "vq_vae": _part(vq_vae.DEFAULTS),
    },
    "head": {
        "linear": _part(_TRAINED),
        "mlp": _part(_TRAINED | {"hidden": 32}),
        "svm": _part({"svm_c": 10.0}),
        "kmeans": _part({"clusters_per_class": 1}),
        "gaussian_mixture": _part({"components": 1, "covariance": "full"}),
        "knn": _part({"neighbours": 5}),
    },
}
SPACE: dict[str, Domain] = TRAINING
DEFAULTS: dict[str, Value] = defaults_of(SPACE) | {"encoder": "beta_vae", "head": "mlp"}
