"""Two studies' landscapes side by side, as a terminal shows them."""

import io
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

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
    first, second = (shown_name(name) for name in names)
    rows = to_rows(shown_frame(difference))
    if not rows:
        return f"{first} and {second} have no error of a cell in common\n"
    text = io.StringIO()
    console = Console(
        file=text, width=width, color_system=None, markup=False, emoji=False, highlight=False
    )
    num_cells = len({tuple(row[name] for name in _CELL if name in row) for row in rows})
    apart = sum(bool(row["apart"]) for row in rows)
    console.print(
        f"{first} beside {second}: {counted(num_cells, 'cell')} in common, {apart} of "
        f"{counted(len(rows), 'error')} apart. {CAUTION}"
    )
    for task in split_by_task(rows):
        console.print(f"\n{task.title}{_by_error(task.rows)}")
        order = sorted(task.rows, key=lambda row: (not row["apart"], -abs(row["difference"])))
        console.print(_table(order[:MOST_ROWS], task.unit, (first, second)))
        if len(order) > MOST_ROWS:
            console.print(f"and {len(order) - MOST_ROWS} more")
    return text.getvalue()


_CELL = (
    *("family", "depth", "population", "distortion", "severity", "num_train"),
    *("latent_dim", "capacity"),
)


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
