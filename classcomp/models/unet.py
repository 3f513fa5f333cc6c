"""U-Net: the ResNet as an encoder, and a decoder joined to it by skip connections."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.blocks import DecoderLevel, PooledFeatures
from classcomp.models.pooling_classifier import PoolingClassifier, PoolingConfig
from classcomp.models.resnet import residual_encoder
from classcomp.models.widths import decoder_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(PoolingConfig):
    """A U-Net's architecture; `depth` resolutions down and as many up."""


class UNet(PoolingClassifier):
    """An image-to-image network whose full-resolution output is pooled into a class.

    Ronneberger et al. (2015), with padded convolutions and the ResNet as encoder; the last
    pooled map of the encoder is the bottleneck.
    """

    def __init__(self, config: PoolingConfig, width: float) -> None:
        super().__init__(config)
        self.encoder = residual_encoder(config, width)
        skips = self.encoder.channels
        outs = decoder_channels(width, config.depth)
        ins = (*outs[1:], skips[-1])
        self.decoder = nn.ModuleList(
            DecoderLevel(ins[i], skips[i], outs[i], self.encoder.sizes[i])
            for i in reversed(range(config.depth))
        )
        self.pool = PooledFeatures(outs[0], self.encoder.sizes[0])
        self.classifier = nn.Linear(self.pool.num_features, config.num_classes)

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the decoder's output, pooled and flattened."""
        skips, hidden = self.encoder.resolutions(inputs)
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            hidden = level(hidden, skip)
        pooled: Tensor = self.pool(hidden)
        return pooled
