"""What a task is: how a model is scored on examples, smaller is better."""

import math
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from classcomp.draws import Draws, Examples, Presenter
from classcomp.models.base import Decides, Decodes, Encodes, Infers, Model, Reconstructs
from classcomp.populations import Population

SCORING_BATCH = 2_048
RECONSTRUCTION_BATCH = 512
"""Smaller: what is reconstructed passes maps of full size twice."""
SCORED_PIXELS = 2_048 * 64
"""Of a batch, at most: its maps stay near the processor, and in memory that is used again. Batches
of 2,048 images of 28x28 take up to twice as long (`benchmarks/training.py evaluation`)."""
NUM_IN_PLANE = 1_000
"""Evaluation examples that a plane of two latents is shown and judged by: the first ones."""
NUM_SEARCHED = 128
"""Evaluation examples whose best latents are looked for: the first ones."""
ROUNDING_OF_TERMS = 1e-3
"""Root mean square of what float16 may cost kept terms, as a share of theirs: twice what it costs
where it has all its digits."""


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
        terms: what each example contributes to the risk, or to the excess, as the task has it.
    """

    risk: Mean
    floor: Mean | None
    excess: Mean | None
    terms: Float64[np.ndarray, " n"]

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
        examples: of the law.
        population: the law.
        seed: of whatever a score draws.
        present: for who asks about points of its own choosing.
    """

    model: Model
    examples: Examples
    population: Population
    seed: int = 0
    present: Presenter | None = None

    def __post_init__(self) -> None:
        self.model.eval()

    @cached_property
    def decisions(self) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n classes"]]:
        """Classes decided for, and probabilities."""
        assert isinstance(self.model, Decides)
        return decide(self.model, self.examples.inputs)

    @cached_property
    def reconstructions(self) -> Float[Tensor, " n *shape"]:
        """What the model gives back for each example."""
        model, inputs = self.model, self.examples.inputs
        assert isinstance(model, Reconstructs)
        with torch.no_grad():
            if isinstance(model, Infers):  # latents that take many passes are found once
                at_once = scored_at_once(inputs)
                parts = [model.decode(part) for part in self.features.split(at_once)]
            else:
                parts = [model.reconstruct(part) for part in batches(inputs)]
        return torch.cat(parts)

    @cached_property
    def reconstruction_errors(self) -> Float[Tensor, " n"]:
        """`errors_of` the examples, in the input's units squared."""
        return errors_of(self.examples, lambda part: self.reconstructions[part])

    @cached_property
    def restoration_errors(self) -> Float[Tensor, " n"]:
        """Each example's mean squared error against its target over all coordinates."""
        assert self.examples.targets is not None
        return squared_errors(self.examples.targets, self.reconstructions)

    @cached_property
    def features(self) -> Float[Tensor, "n features"]:
        """Each example's features; of a model that decodes, its latents."""
        assert isinstance(self.model, Encodes)
        parts = batches(self.examples.inputs)
        with torch.no_grad():
            return torch.cat([self.model.features(part).flatten(1) for part in parts])

    @cached_property
    def plane(self) -> Float[Tensor, "n 2"] | None:
        """The first NUM_IN_PLANE examples by their latents; None unless there are two of these."""
        assert isinstance(self.model, Decodes)
        if isinstance(self.model, Infers):
            points = self.features[:NUM_IN_PLANE]
        else:
            with torch.no_grad():
                points = self.model.features(self.examples.inputs[:NUM_IN_PLANE])
        return points if points.shape[1] == 2 else None

    @property
    def complete(self) -> Float[Tensor, " n *shape"]:
        """The examples with nothing missing, of which what is given back is to be one."""
        targets = self.examples.targets
        return self.examples.inputs if targets is None else targets

    @cached_property
    def labels(self) -> Int64[np.ndarray, " n"]:
        """The examples' own, as an array."""
        return self.examples.labels.cpu().numpy()

    def generator(self) -> torch.Generator:
        """The same draws for every score and every model: a new CPU generator."""
        return torch.Generator().manual_seed(self.seed)


class Task(Protocol):
    """What a family is for. A task has no state: one object serves all trials."""

    name: str
    unit: str  # of the risk and of its terms
    needs: type  # the capability that its models have
    has_best_rule: bool  # whether a posterior says what the best rule of an architecture is
    draws: type[Draws]  # what its models are shown
    # What is to be said of an input: "input", itself; "origin", its class or what it was before it
    # was damaged; "nothing": no input is shown.
    asks_for: str

    def risk(self, model: Model, examples: Examples) -> float:
        """The risk alone, on whatever examples: while training, and where a rule is chosen."""

    def scale(self, examples: Examples) -> float:
        """What counts as a large risk there: a settled one moves by less than a share of it."""

    def assess(self, evaluation: Evaluation) -> Assessment:
        """The risk on clean examples of the law, held against the law where that is known."""

    def kept(
        self, evaluation: Evaluation, assessment: Assessment, branch: str
    ) -> dict[str, np.ndarray]:
        """What is kept of a rule on the evaluation sample, by name.

        Args:
            evaluation: of the rule.
            assessment: what `assess` made of it.
            branch: "budget" or "converged".
        """


