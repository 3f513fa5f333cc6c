"""Classifiers of which some layers may stay as they were found, and the rest is trained."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import nn

from classcomp.models.base import Classifier, Objective

ALL, LAST_FOUR, HEAD = "all", "last4", "head"


def check_trainable(value: object, allowed: Sequence[str]) -> None:
    """Raise a ValueError unless `value` names a part that can be trained."""
    if value not in allowed:
        raise ValueError(f"trainable must be one of {', '.join(allowed)}, got {value!r}")


class FineTuned(Classifier):
    """A classifier that trains the part of itself that `trainable` names.

    A frozen layer is a constant of the rule: no gradient moves it, and it stays in evaluation mode
    while the rest is trained, so that batch normalisation's running statistics stand still and
    are what normalises in training too.
    """

    trainable: str

    def frozen_layers(self) -> tuple[nn.Module, ...]:
        """Return what is not trained."""
        raise NotImplementedError

    def objectives(self) -> tuple[Objective, ...]:
        """Return the cross-entropy, by all parameters that are not frozen."""
        frozen = {p for layer in self.frozen_layers() for p in layer.parameters()}
        free = tuple(p for p in self.parameters() if p not in frozen)
        return (Objective(parameters=free, loss=self.loss),)

    def train(self, mode: bool = True) -> Self:
        """Set training mode, of what is trained."""
        super().train(mode)
        for layer in self.frozen_layers():
            layer.eval()
        return self

    def rule_of_class(self, generator: torch.Generator) -> Classifier:
        """Return this network with nothing frozen: what is trained is no bound on its rules."""
        self.trainable = ALL
        self.requires_grad_(True)
        return self
