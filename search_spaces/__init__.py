"""Hyperparameters of every family as pure data: what may be searched, and the defaults."""

from dataclasses import replace
from types import ModuleType
from typing import Any

from search_spaces import (
    auto_decoder,
    autoencoder,
    autoencoder_classifier,
    beta_vae,
    denoising_autoencoder,
    gan,
    gaussian_generator,
    latent_classifier,
    linear,
    linear_autoencoder,
    linear_denoiser,
    resnet,
    resnet18,
    resnet18_pretrained,
    robust_vae,
    unet,
    unet_pretrained,
    vae_kmeans,
    vae_svm,
    variational_auto_decoder,
    vgg,
    vq_vae,
)
from search_spaces.domains import Categorical, Domain, Float, Int, Value
from search_spaces.family import FREE_WIDTH, LIMITS, MOST_DEPTH, FamilySpace, Words
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
    trainable: tuple[str, ...] = (),
    most_depth: int = MOST_DEPTH,
    most_coordinates: int | None = None,
    grows_with_input: bool = False,
    sees_gaps: bool = False,
    meets_budget: bool = True,
) -> FamilySpace:
    """`optional` names what may be asked for although it is not searched by default.

    `trainable` are the parts of it that can be trained alone.
    """
    limits = LIMITS | ({"trainable": Words(words=trainable)} if trainable else {})
    return FamilySpace(
        space=module.SPACE,
        defaults=module.DEFAULTS,
        takes=takes,
        task=task,
        limits={n: limits[n] for n in (*module.DEFAULTS, *optional, "width") if n in limits},
        teaches=teaches,
        most_depth=most_depth,
        most_coordinates=most_coordinates,
        grows_with_input=grows_with_input,
        sees_gaps=sees_gaps,
        meets_budget=meets_budget,
    )


def _of_parts(module: ModuleType, *, takes: str) -> FamilySpace:
    """A family whose hyperparameters are those of the parts that its defaults choose."""
    plain = _family(module, takes=takes, teaches=False)
    words = {key: Words(words=tuple(parts)) for key, parts in module.PARTS.items()}
    space = replace(plain, limits={**plain.limits, **words}, parts=module.PARTS)
    for key in words:
        space = space.with_part(key, (module.DEFAULTS[key],))
    return space


_IN_TRAINING = ("dropout", "flips", "rotation")
_RESNET18: dict[str, Any] = {
    "takes": "images",
    "optional": _IN_TRAINING,
    "teaches": False,
    "trainable": ("all", "last4", "head"),
    "most_depth": 4,
    "meets_budget": False,
}

SPACES: dict[str, FamilySpace] = {
    "linear": _family(linear, takes="vectors", grows_with_input=True),
    "vgg": _family(vgg, takes="images", optional=_IN_TRAINING),
    "resnet": _family(resnet, takes="images", optional=_IN_TRAINING),
    "unet": _family(unet, takes="images", optional=_IN_TRAINING),
    "unet_pretrained": _family(unet_pretrained, takes="images", optional=_IN_TRAINING),
    "vae_svm": _family(vae_svm, takes="any", teaches=False),
    "vae_kmeans": _family(vae_kmeans, takes="any", teaches=False),
    "autoencoder": _family(
        autoencoder, takes="images", task="reconstruction", optional=("grid",), teaches=False
    ),
    "linear_autoencoder": _family(
        linear_autoencoder,
        takes="any",
        task="reconstruction",
        teaches=False,
        grows_with_input=True,
    ),
    "beta_vae": _family(
        beta_vae,
        takes="images",
        task="reconstruction",
        optional=("grid", "refining_steps", "latent_rate"),
        teaches=False,
        sees_gaps=True,
    ),
    "auto_decoder": _family(
        auto_decoder, takes="images", task="reconstruction", teaches=False, sees_gaps=True
    ),
    "variational_auto_decoder": _family(
        variational_auto_decoder,
        takes="images",
        task="reconstruction",
        teaches=False,
        sees_gaps=True,
    ),
    "robust_vae": _family(
        robust_vae, takes="images", task="reconstruction", optional=("grid",), teaches=False
    ),
    "vq_vae": _family(vq_vae, takes="images", task="reconstruction", teaches=False),
    "autoencoder_classifier": _family(
        autoencoder_classifier,
        takes="images",
        optional=("grid",),
        teaches=False,
        trainable=("all", "head"),
    ),
    "latent_classifier": _of_parts(latent_classifier, takes="images"),
    "resnet18": _family(resnet18, **_RESNET18),
    "resnet18_pretrained": _family(resnet18_pretrained, **_RESNET18),
    "denoising_autoencoder": _family(
        denoising_autoencoder,
        takes="images",
        task="denoising",
        optional=("grid",),
        teaches=False,
    ),
    "linear_denoiser": _family(
        linear_denoiser, takes="any", task="denoising", teaches=False, grows_with_input=True
    ),
    "gan": _family(gan, takes="images", task="generation", teaches=False),
    "gaussian_generator": _family(
        gaussian_generator,
        takes="any",
        task="generation",
        teaches=False,
        most_coordinates=gaussian_generator.MOST_COORDINATES,
        meets_budget=False,
    ),
}
