"""Hyperparameters of every family as pure data: what may be searched, and the defaults."""

from types import ModuleType

from search_spaces import (
    autoencoder,
    beta_vae,
    denoising_autoencoder,
    gan,
    gaussian_generator,
    linear,
    linear_autoencoder,
    linear_denoiser,
    resnet,
    unet,
    unet_pretrained,
    vae_kmeans,
    vae_svm,
    vgg,
)
from search_spaces.domains import Categorical, Domain, Float, Int, Value
from search_spaces.family import FREE_WIDTH, LIMITS, FamilySpace
from search_spaces.reading import examples, own_space, restricted
from search_spaces.training import TRAINING

__all__ = [
    "FREE_WIDTH",
    "SPACES",
    "TRAINING_HYPERPARAMETERS",
    "Categorical",
    "Domain",
    "FamilySpace",
    "Float",
    "Int",
    "Value",
    "examples",
    "own_space",
    "restricted",
]

TRAINING_HYPERPARAMETERS = tuple(TRAINING)


def _family(
    module: ModuleType,
    *,
    takes: str,
    task: str = "classification",
    optional: tuple[str, ...] = (),
    teaches: bool = True,
) -> FamilySpace:
    """`optional` names what may be asked for although it is not searched by default."""
    return FamilySpace(
        space=module.SPACE,
        defaults=module.DEFAULTS,
        takes=takes,
        task=task,
        limits={n: LIMITS[n] for n in (*module.DEFAULTS, *optional, "width") if n in LIMITS},
        teaches=teaches,
    )


SPACES: dict[str, FamilySpace] = {
    "linear": _family(linear, takes="vectors"),
    "vgg": _family(vgg, takes="images", optional=("dropout",)),
    "resnet": _family(resnet, takes="images", optional=("dropout",)),
    "unet": _family(unet, takes="images", optional=("dropout",)),
    "unet_pretrained": _family(unet_pretrained, takes="images", optional=("dropout",)),
    "vae_svm": _family(vae_svm, takes="any", teaches=False),
    "vae_kmeans": _family(vae_kmeans, takes="any", teaches=False),
    "autoencoder": _family(
        autoencoder, takes="images", task="reconstruction", optional=("grid",), teaches=False
    ),
    "linear_autoencoder": _family(
        linear_autoencoder, takes="any", task="reconstruction", teaches=False
    ),
    "beta_vae": _family(
        beta_vae, takes="images", task="reconstruction", optional=("grid",), teaches=False
    ),
    "denoising_autoencoder": _family(
        denoising_autoencoder,
        takes="images",
        task="denoising",
        optional=("grid",),
        teaches=False,
    ),
    "linear_denoiser": _family(linear_denoiser, takes="any", task="denoising", teaches=False),
    "gan": _family(gan, takes="images", task="generation", teaches=False),
    "gaussian_generator": _family(
        gaussian_generator, takes="any", task="generation", teaches=False
    ),
}
