"""The landscape for a terminal: one table per population, distortion and sample size."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from study.analysis.frames import Row, to_rows
from study.trials.schema import ERRORS
from study.trials.trial import UNDISTORTED

WIDTH = 100
_HEAD = ("family", "d", "sev.", *ERRORS)


def render_landscape_text(landscape: pd.DataFrame) -> str:
    """Render the errors in percentage points with their 95% intervals, within 100 columns.

    Decimals are given up before a line is let wrap. An unknown number is a dash.
    """
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in to_rows(landscape):
        groups[(row["population"], row["distortion"], row["num_train"])].append(row)
    blocks = [
        "errors in percentage points [95% interval]; d: depth; sev.: severity; "
        "–: unknown; *: seeds missing"
    ]
    for (population, distortion, num_train), rows in groups.items():
        damage = "undistorted" if distortion == UNDISTORTED else distortion
        blocks.append(f"{population} · {damage} · n = {num_train}\n{_block(rows)}")
    return "\n\n".join(blocks) + "\n"


def _block(rows: Sequence[Row]) -> str:
    for decimals in (2, 1, 0):
        lines = _aligned([_HEAD, *_cells(rows, decimals)])
        if max(len(line) for line in lines) <= WIDTH:
            break
    rule = "─" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:]])


def _cells(rows: Sequence[Row], decimals: int) -> list[tuple[str, ...]]:
    cells = []
    shape: tuple[str, str] | None = None
    for row in rows:
        named = (row["family"], str(row["depth"]))
        shown = ("", "") if named == shape else named
        shape = named
        mark = "*" if row["num_missing"] else ""
        severity = f"{row['severity']:g}{mark}"
        cells.append((*shown, severity, *(_number(row, name, decimals) for name in ERRORS)))
    return cells


def _number(row: Row, name: str, decimals: int) -> str:
    value, lo, hi = row[name], row[f"{name}_lo"], row[f"{name}_hi"]
    if value is None:
        return "–"
    text = f"{100 * value:z.{decimals}f}"
    return text if lo is None else f"{text} [{100 * lo:z.{decimals}f},{100 * hi:z.{decimals}f}]"


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Align columns: the first to the left, the others to the right, two blanks between."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
