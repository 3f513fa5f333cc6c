"""ResNet-18 as torchvision has it, so that weights that were trained elsewhere fit into it."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.architecture import check_integer
from classcomp.models.fine_tuning import ALL, HEAD, LAST_FOUR, FineTuned, check_trainable
from classcomp.models.pooling_classifier import PoolingClassifier, PoolingConfig

MOST_DEPTH = 4
WIDTH = 64
"""Channels of the first stage, of the network that goes by the name."""
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, red, green and blue: what its weights expect inputs to be scaled by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(PoolingConfig):
    """A ResNet-18 or its first stages.

    Attributes:
        depth: how many of its four stages there are, of two blocks each; 4 is ResNet-18.
        trainable: "all"; "last4": of the 18 layers with weights that the name counts the last
            four, three convolutions with their normalisations and the linear layer; "head": the
            linear layer.

    Raises:
        ValueError: a value is out of range.
    """

    trainable: str = ALL

    def __post_init__(self) -> None:
        PoolingConfig.__post_init__(self)
        check_integer("depth", self.depth, 1, MOST_DEPTH)
        check_trainable(self.trainable, (ALL, LAST_FOUR, HEAD))
        if self.input_shape[0] not in (1, 3):
            raise ValueError(
                f"input_shape: images must have 1 or 3 channels, got {self.input_shape!r}"
            )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a skip connection (He et al. 2016, fig. 5 left, option B)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = nn.Sequential()  # the identity, as torchvision's state dict has it
        if stride > 1 or in_channels != out_channels:
            skip = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(skip, nn.BatchNorm2d(out_channels))

    def forward(
        self, hidden: Float[Tensor, "batch in height width"]
    ) -> Float[Tensor, "batch out _ _"]:
        """Return the rectified sum."""
        inner = F.relu(self.bn1(self.conv1(hidden)))
        return F.relu(self.bn2(self.conv2(inner)) + self.downsample(hidden))


class Body(nn.Module):
    """Everything before the pooling, its parameters named as torchvision names them."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.num_features = width
        self.stages: list[str] = []
        for stage in range(depth):
            channels = width * 2**stage
            first = BasicBlock(self.num_features, channels, stride=1 if stage == 0 else 2)
            self.stages.append(f"layer{stage + 1}")
            blocks = nn.Sequential(first, BasicBlock(channels, channels, stride=1))
            self.add_module(self.stages[-1], blocks)
            self.num_features = channels

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch features _ _"]:
        """Return the last map."""
        hidden: Tensor = F.relu(self.bn1(self.conv1(images)))
        hidden = F.max_pool2d(hidden, 3, stride=2, padding=1)
        for stage in self.stages:
            hidden = self.get_submodule(stage)(hidden)
        return hidden

    def before_last_convolutions(self) -> tuple[nn.Module, ...]:
        """Return all layers but the last three convolutions and what normalises these."""
        last = self.get_submodule(self.stages[-1])
        kept = {last[0].conv2, last[0].bn2, *last[1].modules()}  # type: ignore[index]  # Sequential
        leaves = (layer for layer in self.modules() if not list(layer.children()))
        return tuple(layer for layer in leaves if layer not in kept)


class ResNet18(FineTuned, PoolingClassifier):
    """A ResNet-18 (He et al. 2016, table 1) at the images' own size.

    Grey images become three equal channels. The stem keeps its stride of 4, so that 28x28 pixels
    are 7x7 cells after it and one at depth 4: what is pretrained fits, and a step costs a 64th of
    what it would at the 224x224 of ImageNet. Its width follows no budget.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config)
        self.trainable = config.trainable
        self.body = Body(round(width), config.depth)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(self.body.num_features, config.num_classes)
        for layer in self.frozen_layers():
            layer.requires_grad_(False)  # no gradient is computed that nobody asks for

    def frozen_layers(self) -> tuple[nn.Module, ...]:
        """Return what is not trained."""
        if self.trainable == LAST_FOUR:
            return self.body.before_last_convolutions()
        return (self.body,) if self.trainable == HEAD else ()

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the last map's means."""
        images = inputs.expand(-1, 3, -1, -1)
        mean, sd = (images.new_tensor(values)[:, None, None] for values in (MEAN, SD))
        pooled: Tensor = self.pool(self.body((images - mean) / sd))
        return pooled


def own_width(module: object, config: object, capacity: float) -> float:
    """Return the width of the network that goes by the name."""
    return float(WIDTH)
