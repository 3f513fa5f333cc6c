"""Hyperparameters of `resnet18`: torchvision's ResNet-18, from random weights.

Which of its layers are trained is a question to a study, and not searched unless it is asked for.
"""

from search_spaces.domains import Domain, Value, defaults_of
from search_spaces.training import TRAINING

SPACE: dict[str, Domain] = TRAINING
DEFAULTS: dict[str, Value] = defaults_of(SPACE) | {"trainable": "all"}
