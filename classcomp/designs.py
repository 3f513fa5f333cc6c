"""What each role trains on, for how long, and what it is scored on.

A role is a column of the protocol (docs/protocol.md): `search` tries hyperparameters, `measure` is
the trial as budgeted and trained on until it settles, `best_in_class` looks for the architecture's
best rule, `limit` is the family's own procedure without end of data, `slack` is the search of
`best_in_class` on a law whose best rule is known to be in reach, `ideal` is the measured trial with
data that never run out, `variance` is a measured trial of a crossed block, `fold` trains on a
sample without one part of it and is scored on that part too.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import torch

from classcomp.distortions import distort
from classcomp.draws import Draws, Examples, Renewal
from classcomp.populations import Population, make, resplit
from classcomp.teachers import teacher_on
from classcomp.training.phases import (
    Phase,
    Schedule,
    schedule_in,
    stream_phases,
    trained_phases,
)
from classcomp.training.sources import FreshStream, Sample, Source
from classcomp.trial import Trial

HEAD_EXAMPLES = 4_096
"""Examples of a stream that a family's classifier on top of its features is fitted on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """How one trial is trained and scored.

    Attributes:
        source: the training examples.
        head_examples: what a model is fitted on by other means than gradients, and on what the
            training risk is computed.
        phases: of the training.
        is_tracked: whether training risk is computed after every pass, not at the end alone.
        validation: scored after every pass of a search; None elsewhere.
        selection: where U_H is chosen; None where it is not.
        evaluation: scored at the budget and at the end, or None (search never sees it).
        epoch: examples of one.
    """

    source: Source
    head_examples: Examples
    phases: tuple[Phase, ...]
    is_tracked: bool
    validation: Examples | None = None
    selection: Examples | None = None
    evaluation: Examples | None = None
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How a family is trained.

    Attributes:
        num_stages: of the model.
        batch_size: of its optimizers; None for a family that is fitted, not trained.
        ends_fitted: whether the last stage is fitted, once, after those that are trained.
    """

    num_stages: int
    batch_size: int | None
    ends_fitted: bool = False


@lru_cache(maxsize=16)
def _population(
    name: str, parameters: str, distortion: str, severity: float, data_dir: str | None
) -> Population:
    base = make(name, data_dir=data_dir, **json.loads(parameters))
    return distort(base, distortion, severity)


def population_of(trial: Trial, data_dir: str | None) -> Population:
    """The distorted population a trial is about; of `slack` a teacher that was trained on it."""
    parameters = json.dumps(dict(trial.population_parameters), sort_keys=True)
    whole = _population(
        trial.population_name, parameters, trial.distortion, trial.severity, data_dir
    )
    if trial.role == "slack":
        return teacher_on(
            whole,
            family=trial.family,
            depth=trial.depth,
            capacity=trial.capacity,
            seed=trial.streams["teacher"],
        )
    return resplit(whole, trial.streams["split"])


def design(trial: Trial, draws: Draws, training: Training) -> Design:
    """The training and scoring plan of a trial's role.

    Args:
        trial: what is asked.
        draws: from the trial's population.
        training: how its family is trained. A family that is fitted sees all its examples in one
            pass, and has settled after it.

    Raises:
        ValueError: the role is unknown.
    """
    if trial.role not in DESIGNS:
        raise ValueError(f"role = {trial.role!r}: allowed are {', '.join(DESIGNS)}")
    plan = DESIGNS[trial.role](trial, draws, training)
    samples = {name: getattr(plan, name) for name in ("head_examples", "validation", "selection")}
    named = {k: replace(v, law=draws.population) for k, v in samples.items() if v is not None}
    return replace(plan, **named)


def schedule_of(trial: Trial, batch_size: int) -> Schedule:
    """A trial's budget in steps."""
    return schedule_in(
        trial.unit,
        budget=trial.budget,
        most=trial.most,
        num_train=trial.num_train,
        batch_size=batch_size,
    )


def _on_a_sample(trial: Trial, draws: Draws, training: Training) -> Design:
    sample = draws.training(trial.num_train)
    return _trained_on(sample, trial, training, draws.renewal(trial.num_train))


def _trained_on(
    sample: Examples, trial: Trial, training: Training, renew: Renewal | None
) -> Design:
    """Rounds over these examples; an epoch is one of them."""
    num = len(sample.labels)
    phases: tuple[Phase, ...] = (_fit(num),)
    if training.batch_size is not None:
        schedule = schedule_of(replace(trial, num_train=num), training.batch_size)
        phases = _closed(trained_phases(training.num_stages, schedule), training, num)
    source = Sample(
        inputs=sample.inputs,
        labels=sample.labels,
        targets=sample.targets,
        seed=trial.streams["order"],
        renew=renew,
    )
    return Design(
        source=source,
        head_examples=replace(sample, index=source.places),
        phases=phases,
        is_tracked=True,
        epoch=num,
    )


def _search(trial: Trial, draws: Draws, training: Training) -> Design:
    num = trial.num_train if trial.num_validation is None else trial.num_validation
    return replace(_on_a_sample(trial, draws, training), validation=draws.validation(num))


