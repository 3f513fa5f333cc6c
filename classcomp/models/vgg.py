"""VGG: convolutions, pooled, into a class."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from classcomp.models.base import Classifier, ImageConfig
from classcomp.models.blocks import Encoder, PooledFeatures, VGGBlock
from classcomp.models.widths import encoder_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ImageConfig):
    """A VGG network's architecture; `depth` blocks."""


class VGG(Classifier):
    """`depth` VGG blocks with pooling, then one linear layer: `(B, C, H, W)` to `(B, K)`.

    Simonyan and Zisserman (2015); of their three fully connected layers one remains.
    """

    takes: ClassVar[str] = "images"

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        channels, *size = config.input_shape
        widths = encoder_channels(width, config.depth)
        self.encoder = Encoder(VGGBlock, channels, widths, tuple(size))
        self.pool = PooledFeatures(widths[-1], self.encoder.out_size)
        self.classifier = nn.Linear(self.pool.num_features, config.num_classes)

    def features(self, inputs: Tensor) -> Tensor:
        """Return the pooled map, flattened, `(B, F)`."""
        return self.pool(self.encoder(inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, `(B, K)`."""
        return self.classifier(self.features(inputs))
