"""The command `python -m study.status DIR`: how far a study is, from its files alone.

Works while the study runs and after; needs neither Ray nor torch. Exit status: 0, 2 where DIR is no
study, or 130 where watching was interrupted.
"""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from study import cli
from study.engine.signals import INTERRUPTED
from study.options import status_parser
from study.planning.plan import is_complete
from study.planning.progress import duration
from study.planning.standing import (
    FINISHED,
    IDLE,
    RUNNING,
    CellStanding,
    Standing,
    as_json,
    standing_of,
)
from study.rendering.units import UNKNOWN, unit_of
from study.request.extension import check_protocol
from study.request.reading import SpecError, read_spec
from study.request.spec import StudySpec
from study.storage.collection import nothing_collected
from study.storage.ledger import LedgerError, Record
from study.storage.opening import open_ledger, store_at
from study.storage.store import StorageError
from study.trials.roles import ROLES
from study.trials.schema import STATUSES
from study.trials.trial import trial_title

STATES = {RUNNING: "a driver is at work", IDLE: "nobody at work", FINISHED: "finished"}
EVERY_S = 3.0
"""Seconds between two looks of who watches."""
MAX_MESSAGES = 4
MIN_CELLS = 5


def main(arguments: Sequence[str] | None = None, prog: str = "python -m study.status") -> int:
    """Runs the command; returns its exit status."""
    cli.print_whatever_can_be_shown()
    options = status_parser(prog).parse_args(arguments)
    try:
        if options.watch:
            return watch(options.directory, Console())
        with nothing_collected():
            looked = look(options.directory)
    except (SpecError, LedgerError, StorageError, OSError) as error:
        return cli.complain("study.status", cli.reason(error))
    except KeyboardInterrupt:  # where it is watched
        return INTERRUPTED
    if options.json:
        print(json.dumps(looked.as_json(), indent=2, ensure_ascii=False))
    else:
        print(looked.screen(shutil.get_terminal_size(fallback=(100, 40)).lines))
    return cli.OK


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was found at one look into a study's place.

    Attributes:
        began: when the driver at work did, in seconds since 1970; None: nobody is at work.
        now: when it was looked, in seconds since 1970.
    """

    spec: StudySpec
    records: Sequence[Record]
    warnings: Sequence[str]
    began: float | None
    now: float

    @property
    def is_over(self) -> bool:
        """Whether everything is done, and nobody is at work."""
        return self.began is None and is_complete(self.spec, self.records)

    def screen(self, rows: int) -> str:
        """The whole screen, of so many rows."""
        return describe(self.spec, self.records, self.warnings, self.began, self.now, rows)

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        standing = standing_of(self.spec, self.records, self.began, self.now)
        return as_json(self.spec.name, standing, len(self.records), self.warnings)


def look(directory: str) -> Look:
    """Looks into a study's place.

    Raises:
        SpecError, LedgerError, StorageError, OSError: it is none, or cannot be read.
    """
    store = store_at(directory)
    with store.workspace() as folder:
        if not (folder / "study.toml").is_file():
            raise SpecError(f"{directory}: there is no study.toml; allowed is a study's own folder")
        ledger = open_ledger(store)
        records, warnings = ledger.read()
        check_protocol(records, store.shown)  # of another one, its study file is too
        spec = read_spec(str(folder / "study.toml"))
        # A driver writes it when it begins.
        began = store.written_at("study.toml") if ledger.is_held() else None
    return Look(spec=spec, records=records, warnings=warnings, began=began, now=time.time())


def watch(directory: str, console: Console, every_s: float = EVERY_S) -> int:
    """Shows the screen again every few seconds, until the study is finished.

    Args:
        directory: the study's place.
        console: a terminal is drawn over; anything else is given the last screen alone.
        every_s: seconds between two looks.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    looked = look(directory)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not looked.is_over:
            # A row less than the screen: below a full one the terminal would scroll.
            live.update(Text(looked.screen(console.height - 1), no_wrap=True), refresh=True)
            time.sleep(every_s)
            looked = look(directory)
    console.file.write(f"{looked.screen(console.height - 1)}\n")
    return cli.OK


