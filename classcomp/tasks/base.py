"""What a task is: how a model is scored on examples, smaller is better."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from classcomp.draws import Examples
from classcomp.models.base import Decides, Model
from classcomp.populations import Population

SCORING_BATCH = 2_048


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean over an evaluation sample and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """A model's risk on an evaluation sample.

    Attributes:
        risk: its estimate.
        floor: the smallest possible risk, or None where it is unknown.
        excess: risk above the floor, or None where the floor is unknown.
        terms: (N,) what each example contributes to the risk.
    """

    risk: Mean
    floor: Mean | None
    excess: Mean | None
    terms: np.ndarray

    @property
    def columns(self) -> dict[str, float]:
        """By the names of the trial table; what is unknown is left out."""
        known = {"bayes_risk": self.floor, "excess_risk": self.excess, "risk": self.risk}
        found: dict[str, float] = {}
        for name, mean in known.items():
            if mean is not None:
                found |= {name: mean.value, f"{name}_se": mean.standard_error}
        return found


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A fitted model in front of clean examples of a law; what it says of them is asked once.

    Attributes:
        model: in evaluation mode from here on.
        examples: (N, ...) of the law.
        population: the law.
        seed: of whatever a score draws.
        present: law coordinates (N, ...) to the model's inputs, for who asks about points of its
            own choosing.
    """

    model: Model
    examples: Examples
    population: Population
    seed: int = 0
    present: Callable[[np.ndarray], Tensor] | None = None

    def __post_init__(self) -> None:
        self.model.eval()

    @cached_property
    def decisions(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes decided for (N,) int64 and probabilities (N, K) float64."""
        assert isinstance(self.model, Decides)
        return decide(self.model, self.examples.inputs)

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int64."""
        return self.examples.labels.cpu().numpy()

    def generator(self) -> torch.Generator:
        """The same draws for every score and every model: a new CPU generator."""
        return torch.Generator().manual_seed(self.seed)


class Task(Protocol):
    """What a family is for. A task has no state: one object serves all trials."""

    name: str
    unit: str  # of the risk
    needs: type  # the capability that its models have

    def risk(self, model: Model, examples: Examples) -> float:
        """The risk alone, on whatever examples: while training, and where a rule is chosen."""

    def scale(self, examples: Examples) -> float:
        """What counts as a large risk there: a settled one moves by less than a share of it."""

    def assess(self, evaluation: Evaluation) -> Assessment:
        """The risk on clean examples of the law, held against the law where that is known."""


def mean_of(terms: np.ndarray) -> Mean:
    """Mean of independent terms `(N,)` and its standard error; one term has none (nan)."""
    check_not_empty(terms)
    error = terms.std(ddof=1) / math.sqrt(len(terms)) if len(terms) > 1 else math.nan
    return Mean(value=float(terms.mean()), standard_error=float(error))


def check_not_empty(sample: np.ndarray) -> None:
    """Raise ValueError where there is nothing to average over."""
    if len(sample) == 0:
        raise ValueError("an evaluation sample must hold at least one example, not 0")


@torch.no_grad()
def predict(model: Decides, inputs: Tensor) -> np.ndarray:
    """Classes decided for, (N,) int64, of inputs (N, ...); the caller sets eval."""
    parts = [model.predict(batch).cpu().numpy() for batch in inputs.split(SCORING_BATCH)]
    return np.concatenate(parts)


@torch.no_grad()
def decide(model: Decides, inputs: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Classes decided for (N,) int64 and probabilities (N, K) float64; the caller sets eval."""
    parts = [model.decide(batch) for batch in inputs.split(SCORING_BATCH)]
    classes = torch.cat([chosen for chosen, _ in parts]).cpu().numpy()
    return classes, torch.cat([proba for _, proba in parts]).cpu().numpy().astype(np.float64)
