"""The parts a trial's training falls into, as data.

    measured    pretrain* ─ budget ┬ cooldown ▶ R_n(T)
                                   └ settle ─ final_cooldown ▶ R_n(inf)
    on a stream stream* ▶ one risk

The trunk runs at a constant rate. Each branch ends in a cooldown of its own and of the same length,
so that two rules are compared of which neither is one step of a walk around its optimum (Hu et al.
2024 call the schedule WSD; Haegele et al. 2024 find a fifth of the training enough).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

COOLDOWN_SHARE = 0.2
"""Of the budget T: the length of every cooldown, in whole passes."""
NUM_REPORTS = 20
"""Passes that a budget in steps is cut into."""
CHUNK_STEPS = 64
"""Between two reports of a trial on a stream."""
TRUNK = ("budget", "settle")
"""Kinds of phases that are the trunk's."""
MIN_SETTLING_STEPS = 32
"""Of a pass on the way to settling: small samples need not be scored after every other step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """Some steps of one kind.

    Attributes:
        kind: "pretrain": a stage before the last. "budget": the trunk, until the cooldown to
            R_n(T). "settle": the trunk from there on, until settled or out of steps. "stream":
            on examples that never come twice. "search": for the best rule of an architecture, a
            schedule of its own (classcomp.training.best_in_class). "fit": all that a model does
            which is fitted.
        stage: of the model, from 0.
        num_steps: at most, in "settle"; else exactly.
        pass_steps: between two reports; the last pass of a phase may be shorter.
        batch_size: examples a step.
        rates: shares of the learning rate at the phase's start and end; linear in between.
    """

    kind: Literal[
        "pretrain", "budget", "cooldown", "settle", "final_cooldown", "stream", "search", "fit"
    ]
    stage: int = 0
    num_steps: int
    pass_steps: int
    batch_size: int
    rates: tuple[float, float] = (1.0, 1.0)

    def steps_after(self, done: int) -> int:
        """Steps of the pass that begins after `done` of the phase."""
        return min(self.pass_steps, self.num_steps - done)

    def rate_after(self, done: int) -> float:
        """Share of the learning rate after `done` steps."""
        begin, end = self.rates
        return begin + (end - begin) * done / self.num_steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """How long a measured or searched trial trains.

    Attributes:
        budget_steps: T of the last stage, its cooldown included; as many of any stage before.
        most_steps: where convergence is given up, its cooldown included; `budget_steps` where the
            trial ends at its budget.
        pass_steps: between two reports, up to T.
        batch_size: examples a step.
    """

    budget_steps: int
    most_steps: int
    pass_steps: int
    batch_size: int

    @property
    def cooldown_steps(self) -> int:
        """Of either branch: a fifth of T's passes, rounded up."""
        passes = -(-self.budget_steps // self.pass_steps)
        cooling = -(-passes * COOLDOWN_SHARE // 1)
        return min(self.budget_steps, int(cooling) * self.pass_steps)


def schedule_in(unit: str, *, budget: int, most: int, num_train: int, batch_size: int) -> Schedule:
    """A budget in steps.

    An epoch is as many whole batches as come nearest to the sample, one at least; no batch is
    larger than the sample.

    Args:
        unit: "epochs" or "steps".
        budget: T, in that unit.
        most: where convergence is given up, likewise.
        num_train: examples of the sample.
        batch_size: that is asked for.
    """
    batch_size = min(batch_size, num_train)
    if unit == "epochs":
        pass_steps = max(1, round(num_train / batch_size))
        budget, most = budget * pass_steps, most * pass_steps
    else:
        pass_steps = -(-budget // NUM_REPORTS)
    return Schedule(
        budget_steps=budget, most_steps=most, pass_steps=pass_steps, batch_size=batch_size
    )


def trained_phases(num_stages: int, schedule: Schedule) -> tuple[Phase, ...]:
    """The phases of a model that is trained on a sample."""
    last, cooling = num_stages - 1, schedule.cooldown_steps
    trunk = schedule.budget_steps - cooling
    cooldown = Phase(
        kind="cooldown",
        stage=last,
        num_steps=cooling,
        pass_steps=schedule.pass_steps,
        batch_size=schedule.batch_size,
        rates=(1.0, 0.0),
    )
    whole = replace(cooldown, num_steps=schedule.budget_steps, rates=(1.0, 1.0))
    phases = [replace(whole, kind="pretrain", stage=stage) for stage in range(last)]
    if trunk:
        phases.append(replace(whole, kind="budget", num_steps=trunk))
    phases.append(cooldown)
    left = schedule.most_steps - schedule.budget_steps
    if left > 0:
        slower = max(schedule.pass_steps, MIN_SETTLING_STEPS)
        phases.append(replace(whole, kind="settle", num_steps=left, pass_steps=slower))
        phases.append(replace(cooldown, kind="final_cooldown"))
    return tuple(phases)


def traced_steps(phases: Sequence[Phase], num_points: int) -> frozenset[int]:
    """Steps of the trunk after which its risk is looked at: evenly spaced on a logarithmic axis.

    From the first pass to the last that there may be, and where the branch to R_n(T) leaves. A
    point is a pass's end, the one that comes nearest; where passes are far apart several are one,
    so that there are fewer than asked for.

    Args:
        phases: of a trial; of one without a trunk there are none.
        num_points: at most, but for the branch's; 0: none.
    """
    ends, fork = trunk_ends(phases)
    if not ends or not num_points:
        return frozenset()
    places = np.log(ends)
    wanted = np.linspace(places[0], places[-1], num_points)
    nearest = np.abs(places - wanted[:, None]).argmin(axis=1)
    return frozenset(ends[place] for place in nearest) | ({fork} if fork else set())


def trunk_ends(phases: Sequence[Phase]) -> tuple[list[int], int]:
    """Steps of the trunk at the ends of its passes, and where it is left for the first time."""
    ends, begin, fork = [], 0, 0
    for phase in phases:
        if phase.kind in TRUNK:
            ends += [*range(begin + phase.pass_steps, begin + phase.num_steps, phase.pass_steps)]
            begin += phase.num_steps
            ends.append(begin)
            fork = begin if phase.kind == "budget" else fork
    return ends, fork


def stream_phases(num_stages: int, num_examples: int, batch_size: int) -> tuple[Phase, ...]:
    """The phases on a stream: every stage sees `num_examples`, its rate falling to zero."""
    batch_size = min(batch_size, num_examples)
    return tuple(
        Phase(
            kind="stream",
            stage=stage,
            num_steps=round(num_examples / batch_size),
            pass_steps=CHUNK_STEPS,
            batch_size=batch_size,
            rates=(1.0, 0.0),
        )
        for stage in range(num_stages)
    )
