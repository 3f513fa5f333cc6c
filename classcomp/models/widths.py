"""Widths that bring every family to the same number of parameters at a depth."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import nn

from classcomp.models.architecture import ArchitectureConfig
from search_spaces.family import BUDGET_AT_DEPTH_1

CHANNEL_GROWTH = 1.5  # between 1 (narrow ends) and 2 (a first block of 5 channels at depth 5)
BUDGET_TOLERANCE = 0.10
_BISECTIONS = 12  # a relative precision of 2^-12 on the width: far below one channel
_CLOSE_ENOUGH = 0.005  # of the budget: no need to look for a nearer width


def parameter_budget(depth: int, capacity: float = 1.0) -> int:
    """Return how many parameters a network of `depth` blocks should have: it doubles.

    Args:
        depth: number of blocks or hidden layers.
        capacity: the factor of it that is asked for.
    """
    return round(BUDGET_AT_DEPTH_1 * 2.0 ** (depth - 1) * capacity)


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable numbers in `module`."""
    return sum(parameter.numel() for parameter in module.parameters())


def meets_budget(module: nn.Module, depth: int, capacity: float = 1.0) -> bool:
    """Return whether `module` is within 10% of the depth's budget, or of a factor of it."""
    share = count_parameters(module) / parameter_budget(depth, capacity)
    return abs(share - 1) <= BUDGET_TOLERANCE


def encoder_channels(width: float, depth: int) -> tuple[int, ...]:
    """Return each block's number of channels: `width * growth**i`, rounded to the nearest."""
    return tuple(max(1, round(width * CHANNEL_GROWTH**i)) for i in range(depth))


def decoder_channels(width: float, depth: int) -> tuple[int, ...]:
    """Return the decoder's channels at each of the encoder's blocks, rounded down.

    Rounding otherwise than the encoder halves the steps in which the count can change.
    """
    return tuple(max(1, math.floor(width * CHANNEL_GROWTH**i)) for i in range(depth))


@lru_cache(maxsize=1024)
def matched_width(
    make: Callable[[ArchitectureConfig, float], nn.Module],
    config: ArchitectureConfig,
    capacity: float = 1.0,
) -> float:
    """Return the width at which `make(config.counted, width)` comes nearest to its depth's budget.

    Networks are built on the meta device, where they have shapes and no storage.

    Args:
        make: the family's module class; its count does not fall as the width grows.
        config: the family's configuration.
        capacity: the factor of the budget that is to be met.

    Raises:
        ValueError: the number of parameters does not grow with the width.
    """

    def count(width: float) -> int:
        with torch.device("meta"):
            return count_parameters(make(config.counted, width))

    name = getattr(make, "__name__", repr(make))
    return nearest_width(count, parameter_budget(config.depth, capacity), name=name)


def nearest_width(count: Callable[[float], int], budget: int, *, name: str) -> float:
    """Return a real width from 1 on at which `count(width)` is within 0.5% of a budget.

    Where there is none, the width that comes nearest. `name` is the network's, for the error.

    Raises:
        ValueError: the count stays below the budget at widths above it: even a network that
            gained a single parameter with each unit of width would have reached it.
    """
    low, high = 1.0, 2.0
    if count(low) >= budget:
        return low
    while (found := count(high)) < budget:
        if high > budget:
            raise ValueError(
                f"{name}: the number of parameters does not grow with the width: {count(1.0)} at "
                f"width 1, {found} at width {high:g}, where {budget} were to be met"
            )
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        found = count(middle)
        if abs(found / budget - 1) <= _CLOSE_ENOUGH:
            return middle
        low, high = (middle, high) if found < budget else (low, middle)
    return low if budget - count(low) <= count(high) - budget else high
