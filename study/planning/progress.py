"""How far a study is, and how long it will take."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

from study.planning.forecast import SHARE, Forecast, Outlook
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES

EVERY_S = 0.5
EVERY_LOGGED_S = 15.0
LONGEST_S = 100 * 31_557_600.0
"""That is said to the second."""


class ProgressLine:
    """Counts by role and time left: a bar on a terminal, a line now and then in a log."""

    def __init__(self, spec: StudySpec, num_slots: int, console: Console) -> None:
        """Starts the clock."""
        self._forecast = Forecast(spec)
        self._num_slots = num_slots
        self._console = console
        self._started = time.monotonic()
        self._shown, self._took_s = float("-inf"), 0.0
        self._every = EVERY_S if console.is_terminal else EVERY_LOGGED_S
        columns = (
            BarColumn(bar_width=16, table_column=Column(min_width=16)),
            TaskProgressColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1)),
        )
        # Drawn by `show` alone: a thread of its own would take time from the trials.
        self._bar = Progress(
            *columns,
            console=console,
            auto_refresh=False,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=None)

    def show(self, records: Iterable[Record]) -> None:
        """Draws the line if the last one is old enough: a twentieth of the time at most."""
        now = time.monotonic()
        if now - self._shown < max(self._every, SHARE * self._took_s):
            return
        self._shown = now
        self._draw(list(records))
        self._took_s = time.monotonic() - now

    def _draw(self, held: Sequence[Record]) -> None:
        outlook = self._forecast.look(held, self._num_slots, time.time())
        line = describe_progress(outlook, held)
        if not self._console.is_terminal:
            self._write(line)
            return
        if not self._bar.live.is_started:
            self._bar.start()
        # What a narrow terminal cuts off is the end: the time left comes first.
        counts, _, left = line.partition(" · about ")
        described = f"{left} · {counts}" if left else counts
        total = sum(outlook.totals.values())
        self._bar.update(
            self._task, total=total, completed=len(held), description=described, refresh=True
        )

    def close(self, records: Iterable[Record]) -> None:
        """Takes the bar away and writes the last line."""
        self._bar.stop()
        held = list(records)
        line = describe_progress(self._forecast.look(held, self._num_slots, time.time()), held)
        elapsed = duration(time.monotonic() - self._started)
        self._write(f"{line.split(' · about')[0]} · took {elapsed}")

    def _write(self, line: str) -> None:
        self._console.file.write(f"{line}\n")
        self._console.file.flush()


def describe_progress(outlook: Outlook, records: Iterable[Mapping[str, Any]]) -> str:
    """`search 3/8 · measure 10/40 · ... · stopped 1 · failed 0 · about 1:20 left`."""
    records, totals = list(records), outlook.totals
    done = Counter(record["role"] for record in records)
    statuses = Counter(record["status"] for record in records)
    parts = [
        f"{role} {done[role]}/{max(done[role], totals[role])}" for role in ROLES if totals.get(role)
    ]
    parts += [f"{status} {statuses[status]}" for status in ("stopped", "failed")]
    if outlook.seconds_left:
        parts.append(f"about {duration(outlook.seconds_left)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """`0:07`, `12:30` or `3:02:01`."""
    if seconds > LONGEST_S:
        return f"more than {LONGEST_S / 31_557_600:.0f} years"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
