"""A trial as plain data: what is asked, and what was found. Nothing here needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STREAMS = (
    *("data", "noise", "damage", "split", "head_examples", "validation", "validation_noise"),
    *("evaluation", "selection", "init", "head", "teacher", "order", "loss", "folds"),
    *("corruption", "validation_corruption", "evaluation_corruption"),
)
"""Names of the streams of random numbers that a trial is given seeds for."""
CLOCKS = ("wall_s", "cpu_s", "inference_s")
"""Metrics that are times: all others are the same whenever a trial is run again."""


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
        num_train: training examples; on a fresh stream its length.
        unit: of `budget` and `most`: "epochs" or "steps".
        budget: T, when the budgeted result is taken.
        most: when convergence is given up; equal to `budget` where it is not asked for.
        hyperparameters: the training loop's and the family's, by name.
        streams: seeds by the names of `STREAMS`.
        num_validation: examples that a proposal is scored on; None where nothing is searched.
        fold: (number, of how many) of the part of the sample that is left out and scored on; None
            where none is.
        network: where the family is a user's own.
        scored_under: kinds of corruption (`classcomp.corruption.CORRUPTIONS`) under which the
            rule of T is scored too.
        until: "settled": the trunk ends where the training has settled, at `most` at the latest;
            "end": it goes on to `most` whatever it does.
        traced: points of the trunk at which the risk is looked at too; 0: none.
        weights: the file that a hyperparameter of this name is the content of; None where it is a
            word, or a file's name itself.
        capacity: the factor of the depth's parameter budget that the width is matched to.
    """

    role: str
    family: str
    depth: int
    population_name: str
    population_parameters: Mapping[str, Any] = field(default_factory=dict)
    distortion: str = "none"
    severity: float = 0.0
    num_train: int
    unit: str = "epochs"
    budget: int
    most: int
    hyperparameters: Mapping[str, Any]
    streams: Mapping[str, int]
    num_validation: int | None = None
    fold: tuple[int, int] | None = None
    network: Network | None = None
    scored_under: tuple[str, ...] = ()
    until: str = "settled"
    traced: int = 0
    weights: str | None = None
    capacity: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A trial after one pass; a row of `curves.parquet`.

    Attributes:
        phase: what the pass belonged to: a `kind` of `classcomp.training.phases.Phase`. The two
            branches of a trajectory leave its trunk at the same step.
        step: optimizer steps up to there, all stages, along the trunk and the branch.
        epoch: passes over the training sample up to there.
        train_loss: mean objective over the pass, nats where it is a likelihood; None where the
            family has none.
        train_risk: the task's risk on the (noisy) training sample, or None where it was not
            computed.
        validation_risk: on the search's validation examples, or None.
        risk: on the evaluation sample, where the trunk is traced; None elsewhere.
        risk_se: its standard error over that sample.
        gradient_norm: at the pass's last step; None where there is no gradient.
        wall_s: seconds of computation so far.
    """

    phase: str
    step: int
    epoch: float
    train_loss: float | None
    train_risk: float | None
    validation_risk: float | None
    risk: float | None = None
    risk_se: float | None = None
    gradient_norm: float | None
    wall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a finished trial found: columns of the trial table by name, and its curve."""

    metrics: Mapping[str, float | int | bool | str | None]
    curves: tuple[Progress, ...]
