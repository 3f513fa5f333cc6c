"""An autoencoder's encoder, fine-tuned to classify."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.architecture import check_real
from classcomp.models.augmentation import turned_at_random
from classcomp.models.autoencoder import Autoencoder
from classcomp.models.base import Batch, Classifier, Model, Objective
from classcomp.models.convolutional_coders import CoderConfig, weight_penalty
from classcomp.models.fine_tuning import ALL, HEAD, FineTuned, check_trainable
from classcomp.models.initialisation import initialise_layers


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(CoderConfig):
    """The autoencoder's configuration and that of its fine-tuning.

    Attributes:
        trainable: what the second stage trains: "all", or "head", the linear layer alone.
        fine_tuning_rate: factor on the learning rate in the second stage, of all that it trains.

    Raises:
        ValueError: a value is out of range.
    """

    latent_dim: int = 32
    trainable: str = ALL
    fine_tuning_rate: float = 0.1

    def __post_init__(self) -> None:
        CoderConfig.__post_init__(self)
        check_trainable(self.trainable, (ALL, HEAD))
        check_real("fine_tuning_rate", self.fine_tuning_rate, 0.0, above=True)


class AutoencoderClassifier(FineTuned):
    """The encoder of `autoencoder`, and a linear layer on its latent one.

    Trained in two stages on the same sample (Hinton and Salakhutdinov 2006): as an autoencoder,
    without labels, then by cross-entropy at a smaller rate. The decoder serves the first stage and
    is not part of this network: it is in neither `parameters()` nor `state_dict()`, and what
    classifies meets the budget by itself. Penalties and flips are those of both stages.
    """

    takes: ClassVar[str] = "images"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.trainable, self.rate = config.trainable, config.fine_tuning_rate
        autoencoder = Autoencoder(config, width)
        # In a tuple, where nn.Module does not look for children.
        self._scaffold = (autoencoder,)
        self.encoder, self.latent = autoencoder.encoder, autoencoder.latent
        self.classifier = nn.Linear(config.latent_dim, config.num_classes)

    def frozen_layers(self) -> tuple[nn.Module, ...]:
        """Return what the second stage does not train."""
        return (self.encoder, self.latent) if self.trainable == HEAD else ()

    def stages(self) -> tuple[Model, ...]:
        """Return the autoencoder, sharing this network's encoder, and this network."""
        return (*self._scaffold, self)

    def objectives(self) -> tuple[Objective, ...]:
        """Return the cross-entropy, at the rate of fine-tuning."""
        return tuple(replace(whole, rate=self.rate) for whole in super().objectives())

    def features(
        self,
        inputs: Float[Tensor, "batch channels height width"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch latents"]:
        """Return the latent layer; training draws what it drops from `generator`."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen_layers()):
            latents: Tensor = self.latent(self.encoder(inputs, generator))
        return latents

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(inputs))
        return logits

    def training_logits(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch classes"]:
        """Return logits, in training of images turned and units dropped at random."""
        if self.training and self._scaffold[0].flips:
            inputs = turned_at_random(inputs, generator)
        logits: Tensor = self.classifier(self.features(inputs, generator))
        return logits

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean cross-entropy, in nats, and the penalties on this network's weights."""
        first = self._scaffold[0]
        found: Tensor = super().loss(batch, generator) + weight_penalty(
            self, l1=first.l1, l2=first.l2
        )
        return found

    def initialise(self, generator: torch.Generator) -> None:
        """Set this network, then the decoder."""
        super().initialise(generator)
        initialise_layers(self._scaffold[0].decoder, generator)

    def rule_of_class(self, generator: torch.Generator) -> Classifier:
        """Return this network with nothing frozen and nothing dropped."""
        self.encoder.dropout = 0.0
        return super().rule_of_class(generator)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch left it without types
        self._scaffold[0].decoder._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self
