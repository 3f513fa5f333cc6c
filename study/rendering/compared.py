"""Two studies' landscapes side by side, as a terminal shows them."""

import io
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from study.analysis.faults import place_of
from study.analysis.frames import Row, to_rows
from study.rendering.names import shown_frame, shown_name
from study.rendering.units import UNKNOWN, Unit, unit_of
from study.rendering.words import counted, damage_words, network_words, split_by_task

MOST_ROWS = 30
"""Of a table; the file has all."""
CAUTION = (
    "Apart: the two 95% intervals do not meet. That is no test, and studies that share seeds are "
    "not independent."
)


def render_differences(difference: pd.DataFrame, names: tuple[str, str], width: int) -> str:
    """Render what two landscapes differ in: those apart first, the largest difference first.

    Args:
        difference: of `StudyResults.diff`.
        names: of the two studies.
        width: columns of the terminal.
    """
    names = told_apart(*map(shown_name, names))
    rows = distinct_errors(to_rows(shown_frame(difference)))
    if not rows:
        return f"{in_common(rows, names)}\n"
    text = io.StringIO()
    console = Console(
        file=text, width=width, color_system=None, markup=False, emoji=False, highlight=False
    )
    console.print(f"{in_common(rows, names)} {CAUTION}")
    for task in split_by_task(rows):
        console.print(f"\n{task.title}{_by_error(task.rows)}")
        order = sorted(task.rows, key=by_size)
        console.print(_table(order[:MOST_ROWS], task.unit, names))
        if len(order) > MOST_ROWS:
            console.print(f"and {len(order) - MOST_ROWS} more")
    return text.getvalue()


def told_apart(first: str, second: str) -> tuple[str, str]:
    """Two studies' names, which may be one name."""
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")


def distinct_errors(rows: Sequence[Row]) -> list[Row]:
    """One row of each error of a cell: an undamaged one is there under several distortions."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        found.setdefault((row["task"], *place_of(row), row["error"]), row)
    return list(found.values())


def in_common(rows: Sequence[Row], names: tuple[str, str]) -> str:
    """Say how much two studies have in common, and how much of that is apart.

    Args:
        rows: of `distinct_errors`.
        names: of the two studies.
    """
    first, second = names
    if not rows:
        return f"{first} and {second} have no error of a cell in common"
    num_cells = len({(row["task"], *place_of(row)) for row in rows})
    apart = sum(bool(row["apart"]) for row in rows)
    unknown = sum(row["apart"] is None for row in rows)
    untold = f" ({unknown} without an interval)" if unknown else ""
    return (
        f"{first} beside {second}: {counted(num_cells, 'cell')} in common, {apart} of "
        f"{counted(len(rows), 'error')} apart{untold}."
    )


def by_size(row: Row) -> tuple[bool, float]:
    """What is apart first, and the largest difference."""
    return not row["apart"], -abs(row["difference"])


def _by_error(rows: Sequence[Row]) -> str:
    """How many of each error are apart."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        counts[row["error"]].append(bool(row["apart"]))
    told = (f"{error} {sum(held)} of {len(held)}" for error, held in counts.items())
    return f"apart: {', '.join(told)}; in {unit_of(rows[0]['task']).points}"


def _table(rows: Sequence[Row], unit: Unit, names: tuple[str, str]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("cell", overflow="fold")
    table.add_column("error")
    for name in (*names, "difference"):
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        where = f"{row['population']} · {damage_words(row)} · n = {row['num_train']}"
        numbers = [_number(row, name, unit) for name in ("this", "other")]
        difference = unit.show(row["difference"])
        shown = f"{difference}{' apart' if row['apart'] else ''}"
        table.add_row(f"{network_words(row)} · {where}", row["error"], *numbers, shown)
    return table


def _number(row: Row, name: str, unit: Unit) -> str:
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    half = None if lo is None or hi is None else (hi - lo) / 2
    value, below, above = (unit.show(v, within=half) for v in (row[name], lo, hi))
    return value if UNKNOWN in (below, above) else f"{value} [{below},{above}]"
