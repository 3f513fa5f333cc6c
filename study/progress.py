"""One line that says how far a study is."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

from study.plan import total_by_role
from study.schema import ROLES
from study.spec import StudySpec

EVERY_S = 0.5
EVERY_LOGGED_S = 15.0


class ProgressLine:
    """Counts by role and time left; redrawn on a terminal, a line now and then in a log."""

    def __init__(self, spec: StudySpec, num_slots: int, console: Console) -> None:
        """Starts the clock."""
        self._totals = total_by_role(spec)
        self._num_slots = num_slots
        self._console = console
        self._started = time.monotonic()
        self._shown = float("-inf")
        self._every = EVERY_S if console.is_terminal else EVERY_LOGGED_S

    def show(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Draws the line if the last one is old enough."""
        now = time.monotonic()
        if now - self._shown >= self._every:
            self._shown = now
            self._draw(describe_progress(self._totals, records, self._num_slots), end="")

    def close(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Draws the last line."""
        line = describe_progress(self._totals, records, self._num_slots)
        elapsed = duration(time.monotonic() - self._started)
        self._draw(f"{line.split(' · about')[0]} · took {elapsed}", end="\n")

    def _draw(self, line: str, end: str) -> None:
        if self._console.is_terminal:
            width = self._console.width
            self._console.file.write(f"\r{line[: width - 1]:<{width - 1}}{end}")
        else:
            self._console.file.write(f"{line}\n")
        self._console.file.flush()


def describe_progress(
    totals: Mapping[str, int], records: Iterable[Mapping[str, Any]], num_slots: int
) -> str:
    """`search 3/8 · measure 10/40 · ... · stopped 1 · failed 0 · about 1:20 left`.

    The time left is the mean seconds of the finished trials of each role times those left, over
    the trials that run side by side; not said before a trial of every role left has finished.
    """
    done: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    seconds: dict[str, list[float]] = defaultdict(list)
    for record in records:
        done[record["role"]] += 1
        statuses[record["status"]] += 1
        wall_s = record["metrics"].get("wall_s")
        if wall_s is not None:
            seconds[record["role"]].append(wall_s)
    parts = [f"{role} {done[role]}/{totals[role]}" for role in ROLES if totals.get(role)]
    parts += [f"{status} {statuses[status]}" for status in ("stopped", "failed")]
    left = {role: totals[role] - done[role] for role in totals if totals[role] > done[role]}
    if left and all(seconds[role] for role in left):
        work = sum(n * sum(seconds[role]) / len(seconds[role]) for role, n in left.items())
        parts.append(f"about {duration(work / num_slots)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """`0:07`, `12:30` or `3:02:01`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
