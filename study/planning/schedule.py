"""When the last trial ends: trials in the order of the plan, each on the next slot that is free."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from study.trials.trial import Cell

MOST_EVENTS = 5_000
"""Of one simulation. Of more trials than that some run as one, one after the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Trials that are alike.

    Attributes:
        count: how many.
        seconds: that each takes.
        searches: the cell whose search they are, of which few run side by side; None: none.
        waits_for: the cell whose search has to be over first; None: for nothing.
        at_once: how many run side by side at most.
    """

    count: int
    seconds: float
    searches: Cell | None = None
    waits_for: Cell | None = None
    at_once: float = math.inf


def makespan(batches: Sequence[Batch], num_slots: int, begun_s: Sequence[float] = ()) -> float:
    """Seconds until the last trial ends (list scheduling, Graham 1966).

    A slot that falls free takes the first trial in the list that waits for nothing.

    Args:
        batches: in the order in which they are to start.
        num_slots: trials side by side.
        begun_s: how long ago those began that are running, at most `num_slots`; they are taken for
            the first in the list.
    """
    bundle = max(1, math.ceil(sum(batch.count for batch in batches) / MOST_EVENTS))
    left = [batch.count for batch in batches]
    flying: Counter[int] = Counter()
    open_searches = {batch.searches for batch in batches if batch.searches is not None}
    waiting: dict[Cell, list[int]] = defaultdict(list)
    ready: list[int] = []
    for index, batch in enumerate(batches):
        if batch.waits_for in open_searches:
            assert batch.waits_for is not None
            waiting[batch.waits_for].append(index)
        elif batch.count:
            ready.append(index)
    heads, now, free = list(begun_s)[::-1], 0.0, num_slots
    running: list[tuple[float, int]] = []
    while True:
        while free and ready:
            index = ready[0]
            num = min(bundle, left[index])
            takes = num * batches[index].seconds
            takes = max(0.0, takes - heads.pop()) if heads else takes
            heapq.heappush(running, (now + takes, index))
            left[index] -= num
            flying[index] += 1
            free -= 1
            if not left[index] or flying[index] >= batches[index].at_once:
                heapq.heappop(ready)
        if not running:
            return now
        now, index = heapq.heappop(running)
        was_held = flying[index] >= batches[index].at_once and left[index] > 0
        flying[index] -= 1
        free += 1
        if was_held:
            heapq.heappush(ready, index)
        cell = batches[index].searches
        if cell is not None and not left[index] and not flying[index]:
            for later in waiting.pop(cell, ()):
                if left[later]:
                    heapq.heappush(ready, later)
