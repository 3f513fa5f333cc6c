"""What the largest trial of a study takes, held against this machine before the first one starts.

Memory is counted from shapes, without building a network: nobody learns of it otherwise before a
worker dies. Counted are the samples that a trial has in memory at once as its family sees them,
what making the largest of them takes, maps of `CHANNELS` channels of one batch, and a network that
was given a width or a capacity; the process itself is `PROCESS`. A study on a cluster is counted
too, and told, but not refused: its nodes are not known before Ray is asked.

Time is a floor: optimizer steps at `LEAST_STEP_S` each.
"""

import math
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from classcomp.populations import Population, make
from search_spaces import FamilySpace
from search_spaces.family import BUDGET_AT_DEPTH_1
from study.planning.progress import duration
from study.planning.work import largest_batch
from study.request.reading import SpecError
from study.request.spec import StudySpec

EVALUATED, SELECTED, PASSED = 10_000, 5_000, 8_192
"""Examples of the evaluation sample of a known law, of the draw that chooses U_H, and of a pass
over a stream. Repeated from classcomp.draws and classcomp.training, which import torch; a test
holds them together."""
SCORED = 2_048
"""Examples that a network is scored on at once."""
CHANNELS = 64
"""Of maps as large as the input: a network of depth 1 that meets its budget has about as many."""
PROCESS = 700 * 2**20
"""Bytes of a worker with torch in it; 610 were measured."""
COPIES_OF_PARAMETERS = 4
"""Values, gradients and the optimizer's two moments."""
LEAST_STEP_S = 1e-4
"""Of the smallest network, on any machine."""
LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a trial needs.

    Attributes:
        what: family and population.
        num_bytes: of memory, at its largest.
        seconds: at least, up to its budget.
    """

    what: str
    num_bytes: float
    seconds: float


def check_cost(
    spec: StudySpec, data_dir: str | None, *, memory: float, side_by_side: int, insists: bool
) -> list[str]:
    """Lines on trials that this machine is too small for.

    Args:
        spec: what is asked.
        data_dir: where real images are looked for first.
        memory: of this machine, in bytes.
        side_by_side: trials that run at once.
        insists: a trial that does not fit is told, not refused.

    Raises:
        SpecError: one does not fit, and the user does not insist; one line.
    """
    needs = list(_needs(spec, data_dir))
    largest = max(needs, key=lambda need: need.num_bytes)
    longest = max(needs, key=lambda need: need.seconds)
    have = f"this machine has {_size(memory)}"
    if largest.num_bytes > memory:
        lacking = (
            f"a trial of {largest.what} takes about {_size(largest.num_bytes)} of memory, {have}"
        )
    elif longest.seconds > LONGEST_S:
        lacking = (
            f"a trial of {longest.what} takes {duration(longest.seconds)} at least, of up to "
            f"{duration(LONGEST_S)} that are run unasked"
        )
    elif side_by_side * largest.num_bytes > memory:
        return [
            f"memory: {side_by_side} trials at once take up to "
            f"{_size(side_by_side * largest.num_bytes)} ({largest.what}), {have}; a larger "
            "resources.cpus_per_trial lets fewer run at once"
        ]
    else:
        return []
    if not insists:
        raise SpecError(f"{lacking}; insist with --force, or make it smaller")
    return [lacking]


def memory_here() -> float:
    """Bytes that a process of this machine may have: of the machine, its container or its limit."""
    held = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # version 2 says "max" where there is no limit
            held.append(float(Path(place).read_text()))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        held.append(float(soft))
    return min(held)


def _needs(spec: StudySpec, data_dir: str | None) -> Iterator[Need]:
    for section in spec.populations:
        population = make(section.name, data_dir=data_dir, **section.parameters)
        for family in spec.families:
            for latent_dim in spec.latent_dims_of(family):
                space = spec.space_of(family, latent_dim=latent_dim)
                yield Need(
                    what=f"{family} on {section.label}",
                    num_bytes=_num_bytes(spec, population, space, family),
                    seconds=_least_steps(spec, population, space) * LEAST_STEP_S,
                )


def _num_bytes(spec: StudySpec, population: Population, space: FamilySpace, family: str) -> float:
    """Of its seeds' samples, their making, one batch's maps and a network of a width or budget."""
    image = None if space.takes == "vectors" else population.image_shape
    shape = population.vector_shape if image is None else image
    size, point = math.prod(shape), math.prod(population.vector_shape)
    is_known = population.num_available("train") is None
    scored = population.num_available("test") or EVALUATED
    trained = max(spec.num_train)
    streams = max((*spec.best_in_class.num_stream, *spec.limit.num_stream))
    drawn = max(trained, streams if spec.is_fitted(family) else min(streams, PASSED))
    held = (scored + SELECTED * is_known + drawn) * 4.0 * size
    made = max(scored, drawn) * (8.0 * size + 24.0 * point)
    batch = min(max(SCORED, largest_batch(space) or 1), max(scored, drawn))
    capacity = max((c for c in spec.capacities_of(family) if c is not None), default=0.0)
    channels = CHANNELS * max(1.0, math.sqrt(capacity))  # weights grow with their square
    maps = batch * 2 * 4.0 * channels * math.prod(image[1:]) if image is not None else 0.0
    width = float(space.defaults.get("width") or 0.0)
    weights = (
        4.0 * COPIES_OF_PARAMETERS * width * (9 * width if image is not None else size + width)
    )
    budget = capacity * BUDGET_AT_DEPTH_1 * 2.0 ** (max(spec.depths) - 1)
    weights += 4.0 * COPIES_OF_PARAMETERS * budget
    return PROCESS + made + spec.resources.seeds_per_trial * (held + maps + weights)


def _least_steps(spec: StudySpec, population: Population, space: FamilySpace) -> float:
    """Optimizer steps of the longest trial up to its budget, with the largest batch searched."""
    batch, budget, num = largest_batch(space), spec.training.budget, max(spec.num_train)
    if batch is None:
        return 0.0
    steps = budget.to_budget
    if budget.unit == "epochs":
        steps *= max(1, round(num / min(batch, num)))
    streams = (*spec.best_in_class.num_stream, *spec.limit.num_stream)
    return float(max(steps, max(streams) / batch))


def _size(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.3g} GiB"
