"""Reconstruction by class: a table of them for each cell, and the easiest and hardest in words.

Of every population the plainest cells (undistorted, else least distorted, at the largest n).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from study.analysis.faults import plainest, shape_of
from study.analysis.frames import Row, to_rows
from study.rendering.latent_dims import is_told, knee_rows
from study.rendering.units import unit_of
from study.rendering.words import (
    damage_words,
    distinct,
    interval_of,
    network_words,
    split_by_task,
    value_of,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassTable:
    """Cells of one population and task.

    Attributes:
        title: which.
        classes: their names, in the order of the labels.
        cells: of each its rows, in the same order.
    """

    title: str
    classes: tuple[str, ...]
    cells: tuple[tuple[Row, ...], ...]


def class_tables(per_class: pd.DataFrame) -> list[ClassTable]:
    """Return a table for each task and population, of squared errors or of risks by class."""
    found = []
    for task in split_by_task(to_rows(per_class)):
        for population in distinct(task.rows, "population"):
            rows = plainest([row for row in task.rows if row["population"] == population])
            cells: dict[tuple[object, ...], list[Row]] = defaultdict(list)
            for row in sorted(rows, key=lambda row: (*shape_of(row), row["class"])):
                cells[shape_of(row)].append(row)
            where = f"{damage_words(rows[0])}, n = {rows[0]['num_train']}"
            names = {row["class"]: row["class_name"] for row in rows}
            found.append(
                ClassTable(
                    title=f"{task.title}{population} · {where}",
                    classes=tuple(names[label] for label in sorted(names)),
                    cells=tuple(map(tuple, cells.values())),
                )
            )
    return found


def class_lines(per_class: pd.DataFrame, knees: pd.DataFrame) -> list[str]:
    """Name the easiest class and the hardest told from it, of every family and depth.

    Of latent dimensions the one at the knee where it is told, else the largest.
    """
    told: dict[tuple[object, ...], int] = {
        (row["family"], row["depth"], row["capacity"], row["population"]): row["knee"]
        for task in knee_rows(knees)
        for row in task.rows
        if is_told(row)
    }
    lines = []
    for table in class_tables(per_class):
        networks: dict[tuple[object, ...], list[Sequence[Row]]] = defaultdict(list)
        for cell in table.cells:
            first = cell[0]
            key = (first["family"], first["depth"], first["capacity"], first["population"])
            networks[key].append(cell)
        for place, cells in networks.items():
            knee = told.get(place)
            shown = next((cell for cell in cells if cell[0]["latent_dim"] == knee), cells[-1])
            lines.append(f"{network_words(shown[0])} on {table.title}: {_ends(shown)}")
    return lines


def _ends(cell: Sequence[Row]) -> str:
    """Only their difference has an interval that knows how the two were chosen."""
    apart = [row for row in cell if (row["above_easiest_lo"] or 0.0) > 0]
    if not apart:
        return "no class is told apart from the easiest (all pairs corrected)"
    easiest = min(cell, key=lambda row: row["rank"])
    hardest = max(apart, key=lambda row: row["rank"])
    told = (hardest, "above_easiest", unit_of(hardest["task"]))
    return (
        f"{_class_words('easiest', easiest)}; {_class_words('hardest told from it', hardest)}, "
        f"{value_of(*told)} {interval_of(*told)} more (all pairs corrected)"
    )


def _class_words(what: str, row: Row) -> str:
    decibels = "" if row["psnr_db"] is None else f" ({row['psnr_db']:.1f} dB)"
    return f"{what} {row['class_name']}, {value_of(row, 'mse', unit_of(row['task']))}{decibels}"
