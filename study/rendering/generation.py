"""What generated examples are like, as the page and the terminal show it."""

from collections.abc import Sequence

import pandas as pd

from study.analysis.faults import distinct_cells, plainest, shape_of
from study.analysis.frames import Row, to_rows
from study.rendering.units import unit_of
from study.rendering.words import (
    counted,
    damage_words,
    interval_of,
    listed,
    network_words,
    value_of,
)

GENERATION_WORDS = {
    "mmd2": "squared MMD",
    "frechet_distance": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
}
_MOST_NETWORKS = 4  # in a sentence
GENERATION_UNIT = unit_of("generation")


def generation_rows(generation: pd.DataFrame) -> list[Row]:
    """Return the rows of the page: each cell once."""
    return distinct_cells(to_rows(generation))


def generation_lines(generation: pd.DataFrame) -> list[str]:
    """Return one sentence with numbers for each population, of its plainest cells.

    Networks are in order of what is known of all of them: Frechet distance, else squared MMD.
    """
    rows = to_rows(generation)
    return [
        _line(plainest([row for row in rows if row["population"] == name]))
        for name in sorted({row["population"] for row in rows})
    ]


def _line(rows: Sequence[Row]) -> str:
    by = "mmd2" if any(row["frechet_distance"] is None for row in rows) else "frechet_distance"
    in_order = sorted(rows, key=lambda row: (row[by], shape_of(row)))
    shown = [_network(row) for row in in_order[:_MOST_NETWORKS]]
    more = len(in_order) - len(shown)
    shown += [f"{counted(more, 'network')} more in generation.csv"] if more else []
    first = rows[0]
    real = next(
        (r["frechet_distance_real"] for r in rows if r["frechet_distance"] is not None), None
    )
    beside = (
        ""
        if real is None
        else f"; Fréchet distance of as many real images {GENERATION_UNIT.show(real)}"
    )
    where = f"{first['population']} ({damage_words(first)}, n = {first['num_train']}{beside})"
    return f"{where}: {'; '.join(shown)}."


def _network(row: Row) -> str:
    known = [name for name in GENERATION_WORDS if row[name] is not None]
    numbers = [f"{GENERATION_WORDS[name]} {generation_number(row, name)}" for name in known]
    return f"{network_words(row)}: {listed(numbers)}"


def generation_number(row: Row, name: str) -> str:
    """Return a number with its interval, where there is one."""
    return (
        f"{value_of(row, name, GENERATION_UNIT)} {interval_of(row, name, GENERATION_UNIT)}".rstrip()
    )
