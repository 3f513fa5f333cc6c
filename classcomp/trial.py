"""A trial as plain data: what is asked, and what was found. Nothing here needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STREAMS = (
    *("data", "noise", "validation", "validation_noise", "evaluation", "selection"),
    *("init", "order"),
)
"""Names of the streams of random numbers that a trial is given seeds for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A user's own network.

    Attributes:
        name: as the study calls the family.
        path: `file.py:Class` or `module:Class`.
    """

    name: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One trial, as it is asked for.

    Attributes:
        role: a key of `classcomp.designs.DESIGNS`.
        family: a key of `classcomp.models.FAMILIES`, or the name of `network`.
        depth: the family's one dial of size.
        population_name: of the undistorted law.
        population_parameters: the law's own.
        distortion: the damage done to it; "none" where there is none.
        severity: of the distortion, in its units.
        num_train: training examples; of `best_in_class` the stream's length.
        budget_epochs: T, epochs until the budgeted result.
        max_epochs: epochs at which convergence is given up.
        hyperparameters: the training loop's and the family's, by name.
        streams: seeds by the names of `STREAMS`.
        network: where the family is a user's own.
    """

    role: str
    family: str
    depth: int
    population_name: str
    population_parameters: Mapping[str, Any] = field(default_factory=dict)
    distortion: str = "none"
    severity: float = 0.0
    num_train: int
    budget_epochs: int
    max_epochs: int
    hyperparameters: Mapping[str, Any]
    streams: Mapping[str, int]
    network: Network | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A trial after one pass; a row of `curves.parquet`.

    Attributes:
        step: optimizer steps so far, all stages.
        epoch: passes so far, all stages.
        train_loss: mean objective over the pass, nats where it is a likelihood; None where the
            family has none.
        train_risk: the task's risk on the (noisy) training sample, or None where it was not
            computed.
        validation_risk: on the search's validation examples, or None.
        gradient_norm: at the pass's last step; None where there is no gradient.
        wall_s: seconds of computation so far.
    """

    step: int
    epoch: int
    train_loss: float | None
    train_risk: float | None
    validation_risk: float | None
    gradient_norm: float | None
    wall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a finished trial found: columns of the trial table by name, and its curve."""

    metrics: Mapping[str, float | int | bool | None]
    curves: tuple[Progress, ...]


# Streams that follow from those of a trial. These sums are the numbers of identity version 1, kept
# so that no finished trial changes; they are written here and nowhere else.


def head_seed(streams: Mapping[str, int]) -> int:
    """The seed of what a model draws where it is fitted by other means than gradients."""
    return streams["init"] + 1


def order_seed(streams: Mapping[str, int], stage: int) -> int:
    """The seed of a training stage's order and of the draws in its losses; stages from 0."""
    return streams["order"] + stage


def head_examples_seed(streams: Mapping[str, int]) -> list[int]:
    """The seed of those examples of an endless stream that a model's head is fitted on."""
    return [streams["data"], 1, 1]