def _fold(trial: Trial, draws: Draws, training: Training) -> Design:
    """Without one part of the sample, which is scored on: labels as they are in the sample.

    Parts are as equal as they can be. An epoch is one of what is left.
    """
    assert trial.fold is not None
    number, num_folds = trial.fold
    order = np.random.default_rng(trial.streams["folds"]).permutation(trial.num_train)
    held_out = np.array_split(order, num_folds)[number]
    kept = np.setdiff1d(order, held_out)
    sample = draws.training(trial.num_train)
    renew = draws.renewal(trial.num_train)

    def part(chosen: np.ndarray) -> Examples:
        places = torch.from_numpy(chosen).to(sample.labels.device)
        labels, wanted = sample.labels[places], sample.targets
        if renew is None:
            targets = None if wanted is None else wanted[places]
            return Examples(inputs=sample.inputs[places], labels=labels, targets=targets)
        inputs, targets = renew.of(chosen)(0, np.arange(len(chosen)))
        return Examples(inputs=inputs, labels=labels, targets=targets)

    plan = _trained_on(part(kept), trial, training, None if renew is None else renew.of(kept))
    return replace(plan, validation=part(held_out), evaluation=draws.evaluation())


def _measure(trial: Trial, draws: Draws, training: Training) -> Design:
    plan = _on_a_sample(trial, draws, training)
    return replace(plan, evaluation=draws.evaluation(), selection=draws.selection())


def _limit(trial: Trial, draws: Draws, training: Training) -> Design:
    """The family's own objective on m examples that never come twice, the rate falling to zero."""
    plan = _streamed(trial, draws, training, num_examples=trial.num_train, noisy=True)
    return replace(plan, selection=draws.selection())


def _best_in_class(trial: Trial, draws: Draws, training: Training) -> Design:
    """A network of the architecture, trained for the risk itself on m clean examples.

    Raises:
        ValueError: nobody knows the posterior that it is trained on.
    """
    if not draws.is_law_known:
        raise ValueError(f"role = {trial.role!r}: {draws.population.label} has no known posterior")
    plan = _streamed(trial, draws, training, num_examples=trial.num_train, noisy=False)
    if training.batch_size is not None:
        search = Phase(kind="search", num_steps=1, pass_steps=1, batch_size=trial.num_train)
        plan = replace(plan, phases=(search,))
    return replace(plan, selection=draws.selection())


def _ideal(trial: Trial, draws: Draws, training: Training) -> Design:
    """Fresh data, label noise included, with the steps of T.

    The ideal world of Nakkiran et al. (2021, "The Deep Bootstrap Framework"). Its labels are
    drawn: a posterior to learn from would be another procedure than the measured one.
    """
    if training.batch_size is None:
        return _streamed(trial, draws, training, num_examples=trial.num_train, noisy=True)
    steps = schedule_of(replace(trial, most=trial.budget), training.batch_size)
    num = steps.budget_steps * steps.batch_size
    plan = _streamed(trial, draws, training, num_examples=num, noisy=True, is_soft=False)
    phases = trained_phases(training.num_stages, steps)
    num_head = len(plan.head_examples.labels)
    return replace(plan, phases=_closed(phases, training, num_head))


def _streamed(
    trial: Trial,
    draws: Draws,
    training: Training,
    *,
    num_examples: int,
    noisy: bool,
    is_soft: bool = True,
) -> Design:
    """`num_examples` examples that never come twice.

    Where the law is known, and `is_soft`, the labels' probabilities are learnt in their place, or
    the targets' means in that of the targets.
    Real images are no stream: there the whole training split is visited, and again only once it
    is used up.
    """
    rng = np.random.default_rng(trial.streams["head_examples"])
    num_head = HEAD_EXAMPLES if training.batch_size else num_examples
    source: Source
    if draws.is_law_known:
        source = FreshStream(
            draw=partial(draws.more, noisy=noisy, is_soft=is_soft), seed=trial.streams["data"]
        )
        head = draws.more(min(num_examples, num_head), rng, noisy=noisy, is_soft=False)
    else:
        num = draws.population.num_available("whole_train")
        assert num is not None
        head = draws.more(num, rng, split="whole_train", noisy=noisy, is_soft=False)
        renew = draws.renewal(num, stream="head_examples", split="whole_train")
        source = Sample(
            inputs=head[0],
            labels=head[1],
            targets=head[2],
            seed=trial.streams["order"],
            renew=renew,
        )
    phases = (
        (_fit(num_head),)
        if training.batch_size is None
        else _closed(
            stream_phases(training.num_stages, num_examples, training.batch_size),
            training,
            min(num_examples, num_head),
        )
    )
    return Design(
        source=source,
        head_examples=Examples(
            inputs=head[0],
            labels=head[1],
            targets=head[2],
            index=source.places if isinstance(source, Sample) else None,
        ),
        phases=phases,
        is_tracked=False,
        evaluation=draws.evaluation(),
        epoch=trial.num_train,
    )


def _fit(num_examples: int, stage: int = 0) -> Phase:
    return Phase(kind="fit", stage=stage, num_steps=1, pass_steps=1, batch_size=num_examples)


def _closed(phases: tuple[Phase, ...], training: Training, num_examples: int) -> tuple[Phase, ...]:
    """The phases of training, a last stage that is fitted getting one fit in place of its own."""
    if not training.ends_fitted:
        return phases
    last = training.num_stages - 1
    return (*(phase for phase in phases if phase.stage < last), _fit(num_examples, last))


DESIGNS: dict[str, Callable[[Trial, Draws, Training], Design]] = {
    "search": _search,
    "measure": _measure,
    "best_in_class": _best_in_class,
    "limit": _limit,
    "slack": _best_in_class,
    "ideal": _ideal,
    "variance": _measure,
    "fold": _fold,
}
