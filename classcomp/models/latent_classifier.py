"""A head on the latents of an encoder that has learned them without labels."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models import autoencoder, beta_vae, robust_vae, vq_vae
from classcomp.models.architecture import ImageConfig, check_integer, check_real
from classcomp.models.augmentation import turned_at_random
from classcomp.models.base import Batch, Classifier, Model, Objective
from classcomp.models.convolutional_coders import ConvolutionalEncoder, weight_penalty
from classcomp.models.fine_tuning import ALL, HEAD, FineTuned, check_trainable
from classcomp.models.heads import HEADS, Head
from classcomp.models.initialisation import DenseReLU, initialise_layers
from classcomp.models.on_features import OnFeatures
from classcomp.models.vector_quantiser import VectorQuantiser

Learner = autoencoder.Autoencoder | beta_vae.BetaVAE | vq_vae.VQVAE
"""Has `features`, which are latents, `latent_dim` and `training_latents`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """A family that a head can stand on.

    Attributes:
        config: class of its configurations.
        module: class of its networks.
        parts: its children that `features` are computed by.
    """

    config: type[ImageConfig]
    module: Callable[[Any, float], Learner]
    parts: tuple[str, ...] = ("encoder", "latent")


ENCODERS: dict[str, Encoder] = {
    "autoencoder": Encoder(config=autoencoder.Config, module=autoencoder.Autoencoder),
    "beta_vae": Encoder(config=beta_vae.Config, module=beta_vae.BetaVAE),
    "robust_vae": Encoder(config=robust_vae.Config, module=robust_vae.RobustVAE),
    "vq_vae": Encoder(
        config=vq_vae.Config, module=vq_vae.VQVAE, parts=("encoder", "latent", "quantiser")
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Linear:
    """A linear layer on the latents, trained by cross-entropy.

    Attributes:
        num_classes: K.
        trainable: what its stage trains: "head", the encoder being frozen, or "all".
        fine_tuning_rate: factor on the learning rate in that stage, of all that it trains.

    Raises:
        ValueError: a value is out of range.
    """

    num_classes: int
    trainable: str = HEAD
    fine_tuning_rate: float = 1.0

    def __post_init__(self) -> None:
        check_trainable(self.trainable, (HEAD, ALL))
        check_real("fine_tuning_rate", self.fine_tuning_rate, 0.0, above=True)

    def layers(self, num_latents: int) -> nn.Module:
        """Return the layers from latents to logits."""
        return nn.Linear(num_latents, self.num_classes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Perceptron(Linear):
    """A perceptron of one hidden layer.

    Attributes:
        hidden: units of the hidden layer.
    """

    hidden: int = 32

    def __post_init__(self) -> None:
        Linear.__post_init__(self)
        check_integer("hidden", self.hidden, 1)

    def layers(self, num_latents: int) -> nn.Module:
        """Return the layers from latents to logits."""
        last = nn.Linear(self.hidden, self.num_classes)
        return nn.Sequential(DenseReLU(num_latents, self.hidden), last)


KINDS: dict[str, type[Linear] | type[Head]] = {"linear": Linear, "mlp": Perceptron, **HEADS}
_ARCHITECTURE = tuple(field.name for field in fields(ImageConfig))


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ImageConfig):
    """An encoder, a head, and what is asked of either; None: its own default.

    Attributes:
        encoder: a key of `ENCODERS`.
        head: a key of `KINDS`.

    All others are of the encoder's configuration or of the head's class.

    Raises:
        ValueError: a value is out of range, or of another encoder or head.
    """

    encoder: str = "beta_vae"
    head: str = "mlp"
    latent_dim: int | None = None
    dropout: float | None = None
    l1: float | None = None
    l2: float | None = None
    batch_norm: bool | None = None
    flips: bool | None = None
    grid: int | None = None
    beta: float | None = None
    loss: str | None = None
    scale: float | None = None
    codes: int | None = None
    code_dim: int | None = None
    trainable: str | None = None
    fine_tuning_rate: float | None = None
    hidden: int | None = None
    svm_c: float | None = None
    clusters_per_class: int | None = None
    components: int | None = None
    covariance: str | None = None
    neighbours: int | None = None

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)
        for key, words in (("encoder", tuple(ENCODERS)), ("head", tuple(KINDS))):
            if getattr(self, key) not in words:
                allowed = ", ".join(words)
                raise ValueError(f"{key} must be one of {allowed}, got {getattr(self, key)!r}")
        own = (*self._of(ENCODERS[self.encoder].config), *self._of(KINDS[self.head]))
        for name, value in self._asked().items():
            if name not in own:
                raise ValueError(
                    f"{name} = {value!r}: neither encoder = {self.encoder!r} nor head = "
                    f"{self.head!r} has any; they have {', '.join(own)}"
                )
        self.of_encoder()
        self.of_head()

    def of_encoder(self) -> ImageConfig:
        """Return the encoder's configuration."""
        kind = ENCODERS[self.encoder].config
        architecture = {name: getattr(self, name) for name in _ARCHITECTURE}
        return kind(**architecture, **self._asked(self._of(kind)))

    def of_head(self) -> Linear | Head:
        """Return the head, which is not fitted."""
        kind = KINDS[self.head]
        return kind(num_classes=self.num_classes, **self._asked(self._of(kind)))

    def _of(self, kind: type[Any]) -> tuple[str, ...]:
        return tuple(f.name for f in fields(kind) if f.name not in _ARCHITECTURE)

    def _asked(self, names: tuple[str, ...] | None = None) -> dict[str, Any]:
        """What is given of the hyperparameters that are not the family's own, by name."""
        others = [f.name for f in fields(self) if f.name not in (*_ARCHITECTURE, "encoder", "head")]
        asked = {name: getattr(self, name) for name in others if names is None or name in names}
        return {name: value for name, value in asked.items() if value is not None}


class LatentClassifier(FineTuned, OnFeatures):
    """An encoder of the project and a head on its latents, in two stages on the same sample.

    First the encoder is trained as the family that it is, decoder, objective and all, without
    labels. Then the head is: by cross-entropy, the encoder frozen or not, or fitted by scikit-learn
    on the latents as evaluation has them. A head that is trained sees latents as the encoder's own
    training has them, of a variational one draws of q(z|x), and the means in evaluation.

    What does not compute `features` - decoder, layer of log variances - serves the first stage, and
    the draws. It is in neither `parameters()` nor `state_dict()`, so that what classifies meets the
    budget by itself, and the second stage does not move it. Penalties and flips are those of both
    stages.
    """

    takes: ClassVar[str] = "images"
    classifier: nn.Module | None
    is_rule: bool = False

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        entry, head = ENCODERS[config.encoder], config.of_head()
        first = entry.module(config.of_encoder(), width)
        # In a tuple, where nn.Module does not look for children.
        self._scaffold = (first,)
        self.parts = entry.parts
        for name in self.parts:
            self.add_module(name, first.get_submodule(name))
        self.l1, self.l2, self.flips = config.l1 or 0.0, config.l2 or 0.0, first.flips
        self.num_classes = config.num_classes
        self.trainable, self.rate, self.classifier = HEAD, 1.0, None
        if isinstance(head, Linear):
            self.trainable, self.rate = head.trainable, head.fine_tuning_rate
            self.classifier = head.layers(first.latent_dim)
        else:
            self.head = head

    def initialise(self, generator: torch.Generator) -> None:
        """Set the encoder as its own family does, then the head."""
        self._scaffold[0].initialise(generator)
        if self.classifier is not None:
            initialise_layers(self.classifier, generator)

    def frozen_layers(self) -> tuple[nn.Module, ...]:
        """Return what the second stage does not train."""
        return tuple(map(self.get_submodule, self.parts)) if self.trainable == HEAD else ()

    def stages(self) -> tuple[Model, ...]:
        """Return the encoder's own family, sharing this network's encoder, and this network."""
        return (*self._scaffold, self)

    def objectives(self) -> tuple[Objective, ...]:
        """Return the cross-entropy; none where the head is fitted."""
        if self.classifier is None:
            return ()
        return tuple(replace(whole, rate=self.rate) for whole in super().objectives())

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch latents"]:
        """Return the latents."""
        with self._gradients():
            return self._scaffold[0].features(inputs)

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Return logits; of a fitted head log probabilities."""
        if self.classifier is None:
            return self.predict_proba(inputs).log()
        logits: Tensor = self.classifier(self.features(inputs))
        return logits

    def training_logits(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch classes"]:
        """Return logits of latents that are drawn, in training of images turned at random."""
        assert self.classifier is not None, "what is fitted has no logits in training"
        if self.training and self.flips:
            inputs = turned_at_random(inputs, generator)
        with self._gradients():
            latents = (
                self.features(inputs)
                if self.is_rule
                else self._scaffold[0].training_latents(inputs, generator)
            )
        logits: Tensor = self.classifier(latents)
        return logits

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean cross-entropy, in nats, and the penalties on this network's weights."""
        found: Tensor = super().loss(batch, generator)
        return found + weight_penalty(self, l1=self.l1, l2=self.l2)

    def rule_of_class(self, generator: torch.Generator) -> Classifier:
        """Return this network with nothing frozen, dropped or drawn, and codes that are parameters.

        A linear layer takes the place of a head that is fitted, as in `vae_svm`.
        """
        if self.classifier is None:
            self.head = None
            self.classifier = nn.Linear(self._scaffold[0].latent_dim, self.num_classes)
            initialise_layers(self.classifier, generator)
            self.classifier.to(next(self.parameters()).device)
        self.is_rule = True
        for layer in self.modules():
            if isinstance(layer, ConvolutionalEncoder):
                layer.dropout = 0.0
            elif isinstance(layer, VectorQuantiser):
                layer.free()
        return super().rule_of_class(generator)

    def pass_through(self, inputs: Float[Tensor, "batch channels height width"]) -> None:
        """Send `inputs` through the encoder, and through the head where it has layers."""
        latents = self.features(inputs)
        if self.classifier is not None:
            self.classifier(latents)

    def train(self, mode: bool = True) -> Self:
        """Set training mode, of what is trained."""
        self._scaffold[0].train(mode and self.trainable == ALL)
        return super().train(mode)

    def _gradients(self) -> torch.set_grad_enabled:
        return torch.set_grad_enabled(torch.is_grad_enabled() and self.trainable == ALL)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._scaffold[0]._apply(fn)  # type: ignore[no-untyped-call]  # torch left it without types
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self
