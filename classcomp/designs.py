"""What each role trains on, for how long, and what it is scored on.

A role is a column of PROTOCOL (docs/protocol.md): `search` tries hyperparameters, `measure` is the
trial as budgeted and trained on to convergence, `best_in_class` bounds the architecture's own
risk from a fresh stream, `resubstitution` is the classical proxy for it, `ideal` is the measured
trial with data that never run out, `variance` is a measured trial of a crossed block.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from torch import Tensor

from classcomp.distortions import distort
from classcomp.draws import Draws, Examples
from classcomp.populations import Population, make
from classcomp.training.sources import CycledSample, FixedSample, FreshStream, Source
from classcomp.trial import Trial, head_examples_seed

HEAD_EXAMPLES = 4_096
"""Examples of a stream that a family's classifier on top of its features is fitted on."""
CHUNK_BATCHES = 64
"""Minibatches between two reports of a trial that trains on a stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """How one trial is trained and scored.

    Attributes:
        source: the training examples by pass.
        head_examples: what a model is fitted on by other means than gradients, and on what the
            training risk is computed.
        budget_passes: passes until the budgeted result is taken.
        max_passes: passes at which convergence is given up; equal to `budget_passes` where the
            trial ends at its budget.
        decay: whether the learning rate falls linearly to zero over the budget.
        tracked: whether training risk is computed after every pass, not at the end alone.
        validation: scored after every pass (search) or at the end (best in class), or None.
        evaluation: scored at the budget and at the end, or None (search never sees it).
    """

    source: Source
    head_examples: Examples
    budget_passes: int
    max_passes: int
    decay: bool = False
    tracked: bool
    validation: Examples | None = None
    evaluation: Examples | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """How a family goes through its examples.

    Attributes:
        batch_size: examples a step.
        num_head: examples of a stream that are kept for fitting by other means than gradients.
    """

    batch_size: int
    num_head: int = HEAD_EXAMPLES

    @property
    def chunk_size(self) -> int:
        """Examples of a stream between two reports."""
        return CHUNK_BATCHES * self.batch_size


@lru_cache(maxsize=16)
def _population(
    name: str, parameters: str, distortion: str, severity: float, data_dir: str | None
) -> Population:
    base = make(name, data_dir=data_dir, **json.loads(parameters))
    return distort(base, distortion, severity)


def population_of(trial: Trial, data_dir: str | None) -> Population:
    """The distorted population a trial is about."""
    parameters = json.dumps(dict(trial.population_parameters), sort_keys=True)
    return _population(
        trial.population_name, parameters, trial.distortion, trial.severity, data_dir
    )


def design(trial: Trial, draws: Draws, *, batch_size: int | None) -> Design:
    """The training and scoring plan of a trial's role.

    Args:
        trial: what is asked.
        draws: from the trial's population.
        batch_size: of the trial's optimizers; None for a family that is fitted, not trained.
            Such a family sees all its examples in one pass, and has settled after it.

    Raises:
        ValueError: the role is unknown.
    """
    if trial.role not in DESIGNS:
        raise ValueError(f"role = {trial.role!r}: allowed are {', '.join(DESIGNS)}")
    if batch_size is not None:
        return DESIGNS[trial.role](trial, draws, Steps(batch_size=batch_size))
    at_once = Steps(batch_size=trial.num_train, num_head=trial.num_train)
    return DESIGNS[trial.role](replace(trial, budget_epochs=1, max_epochs=2), draws, at_once)


def _search(trial: Trial, draws: Draws, steps: Steps) -> Design:
    inputs, labels = draws.training(trial.num_train)
    return Design(
        source=FixedSample(inputs=inputs, labels=labels),
        head_examples=Examples(inputs=inputs, labels=labels),
        budget_passes=trial.budget_epochs,
        max_passes=trial.budget_epochs,
        tracked=True,
        validation=draws.validation(),
        evaluation=None,
    )


def _measure(trial: Trial, draws: Draws, steps: Steps) -> Design:
    inputs, labels = draws.training(trial.num_train)
    return Design(
        source=FixedSample(inputs=inputs, labels=labels),
        head_examples=Examples(inputs=inputs, labels=labels),
        budget_passes=trial.budget_epochs,
        max_passes=trial.max_epochs,
        tracked=True,
        evaluation=draws.evaluation(),
    )


def _best_in_class(trial: Trial, draws: Draws, steps: Steps) -> Design:
    """One pass over a stream of clean examples, the rate falling to zero."""
    num = trial.num_train
    plan = _streamed(trial, draws, steps, num_examples=num, noisy=False)
    return replace(plan, decay=True, validation=draws.held_out())


def _ideal(trial: Trial, draws: Draws, steps: Steps) -> Design:
    """One pass over fresh data, label noise included, with the steps of T epochs.

    The ideal world of Nakkiran et al. (2021, "The Deep Bootstrap Framework").
    """
    num = trial.budget_epochs * math.ceil(trial.num_train / steps.batch_size) * steps.batch_size
    return _streamed(trial, draws, steps, num_examples=num, noisy=True)


def _streamed(
    trial: Trial, draws: Draws, steps: Steps, *, num_examples: int, noisy: bool
) -> Design:
    """One pass over `num_examples` examples that never come twice.

    Real images are no stream: there the whole training split is visited, and again only once it
    is used up.
    """
    seed, chunk = trial.streams["data"], steps.chunk_size
    source: Source
    if draws.is_law_known:
        source = FreshStream(
            draw=partial(draws.more, noisy=noisy),
            seed=seed,
            num_examples=num_examples,
            chunk_size=chunk,
        )
        rng = np.random.default_rng(head_examples_seed(trial.streams))
        head = draws.more(min(num_examples, steps.num_head), rng, noisy=noisy)
    else:
        num = draws.population.num_available("whole_train")
        assert num is not None
        rng = np.random.default_rng(seed)
        head = draws.more(num, rng, split="whole_train", noisy=noisy)
        source = _cycled(*head, seed, num_examples, chunk)
    passes = math.ceil(num_examples / chunk)
    return Design(
        source=source,
        head_examples=Examples(inputs=head[0], labels=head[1]),
        budget_passes=passes,
        max_passes=passes,
        tracked=False,
        evaluation=draws.evaluation(),
    )


def _resubstitution(trial: Trial, draws: Draws, steps: Steps) -> Design:
    # A density learned from the very sample it is scored on would look better than it is.
    evaluation = replace(draws.evaluation(), log_density=None)
    inputs, labels = evaluation.inputs, evaluation.labels
    num_steps = trial.budget_epochs * math.ceil(trial.num_train / steps.batch_size)
    num_examples = num_steps * steps.batch_size
    passes = math.ceil(num_examples / steps.chunk_size)
    order = trial.streams["order"]
    return Design(
        source=_cycled(inputs, labels, order, num_examples, steps.chunk_size),
        head_examples=Examples(inputs=inputs, labels=labels),
        budget_passes=passes,
        max_passes=passes,
        tracked=False,
        evaluation=evaluation,
    )


def _cycled(inputs: Tensor, labels: Tensor, seed: int, num: int, chunk: int) -> CycledSample:
    return CycledSample(inputs=inputs, labels=labels, seed=seed, num_examples=num, chunk_size=chunk)


DESIGNS: dict[str, Callable[[Trial, Draws, Steps], Design]] = {
    "search": _search,
    "measure": _measure,
    "best_in_class": _best_in_class,
    "resubstitution": _resubstitution,
    "ideal": _ideal,
    "variance": _measure,
}