def above_floor(floor: Mean, excess: Mean, terms: Float64[np.ndarray, " n"]) -> Assessment:
    """Assess a rule by what its risk is above a floor that is known apart from the sample."""
    error = float(np.hypot(floor.standard_error, excess.standard_error))
    risk = Mean(value=floor.value + excess.value, standard_error=error)
    return Assessment(risk=risk, floor=floor, excess=excess, terms=terms)


def deviation(wanted: Float[Tensor, " n *shape"]) -> float:
    """Mean squared deviation of examples from their mean, a coordinate: the error of a constant."""
    points = wanted.double().flatten(1)
    check_not_empty(points)
    return float((points - points.mean(dim=0)).square().mean())


def kept_terms(assessment: Assessment, branch: str) -> dict[str, np.ndarray]:
    """`budget_terms` or `converged_terms` `(N,)`: the assessment's, in half the room."""
    return {f"{branch}_terms": rounded_terms(assessment.terms)}


def rounded_terms(terms: Float64[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Terms in half the room: float16, or float32 where the risk's unit asks for it.

    float16 ends at 65,504 and loses digits below 6e-5, so that in some units all terms are infinite
    or 0: where it costs more than `ROUNDING_OF_TERMS`, it is not taken.
    """
    with np.errstate(over="ignore"):
        half = terms.astype(np.float16)
    lost = np.square(half.astype(np.float64) - terms).mean()
    is_near = lost <= ROUNDING_OF_TERMS**2 * np.square(terms).mean()
    return half if is_near else terms.astype(np.float32)


def mean_of(terms: Float[np.ndarray, " n"]) -> Mean:
    """Mean of independent terms and its standard error; one term has none (nan)."""
    check_not_empty(terms)
    error = terms.std(ddof=1) / math.sqrt(len(terms)) if len(terms) > 1 else math.nan
    return Mean(value=float(terms.mean()), standard_error=float(error))


def check_not_empty(sample: Sized) -> None:
    """Raise ValueError where there is nothing to average over."""
    if len(sample) == 0:
        raise ValueError("an evaluation sample must hold at least one example, not 0")


def batches(
    examples: Float[Tensor, " n *shape"], most: int = RECONSTRUCTION_BATCH
) -> tuple[Float[Tensor, " batch *shape"], ...]:
    """Split examples into what is scored at once: `most` of them, fewer where images are large."""
    return tuple(examples.split(scored_at_once(examples, most)))


def scored_at_once(examples: Float[Tensor, " n *shape"], most: int = RECONSTRUCTION_BATCH) -> int:
    """Return how many: a power of two of images, within `SCORED_PIXELS`."""
    if examples.dim() < 4:
        return most
    fitting = max(1, SCORED_PIXELS // examples[0, 0].numel())
    return min(most, 1 << (fitting.bit_length() - 1))


@torch.no_grad()
def predict(model: Decides, inputs: Float[Tensor, " n *shape"]) -> Int64[np.ndarray, " n"]:
    """Classes decided for; the caller sets eval."""
    parts = [model.predict(batch).cpu().numpy() for batch in batches(inputs, SCORING_BATCH)]
    return np.concatenate(parts)


@torch.no_grad()
def decide(
    model: Decides, inputs: Float[Tensor, " n *shape"]
) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n classes"]]:
    """Classes decided for, and probabilities; the caller sets eval."""
    parts = [model.decide(batch) for batch in batches(inputs, SCORING_BATCH)]
    classes = torch.cat([chosen for chosen, _ in parts]).cpu().numpy()
    return classes, torch.cat([proba for _, proba in parts]).cpu().numpy().astype(np.float64)


@torch.no_grad()
def errors_of(
    examples: Examples, give_back: Callable[[slice], Float[Tensor, " batch *shape"]]
) -> Float[Tensor, " n"]:
    """Each example's mean squared error, of its missing coordinates where some are.

    Args:
        examples: where coordinates are missing their inputs are nan, and targets are not.
        give_back: of a few hundred places what the model gives back for them; in eval mode.
    """
    found = []
    at_once = scored_at_once(examples.inputs)
    for begin in range(0, len(examples.labels), at_once):
        part = slice(begin, begin + at_once)
        made, inputs = give_back(part), examples.inputs[part]
        if not inputs.isnan().any():
            found.append(squared_errors(inputs, made))
        else:
            assert examples.targets is not None, "what is missing is known to who scores"
            found.append(missing_errors(inputs, examples.targets[part], made))
    return torch.cat(found)


def missing_errors(
    inputs: Float[Tensor, " batch *shape"],
    targets: Float[Tensor, " batch *shape"],
    made: Float[Tensor, " batch *shape"],
) -> Float[Tensor, " batch"]:
    """Mean squared error over the coordinates that are nan in the inputs; each example has some."""
    missing = inputs.isnan()
    errors = torch.where(missing, made - targets, 0.0).square().flatten(1).sum(dim=1)
    return errors / missing.flatten(1).sum(dim=1)


def squared_errors(
    inputs: Float[Tensor, " batch *shape"], reconstructed: Float[Tensor, " batch *shape"]
) -> Float[Tensor, " batch"]:
    """Mean over coordinates of the squared error, in squared input units."""
    return (reconstructed - inputs).square().flatten(1).mean(dim=1)
