"""ResNet: the VGG network with a skip connection around each block."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from classcomp.models.base import Classifier, ImageConfig
from classcomp.models.blocks import Encoder, PooledFeatures, ResNetBlock
from classcomp.models.widths import encoder_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ImageConfig):
    """A residual network's architecture; `depth` blocks."""


def residual_encoder(config: ImageConfig, width: float) -> Encoder:
    """Return the residual blocks with pooling: `(B, C, H, W)` to the last map."""
    channels, *size = config.input_shape
    return Encoder(ResNetBlock, channels, encoder_channels(width, config.depth), tuple(size))


class ResNet(Classifier):
    """A residual encoder, then one linear layer: `(B, C, H, W)` to `(B, K)`.

    He et al. (2016); pooling between blocks in place of strided convolutions, as in the VGG
    network, so that the two differ by their skip connections alone.
    """

    takes: ClassVar[str] = "images"

    def __init__(self, config: ImageConfig, width: float, encoder: Encoder | None = None) -> None:
        """Build the network, around an `encoder` of another network where one is given."""
        super().__init__()
        self.encoder = encoder or residual_encoder(config, width)
        self.pool = PooledFeatures(self.encoder.channels[-1], self.encoder.out_size)
        self.classifier = nn.Linear(self.pool.num_features, config.num_classes)

    def features(self, inputs: Tensor) -> Tensor:
        """Return the pooled map, flattened, `(B, F)`."""
        return self.pool(self.encoder(inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, `(B, K)`."""
        return self.classifier(self.features(inputs))
