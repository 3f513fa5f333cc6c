"""What each role trains on, for how long, and what it is scored on.

A role is a column of PROTOCOL (docs/protocol.md): `search` tries hyperparameters, `measure` is the
trial as budgeted and trained on to convergence, `best_in_class` bounds the architecture's own
risk from a fresh stream, `resubstitution` is the classical proxy for it, `ideal` is the measured
trial with data that never run out, `variance` is a measured trial of a crossed block.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from classcomp.distortions import distort, flip_labels
from classcomp.populations import Population, make
from classcomp.training.sources import CycledSample, FixedSample, FreshStream, Source

EVALUATION_SIZE = 10_000
"""Examples of the evaluation draw, shared by all trials of a population whose law is known."""
VALIDATION_SIZE = 2_000
"""Examples the search scores a proposal on, drawn afresh where the law is known."""
HEAD_EXAMPLES = 4_096
"""Examples of a stream that a family's classifier on top of its features is fitted on."""
CHUNK_BATCHES = 64
"""Minibatches between two reports of a trial that trains on a stream."""


class Trial(Protocol):
    """What determines a trial's result. `study.request.spec.TrialSpec` is one; nothing here imports it."""

    @property
    def role(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def depth(self) -> int: ...
    @property
    def population_name(self) -> str: ...
    @property
    def population_parameters(self) -> Mapping[str, Any]: ...
    @property
    def distortion(self) -> str: ...
    @property
    def severity(self) -> float: ...
    @property
    def num_train(self) -> int: ...
    @property
    def budget_epochs(self) -> int: ...
    @property
    def max_epochs(self) -> int: ...
    @property
    def hyperparameters(self) -> Mapping[str, Any]: ...
    @property
    def streams(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Examples to score a rule on.

    Attributes:
        inputs: (N, ...) what the family sees.
        labels: (N,) int64.
        posterior: (N, K), or None where the law is unknown.
        log_density: (N,) nats, of what a generative model sees, or None where there is none.
    """

    inputs: Tensor
    labels: Tensor
    posterior: np.ndarray | None
    log_density: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """How one trial is trained and scored.

    Attributes:
        source: the training examples by pass.
        head_examples: what an unsupervised family fits its classifier on, and on what the
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
    head_examples: tuple[Tensor, Tensor]
    budget_passes: int
    max_passes: int
    decay: bool
    tracked: bool
    validation: Examples | None
    evaluation: Examples | None


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


def design(
    trial: Trial,
    population: Population,
    *,
    batch_size: int,
    present: Callable[[np.ndarray], Tensor],
    device: torch.device,
) -> Design:
    """The training and scoring plan of a trial's role.

    Args:
        trial: what is asked.
        population: of `population_of`.
        batch_size: of the trial's optimizer.
        present: law coordinates (N, ...) to the family's inputs, on `device`.
        device: where labels go.

    Raises:
        ValueError: the role is unknown.
    """
    if trial.role not in DESIGNS:
        raise ValueError(f"role = {trial.role!r}: allowed are {', '.join(DESIGNS)}")
    table = Table(population=population, present=present, device=device, streams=trial.streams)
    return DESIGNS[trial.role](trial, table, batch_size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Draws from one population, laid out as one family sees them."""

    population: Population
    present: Callable[[np.ndarray], Tensor]
    device: torch.device
    streams: Mapping[str, int]

    def tensors(self, x: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Inputs and labels on the device."""
        return self.present(x), torch.from_numpy(labels).to(self.device)

    def training(self, num: int) -> tuple[Tensor, Tensor]:
        """`num` training examples with the population's label noise."""
        sample = self.population.sample(num, self._rng("data"), split="train")
        labels = self._noisy(sample.labels, "noise")
        return self.tensors(sample.x, labels)

    def noisy_training(
        self, num: int, rng: np.random.Generator, *, split: str = "train"
    ) -> tuple[Tensor, Tensor]:
        """`num` examples with the population's label noise, all drawn from `rng`."""
        population = self.population
        sample = population.sample(num, rng, split=split)
        noise, classes = population.label_noise, population.num_classes
        return self.tensors(sample.x, flip_labels(sample.labels, noise, classes, rng))

    def validation(self) -> Examples:
        """Examples the search scores on: as noisy as those a practitioner would hold out."""
        num = self.population.num_available("validation") or VALIDATION_SIZE
        sample = self.population.sample(num, self._rng("validation"), split="validation")
        labels = self._noisy(sample.labels, "validation_noise")
        inputs, noisy = self.tensors(sample.x, labels)
        return Examples(inputs=inputs, labels=noisy, posterior=None)

    def draw(self, stream: str) -> Examples:
        """Clean examples of the law: a fresh draw, or the whole test split of real images."""
        num = self.population.num_available("test") or EVALUATION_SIZE
        sample = self.population.sample(num, self._rng(stream), split="test")
        inputs, labels = self.tensors(sample.x, sample.labels)
        return Examples(
            inputs=inputs,
            labels=labels,
            posterior=self.population.posterior(sample.x),
            log_density=self.population.log_density(sample.x),
        )

    def held_out(self) -> Examples:
        """Where the restarts of a best-in-class rule are chosen: never where they are scored."""
        split = "test" if self.is_law_known else "validation"
        num = self.population.num_available(split) or EVALUATION_SIZE
        sample = self.population.sample(num, self._rng("selection"), split=split)
        inputs, labels = self.tensors(sample.x, sample.labels)
        return Examples(inputs=inputs, labels=labels, posterior=self.population.posterior(sample.x))

    @property
    def is_law_known(self) -> bool:
        """Whether examples can be drawn without end."""
        return self.population.num_available("train") is None

    def _rng(self, stream: str) -> np.random.Generator:
        return np.random.default_rng(self.streams[stream])

    def _noisy(self, labels: np.ndarray, stream: str) -> np.ndarray:
        population = self.population
        return flip_labels(
            labels, population.label_noise, population.num_classes, self._rng(stream)
        )


def _search(trial: Trial, table: Table, batch_size: int) -> Design:
    inputs, labels = table.training(trial.num_train)
    return Design(
        source=FixedSample(inputs=inputs, labels=labels),
        head_examples=(inputs, labels),
        budget_passes=trial.budget_epochs,
        max_passes=trial.budget_epochs,
        decay=False,
        tracked=True,
        validation=table.validation(),
        evaluation=None,
    )


def _measure(trial: Trial, table: Table, batch_size: int) -> Design:
    inputs, labels = table.training(trial.num_train)
    return Design(
        source=FixedSample(inputs=inputs, labels=labels),
        head_examples=(inputs, labels),
        budget_passes=trial.budget_epochs,
        max_passes=trial.max_epochs,
        decay=False,
        tracked=True,
        validation=None,
        evaluation=table.draw("evaluation"),
    )


def _best_in_class(trial: Trial, table: Table, batch_size: int) -> Design:
    chunk = CHUNK_BATCHES * batch_size
    source: Source
    if table.is_law_known:

        def fresh(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            sample = table.population.sample(num, rng)
            return table.tensors(sample.x, sample.labels)

        source = FreshStream(
            draw=fresh, seed=trial.streams["data"], num_examples=trial.num_train, chunk_size=chunk
        )
        num_head = min(trial.num_train, HEAD_EXAMPLES)
        head = fresh(num_head, np.random.default_rng([trial.streams["data"], 1, 1]))
    else:
        num = table.population.num_available("whole_train")
        rng = np.random.default_rng(trial.streams["data"])
        whole = table.population.sample(num, rng, split="whole_train")
        head = table.tensors(whole.x, whole.labels)
        source = _cycled(*head, trial.streams["data"], trial.num_train, chunk)
    passes = math.ceil(trial.num_train / chunk)
    return Design(
        source=source,
        head_examples=head,
        budget_passes=passes,
        max_passes=passes,
        decay=True,
        tracked=False,
        validation=table.held_out(),
        evaluation=table.draw("evaluation"),
    )


def _ideal(trial: Trial, table: Table, batch_size: int) -> Design:
    """One pass over fresh data, label noise included, with the steps of T epochs.

    The ideal world of Nakkiran et al. (2021, "The Deep Bootstrap Framework"). Real images are no
    stream: there the whole training split is visited, and again only once it is used up.
    """
    num_examples = trial.budget_epochs * math.ceil(trial.num_train / batch_size) * batch_size
    chunk, seed = CHUNK_BATCHES * batch_size, trial.streams["data"]
    source: Source
    if table.is_law_known:
        source = FreshStream(
            draw=table.noisy_training, seed=seed, num_examples=num_examples, chunk_size=chunk
        )
        num_head = min(num_examples, HEAD_EXAMPLES)
        head = table.noisy_training(num_head, np.random.default_rng([seed, 1, 1]))
    else:
        num = table.population.num_available("whole_train")
        head = table.noisy_training(num, np.random.default_rng(seed), split="whole_train")
        source = _cycled(*head, seed, num_examples, chunk)
    passes = math.ceil(num_examples / chunk)
    return Design(
        source=source,
        head_examples=head,
        budget_passes=passes,
        max_passes=passes,
        decay=False,
        tracked=False,
        validation=None,
        evaluation=table.draw("evaluation"),
    )


def _resubstitution(trial: Trial, table: Table, batch_size: int) -> Design:
    # A density learned from the very sample it is scored on would look better than it is.
    evaluation = replace(table.draw("evaluation"), log_density=None)
    num_steps = trial.budget_epochs * math.ceil(trial.num_train / batch_size)
    num_examples, chunk = num_steps * batch_size, CHUNK_BATCHES * batch_size
    passes = math.ceil(num_examples / chunk)
    return Design(
        source=_cycled(
            evaluation.inputs, evaluation.labels, trial.streams["order"], num_examples, chunk
        ),
        head_examples=(evaluation.inputs, evaluation.labels),
        budget_passes=passes,
        max_passes=passes,
        decay=False,
        tracked=False,
        validation=None,
        evaluation=evaluation,
    )


def _cycled(inputs: Tensor, labels: Tensor, seed: int, num: int, chunk: int) -> CycledSample:
    return CycledSample(inputs=inputs, labels=labels, seed=seed, num_examples=num, chunk_size=chunk)


DESIGNS: dict[str, Callable[[Trial, Table, int], Design]] = {
    "search": _search,
    "measure": _measure,
    "best_in_class": _best_in_class,
    "resubstitution": _resubstitution,
    "ideal": _ideal,
    "variance": _measure,
}
