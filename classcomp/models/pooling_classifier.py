"""What `vgg`, `resnet` and `unet` end in: pooled features, dropout if asked for, a linear layer."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.architecture import ImageConfig, check_share
from classcomp.models.augmentation import Augmentation
from classcomp.models.base import Classifier
from classcomp.models.blocks import drop


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolingConfig(ImageConfig):
    """An architecture of images whose pooled features a linear layer classifies.

    Attributes:
        dropout: probability that training drops a feature, below 1.
        flips: as `Augmentation`.
        rotation: as `Augmentation`.

    Raises:
        ValueError: a value is out of range.
    """

    dropout: float = 0.0
    flips: bool = False
    rotation: float = 0.0

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)
        check_share("dropout", self.dropout)
        assert self.augmentation is not None  # a ValueError where it cannot be

    @property
    def augmentation(self) -> Augmentation:
        """What training does to images."""
        return Augmentation(flips=self.flips, rotation=self.rotation)


class PoolingClassifier(Classifier):
    """`features`, then `classifier`, one linear layer."""

    takes: ClassVar[str] = "images"
    classifier: nn.Linear

    def __init__(self, config: PoolingConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.augmentation = config.augmentation

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the pooled map, flattened."""
        raise NotImplementedError

    def forward(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(inputs))
        return logits

    def training_logits(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch classes"]:
        """Return logits, in training of images turned and features dropped at random."""
        if self.training:
            inputs = self.augmentation(inputs, generator)
        features = self.features(inputs)
        if self.training and self.dropout > 0:
            features = drop(features, self.dropout, generator)
        logits: Tensor = self.classifier(features)
        return logits
