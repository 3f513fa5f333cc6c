"""VGG: convolutions, pooled, into a class."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.blocks import Encoder, PooledFeatures, VGGBlock
from classcomp.models.pooling_classifier import PoolingClassifier, PoolingConfig
from classcomp.models.widths import encoder_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(PoolingConfig):
    """A VGG network's architecture; `depth` blocks."""


class VGG(PoolingClassifier):
    """`depth` VGG blocks with pooling, then one linear layer.

    Simonyan and Zisserman (2015); of their three fully connected layers one remains.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config)
        channels, rows, columns = config.input_shape
        widths = encoder_channels(width, config.depth)
        self.encoder = Encoder(VGGBlock, channels, widths, (rows, columns))
        self.pool = PooledFeatures(widths[-1], self.encoder.out_size)
        self.classifier = nn.Linear(self.pool.num_features, config.num_classes)

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the pooled map, flattened."""
        pooled: Tensor = self.pool(self.encoder(inputs))
        return pooled
