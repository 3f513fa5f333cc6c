"""The tables of a study file that stand on their own; `spec.StudySpec` is the whole file."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from study.trials.seeds import VARIANCE_BASE


def unique(values: Sequence[Any]) -> Sequence[Any]:
    """The values, or a ValueError where one occurs twice."""
    if len(set(values)) != len(values):
        raise ValueError("no value twice")
    return values


def shown(value: Any) -> str:
    """A value of a study file as a message shows it, abridged."""
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def finite(value: Any) -> Any:
    """The value, or a ValueError where a number in it is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for held in value:
            finite(held)
    return value


LARGEST = 10**12
"""Of any number: beyond it are typing errors, and tables that overflow."""
PositiveInt = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of a study file: no key that is not listed, no number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SearchSection(Section):
    """Hyperparameter search of each cell."""

    trials: Annotated[int, Field(ge=0, le=LARGEST, strict=True)] = 0
    sampler: Literal["tpe", "random"] = "tpe"
    max_epochs: PositiveInt = 20
    grace_epochs: PositiveInt = 2
    reduction_factor: Annotated[int, Field(ge=2, le=LARGEST, strict=True)] = 3
    parallel: PositiveInt = 1

    @model_validator(mode="after")
    def _grace_within_max(self) -> "SearchSection":
        if self.grace_epochs > self.max_epochs:
            raise ValueError(f"grace_epochs must be at most max_epochs = {self.max_epochs}")
        return self


class TrainingSection(Section):
    """Budget of the measured trials."""

    budget_epochs: PositiveInt = 10
    max_epochs: PositiveInt = 100
    ideal: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _budget_within_max(self) -> "TrainingSection":
        if self.budget_epochs >= self.max_epochs:
            raise ValueError(f"max_epochs must be above budget_epochs = {self.budget_epochs}")
        return self


class BestInClassSection(Section):
    """Restarts and stream lengths of the upper bound on the architecture's own risk."""

    restarts: Annotated[int, Field(ge=0, le=LARGEST, strict=True)] = 2
    num_stream: tuple[PositiveInt, ...] = (20_000,)

    _no_value_twice = field_validator("num_stream")(unique)


class VarianceSection(Section):
    """The crossed block that splits the variance: seeds each of data, initialisation and order."""

    seeds: Annotated[int, Field(ge=0, le=VARIANCE_BASE, strict=True)] = 0

    @field_validator("seeds")
    @classmethod
    def _none_or_two(cls, seeds: int) -> int:
        if seeds == 1:
            raise ValueError(f"must be 0 (none) or from 2 to {VARIANCE_BASE}")
        return seeds


class ResourcesSection(Section):
    """What one trial occupies; never part of its identity."""

    cpus_per_trial: Annotated[float, Field(gt=0)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] = 0

    @field_validator("gpus_per_trial")
    @classmethod
    def _share_of_one_or_whole(cls, gpus: float) -> float:
        if gpus > 1 and not gpus.is_integer():
            raise ValueError("above 1 it must be whole: a fraction is a share of one GPU")
        return gpus
