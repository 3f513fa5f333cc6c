"""ResNet-18 from weights that were learned elsewhere."""

from dataclasses import dataclass
from typing import ClassVar

from classcomp.models import resnet18
from classcomp.models.resnet18 import ResNet18
from search_spaces.family import PRETRAINED_WEIGHTS, is_content


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(resnet18.Config):
    """A ResNet-18 and where it starts.

    Attributes:
        weights: what its body starts from: "other_classes", "imagenet", or a file's content as
            `sha256=...` (see `classcomp.pretraining`).

    Raises:
        ValueError: a value is out of range.
    """

    weights: str = "other_classes"

    def __post_init__(self) -> None:
        resnet18.Config.__post_init__(self)
        if not (PRETRAINED_WEIGHTS.contains(self.weights) or is_content(self.weights)):
            raise ValueError(f"weights must be {PRETRAINED_WEIGHTS}, got {self.weights!r}")


class PretrainedResNet18(ResNet18):
    """The ResNet-18 that a trial starts from pretrained weights, of its body alone.

    As built it is `resnet18` of the same generator, whose linear layer it keeps. Yosinski et al.
    (2014) compare the two, and how many layers to train.
    """

    starts_pretrained: ClassVar[bool] = True
