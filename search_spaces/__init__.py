"""Hyperparameters of every family as pure data: what may be searched, and the defaults."""

from dataclasses import dataclass

from search_spaces import linear, resnet, unet, unet_pretrained, vae_kmeans, vae_svm, vgg
from search_spaces.domains import Categorical, Domain, Float, Int, Value

__all__ = [
    "SPACES",
    "TRAINING_HYPERPARAMETERS",
    "Categorical",
    "Domain",
    "FamilySpace",
    "Float",
    "Int",
    "Value",
]

# In every family's space; the training loop's, not the network's.
TRAINING_HYPERPARAMETERS = ("learning_rate", "weight_decay", "batch_size")


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilySpace:
    """A family's search space, and the values used where nothing is searched."""

    space: dict[str, Domain]
    defaults: dict[str, Value]


SPACES: dict[str, FamilySpace] = {
    "linear": FamilySpace(space=linear.SPACE, defaults=linear.DEFAULTS),
    "vgg": FamilySpace(space=vgg.SPACE, defaults=vgg.DEFAULTS),
    "resnet": FamilySpace(space=resnet.SPACE, defaults=resnet.DEFAULTS),
    "unet": FamilySpace(space=unet.SPACE, defaults=unet.DEFAULTS),
    "unet_pretrained": FamilySpace(space=unet_pretrained.SPACE, defaults=unet_pretrained.DEFAULTS),
    "vae_svm": FamilySpace(space=vae_svm.SPACE, defaults=vae_svm.DEFAULTS),
    "vae_kmeans": FamilySpace(space=vae_kmeans.SPACE, defaults=vae_kmeans.DEFAULTS),
}
