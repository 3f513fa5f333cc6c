"""How much a trial computes, before it runs: examples that it learns from, and rules it scores."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from classcomp.training.convergence import MIN_WINDOW, WINDOW_STEPS, Reading, has_settled
from classcomp.training.phases import (
    MIN_SETTLING_STEPS,
    Schedule,
    schedule_in,
    trained_phases,
    trunk_ends,
)
from search_spaces import Categorical, FamilySpace
from study.request.spec import StudySpec
from study.trials.roles import Budget, Role, Scope
from study.trials.trial import CORRUPTIONS, Cell

LIKELY_SETTLED = 850
"""Optimizer steps until a trial has settled, where nothing is known yet. The medians of
`steps_to_converge` in ray_results/reference are 816 (quickstart) and 664 (gaussian-small), the
means 957 and 943."""
LOOKING = 1 / 3
"""What looking at an example costs, of what learning from it does: forward without backward."""
ASSESSING = 2 / 3
"""What the risk alone costs, of all that is scored of a rule: of 10,000 of 15,000 examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a trial computes.

    Attributes:
        least: examples that it learns from, where it ends as early as it can; those that it is
            looked at by after every pass count as `LOOKING` of one.
        likely: the same, where it ends when most do.
        most: the same, where it goes on to where convergence is given up.
        tracked: examples that it is looked at by after every pass.
        scorings: of a rule, by all scores there are; the risk alone is `ASSESSING` of one.
    """

    least: float
    likely: float
    most: float
    tracked: int = 0
    scorings: float = 0.0


def work_of(spec: StudySpec, role: Role, cell: Cell, batch_size: int | None) -> Work:
    """What a trial of a role computes.

    Args:
        spec: what is asked.
        role: the trial's.
        cell: the trial's.
        batch_size: of its hyperparameters; None for what is fitted at once.
    """
    num, is_evaluated = cell.num_train, not role.is_searched
    corrupted = sum(name in CORRUPTIONS and any(held) for name, held in spec.distortions.items())
    corrupted *= role.is_measured
    scorings = is_evaluated + corrupted * ASSESSING
    ends_twice = role.budget(spec).at_most > role.budget(spec).to_budget
    if spec.is_fitted(cell.family) or batch_size is None:
        return Work(least=num, likely=num, most=num, scorings=scorings + ends_twice)
    if role.scope is not Scope.CELL:
        seen = num * (2.0 if role.has_teacher else 1.0)  # the teacher has learned as much before
        return Work(least=seen, likely=seen, most=seen, scorings=scorings)
    if role.folds is not None and role.folds(spec):
        num -= num // role.folds(spec)
    looked_at = num + (spec.search.validation_size or num if role.is_searched else 0)
    length = _length(role.budget(spec), num, batch_size, spec.training.traced * role.is_measured)
    grace = spec.search.grace_share if role.is_searched and spec.search.trials > 1 else 1.0
    least, likely, most = (
        steps * length.batch_size + passes * looked_at * LOOKING
        for steps, passes in (length.least, length.likely, length.most)
    )
    return Work(
        least=least * grace,
        likely=likely * (1 + grace) / 2,
        most=most,
        tracked=looked_at,
        scorings=scorings + ends_twice + length.num_traced * ASSESSING,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Length:
    """(steps, passes) of a trial that ends as early as it can, when most do, as late as it can."""

    batch_size: int
    least: tuple[float, float]
    likely: tuple[float, float]
    most: tuple[float, float]
    num_traced: float


@lru_cache(maxsize=4_096)
def _length(budget: Budget, num_train: int, batch_size: int, traced: int) -> _Length:
    schedule = schedule_of(budget, num_train, batch_size)
    cooling, most = schedule.cooldown_steps, schedule.most_steps - schedule.cooldown_steps
    fork, slower = schedule.budget_steps - cooling, max(schedule.pass_steps, MIN_SETTLING_STEPS)

    def until(end: float) -> tuple[float, float]:
        """Of a trunk up to there with its branches, of which there is one where that is by T."""
        branches = 1 if end <= fork else 2
        passes = (min(end, fork) + branches * cooling) / schedule.pass_steps
        return end + branches * cooling, passes + max(0.0, end - fork) / slower

    earliest = first_settled(schedule) or most
    likely = min(max(earliest, LIKELY_SETTLED), most)
    if most <= fork:
        earliest = likely = fork
    elif budget.until == "end":
        earliest = likely = most
    first = min(schedule.pass_steps, most)
    share = math.log(max(likely, first) / first) / (math.log(most / first) or 1.0)
    return _Length(
        batch_size=schedule.batch_size,
        least=until(earliest),
        likely=until(likely),
        most=until(max(most, fork)),
        num_traced=min(traced * share, until(likely)[1]),
    )


def schedule_of(budget: Budget, num_train: int, batch_size: int) -> Schedule:
    """A budget in steps of so large a batch of a sample."""
    return schedule_in(
        budget.unit,
        budget=budget.to_budget,
        most=budget.at_most,
        num_train=num_train,
        batch_size=batch_size,
    )


def first_settled(schedule: Schedule) -> int | None:
    """Steps of the trunk after which it can have settled, at the earliest; None: never.

    Asked of the rule itself, with readings that do not move.
    """
    enough = 4 * (WINDOW_STEPS + MIN_WINDOW * schedule.pass_steps)  # to settle within, twice over
    budget = min(schedule.budget_steps, enough)
    cut = replace(
        schedule, budget_steps=budget, most_steps=min(schedule.most_steps, budget + enough)
    )
    ends, _ = trunk_ends(trained_phases(1, cut))
    readings: list[Reading] = []
    for begin, end in pairwise([0, *ends]):
        readings.append(Reading(end - begin, 0.0, 0.0))
        if has_settled(readings):
            return end
    return None


def settling_lines(spec: StudySpec) -> list[str]:
    """A line where measured trials cannot settle, however flat their training is.

    That is nobody's error, where it is chosen: R_n(inf) is R_n at the maximum then.
    """
    budget = spec.training.budget
    sizes = {
        (num, batch)
        for family in spec.families
        if not spec.is_fitted(family)
        for num in spec.num_train
        for batch in [largest_batch(spec.space_of(family))]
        if batch is not None
    }
    short = {}
    for num, batch in sorted(sizes):
        if first_settled(schedule_of(budget, num, batch)) is None:
            longer = replace(budget, at_most=budget.at_most + 10**9)
            schedule = schedule_of(longer, num, batch)
            needed = (first_settled(schedule) or 0) + schedule.cooldown_steps
            per_unit = 1 if budget.unit == "steps" else schedule.pass_steps
            short[num, batch] = -(-needed // per_unit)
    if budget.until == "end" or not short:
        return []
    (num, batch), enough = max(short.items(), key=lambda item: item[1])
    more = f", and with {len(short) - 1} other sizes and batches fewer" if len(short) > 1 else ""
    return [
        f"training.max_{budget.unit} = {budget.at_most}: trials with n = {num} in batches of "
        f"{min(batch, num)} cannot settle by then, and R_n(inf) is what it is there; two windows "
        f"of {WINDOW_STEPS} steps and the cooldown take {enough} {budget.unit}{more}"
    ]


def largest_batch(space: FamilySpace) -> int | None:
    """Examples a step, the most that are searched; None for a family that is fitted."""
    if "batch_size" not in space.defaults:
        return None
    domain = space.space.get("batch_size")
    choices = domain.choices if isinstance(domain, Categorical) else ()
    most = getattr(domain, "high", 0)
    return max(map(int, (*choices, most, space.defaults["batch_size"] or 1)))
