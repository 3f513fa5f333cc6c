"""Hyperparameters of `resnet18_pretrained`: the ResNet-18's, and where it starts."""

from search_spaces import resnet18
from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = resnet18.SPACE
DEFAULTS: dict[str, Value] = resnet18.DEFAULTS | {"weights": "other_classes"}