def describe(
    spec: StudySpec,
    records: Sequence[Record],
    warnings: Sequence[str],
    began: float | None,
    now: float,
    rows: int,
) -> str:
    """The whole screen.

    Args:
        spec: what is asked.
        records: what is finished.
        warnings: of reading the ledger.
        began: when the driver that holds it did, in seconds since 1970; None: none holds it.
        now: seconds since 1970.
        rows: of the screen; cells that do not fit are only counted.
    """
    held = standing_of(spec, records, began, now)
    num_planned = sum(held.planned.values())
    lines = [
        f"{spec.name} · {STATES[held.state]} · {len(records)} of {num_planned} trials finished"
    ]
    if held.is_stuck:
        lines.append("the others cannot start: every proposal of their search failed")
    lines.append(_clock(held, now))
    lines += [f"warning: {warning}" for warning in warnings]
    lines += ["", *_roles(held), *_failures(held), ""]
    lines += _cells(held, max(MIN_CELLS, rows - len(lines) - 4))
    return "\n".join(cli.printable(line) for line in lines)


def _clock(held: Standing, now: float) -> str:
    stretch, began = held.stretch, held.began
    if stretch is None:
        return "no trial has finished yet"
    parts = [
        f"at work for {duration(max(0.0, now - began))}, without a finished trial yet"
        if began is not None and held.is_new
        else f"{'was ' if began is None else ''}at work for {duration(stretch.seconds)}",
    ]
    if not held.is_new:
        parts.append(f"{60 * stretch.num_trials / stretch.seconds:.1f} trials a minute")
    if held.seconds_left is None:
        parts.append("time left unknown")
    elif held.seconds_left:
        resumed = " once resumed" if began is None else ""
        parts.append(f"about {duration(held.seconds_left)} left{resumed}")
    parts.append(f"last trial {duration(max(0.0, now - (held.last or 0.0)))} ago")
    return " · ".join(parts)


def _roles(held: Standing) -> list[str]:
    head = f"{'':<16}{'planned':>9}" + "".join(f"{status:>9}" for status in STATUSES)
    return [head] + [
        f"{role:<16}{held.planned.get(role, 0):>9}"
        + "".join(f"{held.counts.get((role, status), 0):>9}" for status in STATUSES)
        for role in ROLES
        if held.planned.get(role) or held.finished(role)
    ]


def _failures(held: Standing) -> list[str]:
    if not held.failures:
        return []
    messages = list(held.failures.items())
    lines = ["", "failures"]
    for message, failed in messages[:MAX_MESSAGES]:
        lines.append(f"{len(failed):>5} × {_cut(message, 86)}")
        lines.append(f"        such as {trial_title(failed[-1])} ({failed[-1]['trial_id']})")
    if len(messages) > MAX_MESSAGES:
        lines.append(f"      and {len(messages) - MAX_MESSAGES} other messages")
    return lines


def _cells(held: Standing, room: int) -> list[str]:
    """Cells with work in progress first, then those that are finished."""
    started = [cell for cell in held.cells if cell.finished]
    started.sort(key=lambda cell: cell.finished >= cell.planned)
    if not started:
        return [f"{len(held.cells)} cells, none begun"]
    lines = [f"{'cell, and its least risks':<62}{'finished':>10}{'validation':>12}{'excess':>10}"]
    for cell in started[:room]:
        finished = f"{cell.finished}/{cell.planned}"
        best = f"{_best(cell, 'validation_risk'):>12}{_best(cell, 'excess_risk'):>10}"
        lines.append(f"{_cut(cell.cell.title, 61):<62}{finished:>10}{best}")
    num_new = len(held.cells) - len(started)
    more = [f"{len(started) - room} more begun"] if len(started) > room else []
    more += [f"{num_new} not begun"] if num_new else []
    return [*lines, f"cells: {', '.join(more)}"] if more else lines


def _best(cell: CellStanding, name: str) -> str:
    """A cell's least value, of classifiers a percentage; a dash where none is known."""
    value = cell.least[name]
    if value is None:
        return UNKNOWN
    unit = unit_of(cell.task)
    shown = unit.show(value, 1)
    return f"{shown} %" if unit.sign == "%" else shown


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
