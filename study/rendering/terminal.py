"""What a terminal shows: the findings, and a table per population, distortion and sample size."""

import io
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from study.analysis.columns import ERRORS
from study.analysis.faults import populations_of
from study.analysis.frames import Row, half_length, to_rows
from study.rendering.units import UNKNOWN, Unit
from study.rendering.words import (
    AXIS_WORDS,
    TaskRows,
    group_title,
    listed,
    mark_of,
    split_by_task,
)

WIDTH = 100
RISK = "R_n(T)"
NEW_LINE = "\n"
MARKS = {  # of what stands before or after a number, where any row has it
    "≤": "at most: U_H may fall further",
    "~": "some seeds had not settled",
    "*": "seeds missing",
    UNKNOWN: "unknown",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """How numbers are set.

    Attributes:
        is_stacked: intervals stand below their values.
        places: decimals.
    """

    is_stacked: bool
    places: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """The errors that a task's tables show, and in what.

    Attributes:
        has_risk: R_n(T) is shown too, since not every row knows a total.
    """

    errors: Sequence[str]
    unit: Unit
    has_risk: bool


SHORT = {"approximation": "approx.", "estimation": "estim.", "optimization": "optim."}
"""Heads of columns where intervals stand below their values: the heads would be the widest."""

_LAYOUTS = tuple(
    _Layout(is_stacked=is_stacked, places=places)
    for is_stacked, places in (*product((False,), (2, 1)), *product((True,), (2, 1, 0)))
)


def wrap_findings(text: str, width: int = WIDTH) -> str:
    """Wrap the lines of findings.txt; what goes on is indented below its beginning."""
    lines: list[str] = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        lines += textwrap.wrap(
            line.strip(),
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines) + "\n"


def render_landscape_text(landscape: pd.DataFrame, width: int = WIDTH) -> str:
    """Render the errors with their 95% intervals, within `width` columns.

    Before a cell is let wrap, decimals are given up, then intervals go below their values. An
    unknown number is a dash, and an error that no row of a task knows has no column. Plain text: no
    colour and no markup, whatever the terminal.
    """
    text = io.StringIO()
    console = Console(
        file=text, width=width, color_system=None, markup=False, emoji=False, highlight=False
    )
    for task in split_by_task(to_rows(landscape)):
        tables: list[str | Table] = []
        groups: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
        for row in task.rows:
            groups[row["population"], row["distortion"], row["num_train"]].append(row)
        tabular = _columns(task)
        layout = next(
            (one for one in _LAYOUTS if _fits(groups.values(), tabular, one, console)),
            _LAYOUTS[-1],
        )
        order = populations_of(task.rows)
        in_order = sorted(groups.items(), key=lambda group: order.index(group[0][0]))
        for _, rows in in_order:
            tables.append(f"\n{group_title(rows)}")
            tables.append(_table(rows, tabular, layout))
        title = f"{task.title}errors in {task.unit.points}"
        console.print(_legend(task.rows, title, tabular, layout, width))
        for table in tables:
            console.print(table)
        console.print()
    return text.getvalue().rstrip() + "\n"


def _columns(task: TaskRows) -> _Columns:
    lacks_total = any(row["total"] is None and row["risk"] is not None for row in task.rows)
    return _Columns(errors=known_errors(task.rows), unit=task.unit, has_risk=lacks_total)


def known_errors(rows: Sequence[Row]) -> list[str]:
    """Return the errors that any row knows; all of them where none is known."""
    return [name for name in ERRORS if any(row[name] is not None for row in rows)] or list(ERRORS)


def _legend(rows: Sequence[Row], title: str, columns: _Columns, layout: _Layout, width: int) -> str:
    """Say what is shown, of the marks those that are used, and what is known nowhere."""
    used = {mark_of(row, name) for row in rows for name in ERRORS}
    used |= {"*" for row in rows if row["num_missing"]}
    used |= {UNKNOWN for row in rows if any(row[name] is None for name in columns.errors)}
    axes = [": ".join(AXIS_WORDS[name]) for name in _axes(rows)]
    told = [f"{title} [95% interval]", "d: depth", *axes, "sev.: severity"]
    if _knows_slack(rows):
        sign = "(number)" if layout.is_stacked else "slack"
        told.append(f"{sign}: as much of approximation may be the search’s for U_H")
    told += ["R_n(T): risk at the end of the budget"] if columns.has_risk else []
    told += [f"{mark} {meaning}" for mark, meaning in MARKS.items() if mark in used]
    lacking = [name for name in ERRORS if name not in columns.errors]
    told += [f"unknown: {listed(lacking)}"] if lacking else []
    return "\n".join(textwrap.wrap("; ".join(told), width))


def _knows_slack(rows: Sequence[Row]) -> bool:
    return any(row["slack"] is not None for row in rows)


def _fits(
    groups: Iterable[Sequence[Row]], columns: _Columns, layout: _Layout, console: Console
) -> bool:
    endless = console.options.update(max_width=10_000)
    return all(
        Measurement.get(console, endless, _table(rows, columns, layout)).maximum <= console.width
        for rows in groups
    )


def _table(rows: Sequence[Row], columns: _Columns, layout: _Layout) -> Table:
    padding = (0, 0, 0, 0 if layout.is_stacked else 1)  # the box itself puts a space between
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    table.add_column("family", overflow="fold")
    names, unit = [*columns.errors], columns.unit
    risk = [RISK] * columns.has_risk
    if _knows_slack(rows) and not layout.is_stacked:
        names.insert(names.index("approximation") + 1, "slack")
    axes = _axes(rows)
    for name in ("d", *(AXIS_WORDS[axis][0] for axis in axes), "sev.", *risk, *names):
        head = SHORT.get(name, name) if layout.is_stacked else name
        table.add_column(head, justify="right", overflow="fold")
    shape: tuple[str, ...] | None = None
    for row in rows:
        named = (row["family"], str(row["depth"]), *(_place(row[name]) for name in axes))
        shown = ("",) * len(named) if named == shape else named
        shape = named
        severity = f"{row['severity']:g}{'*' if row['num_missing'] else ''}"
        numbers = [unit.show(row["risk"], layout.places) for _ in risk]
        numbers += [_number(row, name, unit, layout) for name in names]
        table.add_row(*shown, severity, *numbers)
    return table


def _axes(rows: Sequence[Row]) -> list[str]:
    """Return the axes that any row is on."""
    return [name for name in AXIS_WORDS if any(row[name] is not None for row in rows)]


def _place(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:g}"


def _number(row: Row, name: str, unit: Unit, layout: _Layout) -> str:
    slack = "" if row["approximation"] is None else unit.show(row["slack"], layout.places)
    if name == "slack":
        return slack
    half = half_length(row, name)
    value, lo, hi = (
        unit.show(row[f"{name}{end}"], layout.places, half) for end in ("", "_lo", "_hi")
    )
    value = f"{mark_of(row, name)}{value}"
    if name == "approximation" and layout.is_stacked and row["slack"] is not None:
        value = f"{value} ({slack})"
    if lo == UNKNOWN:
        return value
    return f"{value}{NEW_LINE if layout.is_stacked else ' '}[{lo},{hi}]"
