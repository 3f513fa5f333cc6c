"""ResNet: the VGG network with a skip connection around each block."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.blocks import Encoder, PooledFeatures, ResNetBlock
from classcomp.models.pooling_classifier import PoolingClassifier, PoolingConfig
from classcomp.models.widths import encoder_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(PoolingConfig):
    """A residual network's architecture; `depth` blocks."""


def residual_encoder(config: PoolingConfig, width: float) -> Encoder:
    """Return the residual blocks with pooling, up to the last map."""
    channels, rows, columns = config.input_shape
    widths = encoder_channels(width, config.depth)
    return Encoder(ResNetBlock, channels, widths, (rows, columns))


class ResNet(PoolingClassifier):
    """A residual encoder, then one linear layer.

    He et al. (2016); pooling between blocks in place of strided convolutions, as in the VGG
    network, so that the two differ by their skip connections alone.
    """

    def __init__(self, config: PoolingConfig, width: float, encoder: Encoder | None = None) -> None:
        """Build the network, around an `encoder` of another network where one is given."""
        super().__init__(config)
        self.encoder = encoder or residual_encoder(config, width)
        self.pool = PooledFeatures(self.encoder.channels[-1], self.encoder.out_size)
        self.classifier = nn.Linear(self.pool.num_features, config.num_classes)

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the pooled map, flattened."""
        pooled: Tensor = self.pool(self.encoder(inputs))
        return pooled
