"""How far a study is, and what a trial is called."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from study.plan import total_by_role
from study.schema import ROLES, UNDISTORTED
from study.spec import Cell, StudySpec

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
    """`search 3/8 · measure 10/40 · ... · stopped 1 · failed 0 · about 1:20 left`."""
    records = list(records)
    done = Counter(record["role"] for record in records)
    statuses = Counter(record["status"] for record in records)
    parts = [
        f"{role} {done[role]}/{max(done[role], totals[role])}" for role in ROLES if totals.get(role)
    ]
    parts += [f"{status} {statuses[status]}" for status in ("stopped", "failed")]
    left = seconds_left(totals, records, num_slots)
    if left:
        parts.append(f"about {duration(left)} left")
    return " · ".join(parts)


def seconds_left(
    totals: Mapping[str, int], records: Iterable[Mapping[str, Any]], num_slots: float
) -> float | None:
    """Mean seconds of the finished trials of each role times those left, over those side by side.

    None before a trial of every role that is left has finished.
    """
    done: Counter[str] = Counter()
    seconds: dict[str, list[float]] = defaultdict(list)
    for record in records:
        done[record["role"]] += 1
        wall_s = record["metrics"].get("wall_s")
        if wall_s is not None:
            seconds[record["role"]].append(wall_s)
    left = {role: totals[role] - done[role] for role in totals if totals[role] > done[role]}
    if not all(seconds[role] for role in left):
        return None
    work = sum(n * sum(seconds[role]) / len(seconds[role]) for role, n in left.items())
    return work / num_slots


def trial_title(trial: Mapping[str, Any]) -> str:
    """`vgg d2 xor label_noise=0.2 n=256 s3`; a role other than measure comes last.

    Args:
        trial: a record, or a trial's identity.
    """
    title = f"{_title(trial, trial['population'].partition('(')[0])} s{trial['seed']}"
    return title if trial["role"] == "measure" else f"{title} {trial['role']}"


def cell_title(cell: Cell) -> str:
    """`vgg d2 xor(sigma=0.5) label_noise=0.2 n=256`."""
    return _title(asdict(cell), cell.population)


def _title(cell: Mapping[str, Any], population: str) -> str:
    parts = [cell["family"], f"d{cell['depth']}", population]
    if cell["distortion"] != UNDISTORTED:
        parts.append(f"{cell['distortion']}={cell['severity']:g}")
    return " ".join([*parts, f"n={cell['num_train']}"])


def duration(seconds: float) -> str:
    """`0:07`, `12:30` or `3:02:01`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
