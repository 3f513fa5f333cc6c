"""The landscape for a terminal: one table per population, distortion and sample size."""

import io
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from study.analysis.frames import Row, to_rows
from study.rendering.words import UNKNOWN, Unit, split_by_task, words_of
from study.trials.schema import ERRORS

WIDTH = 100


def render_landscape_text(landscape: pd.DataFrame, width: int = WIDTH) -> str:
    """Render the errors with their 95% intervals, within `width` columns.

    Decimals are given up before a cell is let wrap. An unknown number is a dash. Plain text: no
    colour and no markup, whatever the terminal.
    """
    text = io.StringIO()
    console = Console(
        file=text, width=width, color_system=None, markup=False, emoji=False, highlight=False
    )
    for task in split_by_task(to_rows(landscape)):
        console.print(
            f"{task.title}errors in {task.unit.points} [95% interval]; d: depth; sev.: severity; "
            f"{UNKNOWN}: unknown; *: seeds missing"
        )
        groups: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
        for row in task.rows:
            groups[row["population"], row["distortion"], row["num_train"]].append(row)
        for (population, distortion, num_train), rows in groups.items():
            console.print(f"\n{population} · {words_of(distortion)} · n = {num_train}")
            console.print(_widest_that_fits(rows, task.unit, console))
        console.print()
    return text.getvalue().rstrip() + "\n"


def _widest_that_fits(rows: Sequence[Row], unit: Unit, console: Console) -> Table:
    endless = console.options.update(max_width=10_000)
    for places in (2, 1, 0):
        table = _table(rows, unit, places)
        if Measurement.get(console, endless, table).maximum <= console.width:
            break
    return table


def _table(rows: Sequence[Row], unit: Unit, places: int) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("family", overflow="fold")
    for name in ("d", "sev.", *ERRORS):
        table.add_column(name, justify="right", overflow="fold")
    shape: tuple[str, str] | None = None
    for row in rows:
        named = (row["family"], str(row["depth"]))
        shown = ("", "") if named == shape else named
        shape = named
        severity = f"{row['severity']:g}{'*' if row['num_missing'] else ''}"
        table.add_row(*shown, severity, *(_number(row, name, unit, places) for name in ERRORS))
    return table


def _number(row: Row, name: str, unit: Unit, places: int) -> str:
    value, lo, hi = (unit.show(row[f"{name}{end}"], places) for end in ("", "_lo", "_hi"))
    return value if lo == UNKNOWN else f"{value} [{lo},{hi}]"
