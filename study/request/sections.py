"""The tables of a study file that stand on their own; `spec.StudySpec` is the whole file."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from study.trials.roles import Budget
from study.trials.seeds import SEARCH_BASE, VARIANCE_BASE


def unique(values: Sequence[Any]) -> Sequence[Any]:
    """The values, or a ValueError where one occurs twice."""
    if len(set(values)) != len(values):
        raise ValueError("no value twice")
    return values


def shown(value: Any) -> str:
    """A value of a study file as a message shows it, abridged; inf, nan and dates as TOML's."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def finite(value: Any, key: str = "") -> Any:
    """The value, or a ValueError with its key where a number in it is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key}: {value} is no finite number")
    if isinstance(value, Mapping):
        for name, held in value.items():
            finite(held, f"{key}.{name}".lstrip("."))
    if isinstance(value, list | tuple):
        for held in value:
            finite(held, key)
    return value


LARGEST = 10**12
"""Of any number: beyond it are typing errors, and tables that overflow."""
PositiveInt = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
Count = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
MOST_REPEATS = 100
MOST_FOLDS = 100
MOST_TRACED = 200
EPOCHS = {"budget_epochs": 10, "max_epochs": 100}
"""The budget where none is given."""
GONE_FROM_SEARCH = {
    "max_epochs": "a proposal trains for the budget of [training]",
    "grace_epochs": "grace_share is a share of the budget of [training]",
}


class Section(BaseModel):
    """A table of a study file: no key that is not listed, no number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SearchSection(Section):
    """Hyperparameter search of each cell: `repeats` independent ones, each with its own data."""

    trials: Annotated[int, Field(ge=0, le=SEARCH_BASE, strict=True)] = 0
    repeats: Annotated[int, Field(ge=1, le=MOST_REPEATS, strict=True)] = 1
    validation_size: PositiveInt | None = None
    sampler: Literal["tpe", "random"] = "tpe"
    grace_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    reduction_factor: Annotated[int, Field(ge=2, le=LARGEST, strict=True)] = 3
    parallel: PositiveInt = 1

    @model_validator(mode="before")
    @classmethod
    def _no_budget_of_its_own(cls, table: Any) -> Any:
        for name, instead in GONE_FROM_SEARCH.items():
            if isinstance(table, Mapping) and name in table:
                raise ValueError(f"{name} is no key any more: {instead}")
        return table

    def grace_reports(self, budget: Budget) -> int:
        """Reports of a proposal before which the search stops nobody."""
        return max(1, round(self.grace_share * budget.num_reports))


def _none_or_two_to(most: int) -> AfterValidator:
    """Of one alone there is nothing to be told."""

    def check(number: int) -> int:
        if number != 0 and not 2 <= number <= most:
            raise ValueError(f"must be 0 (none) or from 2 to {most}")
        return number

    return AfterValidator(check)


class TrainingSection(Section):
    """Budget of the measured trials, which the search's proposals have too; in one unit."""

    budget_epochs: PositiveInt | None = None
    max_epochs: PositiveInt | None = None
    budget_steps: PositiveInt | None = None
    max_steps: PositiveInt | None = None
    ideal: Annotated[bool, Field(strict=True)] = False
    until: Literal["settled", "end"] = "settled"
    traced: Annotated[int, Field(strict=True), _none_or_two_to(MOST_TRACED)] = 0

    @model_validator(mode="before")
    @classmethod
    def _in_epochs_unless_in_steps(cls, table: Any) -> Any:
        if not isinstance(table, Mapping):
            return table
        given = {name for name in table if table[name] is not None}
        in_epochs, in_steps = ({f"budget_{u}", f"max_{u}"} & given for u in ("epochs", "steps"))
        if in_epochs and in_steps:
            both = " and ".join(sorted(in_epochs | in_steps))
            raise ValueError(f"{both}: allowed is one unit, epochs or steps")
        if len(in_steps) == 1:
            missing = {"budget_steps": "max_steps", "max_steps": "budget_steps"}[min(in_steps)]
            raise ValueError(f"{missing} is missing, beside {min(in_steps)}")
        return table if in_steps else {**EPOCHS, **{n: v for n, v in table.items() if n in given}}

    @model_validator(mode="after")
    def _budget_within_max(self) -> "TrainingSection":
        budget = self.budget
        if budget.to_budget >= budget.at_most:
            unit = budget.unit
            raise ValueError(f"max_{unit} must be above budget_{unit} = {budget.to_budget}")
        return self

    @property
    def budget(self) -> Budget:
        """T and where convergence is given up."""
        if self.budget_steps is not None and self.max_steps is not None:
            unit, to_budget, at_most = "steps", self.budget_steps, self.max_steps
        else:
            assert self.budget_epochs is not None
            assert self.max_epochs is not None
            unit, to_budget, at_most = "epochs", self.budget_epochs, self.max_epochs
        return Budget(unit=unit, to_budget=to_budget, at_most=at_most, until=self.until)


class BestInClassSection(Section):
    """The search for the architecture's best rule, and for one that is known to be there."""

    restarts: Count = 2
    num_stream: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (20_000,)
    slack_restarts: Count = 0

    _no_value_twice = field_validator("num_stream")(unique)


class LimitSection(Section):
    """The family's own procedure with unlimited data."""

    restarts: Count = 3
    num_stream: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (20_000,)

    _no_value_twice = field_validator("num_stream")(unique)


class VarianceSection(Section):
    """The crossed block that splits the variance: seeds each of data, initialisation and order."""

    seeds: Annotated[int, Field(strict=True), _none_or_two_to(VARIANCE_BASE)] = 0


class CrossValidationSection(Section):
    """K-fold cross-validation of each cell's winner on the sample of its first seed."""

    folds: Annotated[int, Field(strict=True), _none_or_two_to(MOST_FOLDS)] = 0


class ResourcesSection(Section):
    """What one trial occupies, and how many seeds share it; never part of a trial's identity."""

    cpus_per_trial: Annotated[float, Field(gt=0)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] = 0
    seeds_per_trial: Annotated[int, Field(ge=1, le=1000)] = 1

    @field_validator("gpus_per_trial")
    @classmethod
    def _share_of_one_or_whole(cls, gpus: float) -> float:
        if gpus > 1 and not gpus.is_integer():
            raise ValueError("above 1 it must be whole: a fraction is a share of one GPU")
        return gpus


class LogSection(Section):
    """Who else is told of finished trials; never part of a trial's identity."""

    tensorboard: Annotated[bool, Field(strict=True)] = False
    mlflow: Annotated[str, Field(min_length=1)] | None = None
    wandb: Annotated[str, Field(min_length=1)] | None = None
