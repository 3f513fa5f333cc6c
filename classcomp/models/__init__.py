"""The families of models: one literal registry, and how to build a member."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from classcomp.models import (
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
from classcomp.models.architecture import ArchitectureConfig, check_real
from classcomp.models.base import Batch, Classifier, Denoiser, Model, Objective
from classcomp.models.own import OwnFamily, build_own, own_family
from classcomp.models.widths import (
    count_parameters,
    matched_width,
    meets_budget,
    parameter_budget,
)
from classcomp.trial import Network
from search_spaces import TRAINING_HYPERPARAMETERS

__all__ = [
    "FAMILIES",
    "TRAINING_HYPERPARAMETERS",
    "Batch",
    "Classifier",
    "Denoiser",
    "Family",
    "Model",
    "Objective",
    "OwnFamily",
    "build",
    "count_parameters",
    "family_of",
    "hyperparameter_names",
    "meets_budget",
    "parameter_budget",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What defines a family.

    Attributes:
        config: class of its configurations.
        module: class of its networks, called as `module(config, width)`.
        task: a key of `classcomp.tasks.TASKS`, what its models are scored by.
        width: (module, config, capacity) to the width of the network that is built.
    """

    config: type[ArchitectureConfig]
    module: type[Model]
    task: str = "classification"
    # mypy takes no class for hashable, which lru_cache asks for.
    width: Callable[[type[Model], ArchitectureConfig, float], float] = matched_width  # type: ignore[assignment]

    @property
    def takes(self) -> str:
        """What its networks see: "vectors", "images", or "any", images where there are any."""
        return self.module.takes

    @property
    def meets_budget(self) -> bool:
        """Whether the width is matched to a parameter budget."""
        # mypy takes what lru_cache returns for no function.
        return self.width is matched_width  # type: ignore[comparison-overlap]


FAMILIES: dict[str, Family] = {
    "linear": Family(config=linear.Config, module=linear.LinearNetwork),
    "vgg": Family(config=vgg.Config, module=vgg.VGG),
    "resnet": Family(config=resnet.Config, module=resnet.ResNet),
    "unet": Family(config=unet.Config, module=unet.UNet),
    "unet_pretrained": Family(config=unet_pretrained.Config, module=unet_pretrained.PretrainedUNet),
    "vae_svm": Family(config=vae_svm.Config, module=vae_svm.VAESVM),
    "vae_kmeans": Family(config=vae_kmeans.Config, module=vae_kmeans.VAEKMeans),
    "autoencoder": Family(
        config=autoencoder.Config, module=autoencoder.Autoencoder, task="reconstruction"
    ),
    "linear_autoencoder": Family(
        config=linear_autoencoder.Config,
        module=linear_autoencoder.LinearAutoencoder,
        task="reconstruction",
    ),
    "beta_vae": Family(config=beta_vae.Config, module=beta_vae.BetaVAE, task="reconstruction"),
    "robust_vae": Family(
        config=robust_vae.Config, module=robust_vae.RobustVAE, task="reconstruction"
    ),
    "vq_vae": Family(config=vq_vae.Config, module=vq_vae.VQVAE, task="reconstruction"),
    "auto_decoder": Family(
        config=auto_decoder.Config, module=auto_decoder.AutoDecoder, task="reconstruction"
    ),
    "variational_auto_decoder": Family(
        config=variational_auto_decoder.Config,
        module=variational_auto_decoder.VariationalAutoDecoder,
        task="reconstruction",
    ),
    "autoencoder_classifier": Family(
        config=autoencoder_classifier.Config, module=autoencoder_classifier.AutoencoderClassifier
    ),
    "latent_classifier": Family(
        config=latent_classifier.Config, module=latent_classifier.LatentClassifier
    ),
    "resnet18": Family(config=resnet18.Config, module=resnet18.ResNet18, width=resnet18.own_width),
    "resnet18_pretrained": Family(
        config=resnet18_pretrained.Config,
        module=resnet18_pretrained.PretrainedResNet18,
        width=resnet18.own_width,
    ),
    "denoising_autoencoder": Family(
        config=denoising_autoencoder.Config,
        module=denoising_autoencoder.DenoisingAutoencoder,
        task="denoising",
    ),
    "linear_denoiser": Family(
        config=linear_denoiser.Config, module=linear_denoiser.LinearDenoiser, task="denoising"
    ),
    "gan": Family(config=gan.Config, module=gan.GAN, task="generation"),
    "gaussian_generator": Family(
        config=gaussian_generator.Config,
        module=gaussian_generator.GaussianGenerator,
        task="generation",
        width=gaussian_generator.any_width,
    ),
}


def family_of(name: str, network: Network | None = None) -> Family | OwnFamily:
    """Return a family by name, or the user's own network as one; both say `takes` and `task`.

    Raises:
        ValueError: there is no such family, or the network cannot be loaded.
    """
    if network is not None:
        return own_family(network)
    if name not in FAMILIES:
        raise ValueError(f"family = {name!r}: allowed are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def hyperparameter_names(family: str) -> tuple[str, ...]:
    """Return the names of a family's own hyperparameters, those of training left out."""
    shared = {field.name for field in dataclasses.fields(ArchitectureConfig)}
    fields = dataclasses.fields(FAMILIES[family].config)
    return tuple(field.name for field in fields if field.name not in shared)


def build(
    family: str,
    *,
    network: Network | None = None,
    depth: int,
    capacity: float = 1.0,
    input_shape: tuple[int, ...],
    num_classes: int,
    hyperparameters: Mapping[str, Any],
    generator: torch.Generator,
) -> Model:
    """Return a family's network at a depth, its width matched to the depth's budget.

    Args:
        family: a key of `FAMILIES`, or the name of `network`.
        network: where the family is a user's own: see `own.build_own`.
        depth: number of blocks or hidden layers.
        capacity: the factor of the depth's budget that is to be met.
        input_shape: `(d,)` or `(C, H, W)`.
        num_classes: K.
        hyperparameters: values of the family's hyperparameters; those left out keep the
            configuration's defaults, `TRAINING_HYPERPARAMETERS` are ignored. A `width` among
            them is the network's, and no budget is met.
        generator: on the CPU, the only source of randomness; the global one is not touched.

    Raises:
        ValueError: an unknown family or hyperparameter, or a value out of range, or a capacity
            where no budget is met.
    """
    check_real("capacity", capacity, 0.0, above=True)
    entry = family_of(family, network)
    shape = tuple(input_shape)
    if isinstance(entry, OwnFamily):
        architecture = ArchitectureConfig(depth=depth, input_shape=shape, num_classes=num_classes)
        return build_own(
            entry,
            architecture=architecture,
            capacity=capacity,
            parameters=hyperparameters,
            generator=generator,
        )
    own = {k: v for k, v in hyperparameters.items() if k not in TRAINING_HYPERPARAMETERS}
    width = own.pop("width", None)
    names = hyperparameter_names(family)
    for name in own:
        if name not in names:
            allowed = ", ".join((*names, "width", *TRAINING_HYPERPARAMETERS))
            raise ValueError(f"{family}: unknown hyperparameter {name!r}; allowed: {allowed}")
    config = entry.config(depth=depth, input_shape=shape, num_classes=num_classes, **own)
    if capacity != 1.0 and (width is not None or not entry.meets_budget):
        raise ValueError(f"capacity = {capacity:g}: the width of {family} is matched to no budget")
    if width is None:
        width = entry.width(entry.module, config, capacity)
    else:
        check_real("width", width, 1.0)
    with torch.device("meta"):
        module = entry.module(config, width)
    module.to_empty(device="cpu")
    module.initialise(generator)
    return module
