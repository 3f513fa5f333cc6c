"""The command `python -m study.status DIR`: how far a study is, from its files alone.

Works while the study runs and after; needs neither Ray nor torch. Exit status: 0, or 2 where DIR
is no study.
"""

import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from study import cli
from study.planning.forecast import Forecast, Outlook
from study.planning.plan import enumerate_cells, is_complete, seeds_by_cell
from study.planning.progress import duration
from study.planning.stretch import last_stretch, spans_of
from study.rendering.units import UNKNOWN, unit_of
from study.request.extension import check_protocol
from study.request.reading import SpecError, read_spec
from study.request.spec import StudySpec
from study.storage.ledger import LedgerError, Record, nothing_collected
from study.storage.opening import open_ledger, store_at
from study.storage.store import StorageError
from study.trials.roles import ROLES
from study.trials.schema import STATUSES
from study.trials.trial import Cell, cell_of, trial_title

MAX_MESSAGES = 4
MIN_CELLS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    cli.print_whatever_can_be_shown()
    parser = cli.Parser(prog="python -m study.status", description="Tells how far a study is.")
    parser.add_argument("directory", metavar="DIR", help="such as ray_results/quickstart")
    options = parser.parse_args(arguments)
    try:
        with nothing_collected():
            print(_status(options.directory))
    except (SpecError, LedgerError, StorageError, OSError) as error:
        return cli.complain("study.status", cli.reason(error))
    return cli.OK


def _status(directory: str) -> str:
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
    rows = shutil.get_terminal_size(fallback=(100, 40)).lines
    return describe(spec, records, warnings, began, time.time(), rows)


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
    outlook = Forecast(spec).look(records, None, None if began is None else now)
    totals = outlook.totals
    is_over = began is None and is_complete(spec, records)
    state = (
        "a driver is at work" if began is not None else "finished" if is_over else "nobody at work"
    )
    lines = [f"{spec.name} · {state} · {len(records)} of {sum(totals.values())} trials finished"]
    if is_over and any(_count(records, role) < total for role, total in totals.items()):
        lines.append("the others cannot start: every proposal of their search failed")
    lines.append(_clock(None if is_over else outlook, records, began, now))
    lines += [f"warning: {warning}" for warning in warnings]
    lines += ["", *_roles(totals, records), *_failures(records), ""]
    lines += _cells(spec, records, max(MIN_CELLS, rows - len(lines) - 4))
    return "\n".join(cli.printable(line) for line in lines)


def _clock(
    outlook: Outlook | None, records: Sequence[Record], began: float | None, now: float
) -> str:
    spans = spans_of(records)
    last = spans[-1].finished if spans else 0.0
    is_new = began is not None and last < began  # the pause before its first trial is no work
    stretch = last_stretch(spans, None if began is None or is_new else now)
    if stretch is None:
        return "no trial has finished yet"
    parts = [
        f"at work for {duration(max(0.0, now - began))}, without a finished trial yet"
        if began is not None and is_new
        else f"{'was ' if began is None else ''}at work for {duration(stretch.seconds)}",
    ]
    if not is_new:
        parts.append(f"{60 * stretch.num_trials / stretch.seconds:.1f} trials a minute")
    left = 0.0 if outlook is None else outlook.seconds_left
    if left is None:
        parts.append("time left unknown")
    elif left:
        parts.append(f"about {duration(left)} left" + (" once resumed" if began is None else ""))
    parts.append(f"last trial {duration(max(0.0, now - last))} ago")
    return " · ".join(parts)


def _roles(totals: Mapping[str, int], records: Sequence[Record]) -> list[str]:
    counts = Counter((record["role"], record["status"]) for record in records)
    head = f"{'':<16}{'planned':>9}" + "".join(f"{status:>9}" for status in STATUSES)
    return [head] + [
        f"{role:<16}{totals[role]:>9}"
        + "".join(f"{counts[role, status]:>9}" for status in STATUSES)
        for role in ROLES
        if totals.get(role) or _count(records, role)
    ]


def _failures(records: Sequence[Record]) -> list[str]:
    trials: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["status"] == "failed":
            trials[str(record.get("error") or "no message")].append(record)
    if not trials:
        return []
    messages = sorted(trials.items(), key=lambda item: -len(item[1]))
    lines = ["", "failures"]
    for message, failed in messages[:MAX_MESSAGES]:
        lines.append(f"{len(failed):>5} × {_cut(message, 86)}")
        lines.append(f"        such as {trial_title(failed[-1])} ({failed[-1]['trial_id']})")
    if len(messages) > MAX_MESSAGES:
        lines.append(f"      and {len(messages) - MAX_MESSAGES} other messages")
    return lines


def _cells(spec: StudySpec, records: Sequence[Record], room: int) -> list[str]:
    """Cells with work in progress first, then those that are finished."""
    by_cell: dict[Cell, list[Record]] = defaultdict(list)
    for record in records:
        if ROLES[record["role"]].is_in_grid:
            by_cell[cell_of(record)].append(record)
    cells = list(dict.fromkeys([*enumerate_cells(spec), *by_cell]))
    planned = _num_planned(spec, records, cells)
    started = [cell for cell in cells if by_cell.get(cell)]
    started.sort(key=lambda cell: len(by_cell[cell]) >= planned[cell])
    if not started:
        return [f"{len(cells)} cells, none begun"]
    lines = [f"{'cell, and its least risks':<62}{'finished':>10}{'validation':>12}{'excess':>10}"]
    for cell in started[:room]:
        done = by_cell[cell]
        finished = f"{len(done)}/{planned[cell]}"
        best = f"{_best(done, 'validation_risk'):>12}{_best(done, 'excess_risk'):>10}"
        lines.append(f"{_cut(cell.title, 61):<62}{finished:>10}{best}")
    more = [f"{len(started) - room} more begun"] if len(started) > room else []
    more += [f"{len(cells) - len(started)} not begun"] if len(cells) > len(started) else []
    return [*lines, f"cells: {', '.join(more)}"] if more else lines


def _num_planned(
    spec: StudySpec, records: Sequence[Record], cells: Sequence[Cell]
) -> dict[Cell, int]:
    """Trials of each cell; a family in which everything is fixed has no search."""
    searched = {cell: bool(spec.space_at(cell).space) for cell in enumerate_cells(spec)}
    grid = [role for role in ROLES.values() if role.is_in_grid]
    seeds = seeds_by_cell(spec, records) if spec.precision is not None else {}
    return {
        cell: sum(
            seeds.get(cell, len(role.seeds(spec))) if role.is_measured else len(role.seeds(spec))
            for role in grid
            if searched.get(cell, True) or not role.is_searched
        )
        for cell in cells
    }


def _best(records: Sequence[Record], name: str) -> str:
    """A cell's least value, of classifiers a percentage; a dash where none is known."""
    known = [r["metrics"][name] for r in records if r["metrics"].get(name) is not None]
    if not known:
        return UNKNOWN
    unit = unit_of(records[0].get("task"))
    shown = unit.show(min(known), 1)
    return f"{shown} %" if unit.sign == "%" else shown


def _count(records: Sequence[Record], role: str) -> int:
    return sum(record["role"] == role for record in records)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
