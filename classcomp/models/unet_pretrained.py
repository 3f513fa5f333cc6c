"""A U-Net whose encoder first learns to classify on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from classcomp.models.base import Classifier
from classcomp.models.initialisation import initialise_layers
from classcomp.models.pooling_classifier import PoolingConfig
from classcomp.models.resnet import ResNet
from classcomp.models.unet import UNet


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(PoolingConfig):
    """A pretrained U-Net's architecture: that of the U-Net."""


class PretrainedUNet(UNet):
    """The U-Net, trained in two stages on the same sample: encoder as a ResNet, then all.

    The ResNet's linear layer serves the first stage and is not part of this network: it is
    in neither `parameters()` nor `state_dict()`, so that at a budget this network and the
    U-Net are the same one and differ by where training starts. It does follow `.to(...)`,
    and deep copies keep encoder and ResNet joined.
    """

    def __init__(self, config: PoolingConfig, width: float) -> None:
        super().__init__(config, width)
        # In a tuple, where nn.Module does not look for children.
        self._scaffold = (ResNet(config, width, encoder=self.encoder),)

    def stages(self) -> tuple[Classifier, ...]:
        """Return the encoder's classifier, sharing this network's encoder, and this network."""
        return (*self._scaffold, self)

    def initialise(self, generator: torch.Generator) -> None:
        """Set the U-Net as `unet` does for the same generator, then the scaffold's layer."""
        super().initialise(generator)
        initialise_layers(self._scaffold[0].classifier, generator)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch left it without types
        self._scaffold[0].classifier._apply(fn, recurse)
        return self
