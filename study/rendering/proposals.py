"""What a search tried: a family's proposals, and which hyperparameters go with a small risk."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pandas as pd

from study.analysis.faults import shape_of
from study.analysis.frames import Row, to_rows
from study.analysis.importance import Importance, importance
from study.rendering.hyperparameters import plain_value
from study.rendering.units import unit_of
from study.rendering.words import damage_words, network_words
from study.trials.schema import PREFIX
from study.trials.trial import CELL_NAMES

_DECADE = 10.0  # from which ratio on an axis is logarithmic


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A hyperparameter's values: in order where they are no numbers, else from least to largest."""

    name: str
    values: tuple[Any, ...]
    is_number: bool
    is_log: bool

    @property
    def ends(self) -> str:
        """Its first and its last value, as told."""
        return f"{plain_value(self.values[0])} to {plain_value(self.values[-1])}"

    def place(self, value: Any) -> float | None:
        """Return where a value is, 0 to 1; None: there is none."""
        if value is None:
            return None
        if not self.is_number:
            return self.values.index(value) / (len(self.values) - 1)
        turn = math.log if self.is_log else float
        first, last = turn(self.values[0]), turn(self.values[-1])
        return (turn(value) - first) / (last - first)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A family's proposals, finished ones.

    Attributes:
        family: whose.
        axes: hyperparameters that took two values or more.
        importances: of those that are numbers, the largest |rho| first.
        lines: of each finished proposal its place on each axis (0 to 1, None where it has none),
            the values as told, the risk and its rank in its cell (0: the winner, 1: the last).
    """

    family: str
    axes: tuple[Axis, ...]
    importances: tuple[Importance, ...]
    lines: tuple[dict[str, Any], ...]


def searches_of(trials: pd.DataFrame) -> list[Search]:
    """Return what each family's search tried, of those that tried more than one value.

    Finished proposals alone: the risk of one that was stopped is of an earlier step.
    """
    columns = [name for name in trials.columns if name.startswith(PREFIX)]
    families: dict[str, list[Row]] = defaultdict(list)
    for row in to_rows(trials):
        is_finished = row["role"] == "search" and row["status"] == "done"
        if is_finished and row["validation_risk"] is not None:
            families[row["family"]].append(row)
    found = [_search(name, rows, columns) for name, rows in sorted(families.items())]
    return [search for search in found if search.axes]


def _search(family: str, rows: Sequence[Row], columns: Sequence[str]) -> Search:
    varied = [
        name for name in columns if len({row[name] for row in rows if row[name] is not None}) > 1
    ]
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (*shape_of(row), row["population"], row["seed"])):
        cells[tuple(row[name] for name in CELL_NAMES)].append(row)
    axes = {name: _axis(name, rows) for name in varied}
    importances = [importance(name, list(cells.values())) for name in varied]
    known = [one for one in importances if one is not None]
    return Search(
        family=family,
        axes=tuple(axes.values()),
        importances=tuple(sorted(known, key=lambda one: -abs(one.rho))),
        lines=tuple(line for held in cells.values() for line in _lines(held, axes)),
    )


def _axis(column: str, rows: Sequence[Row]) -> Axis:
    held = {row[column] for row in rows if row[column] is not None}
    is_number = all(isinstance(value, int | float) for value in held)
    values = sorted(held) if is_number else sorted(held, key=str)
    return Axis(
        name=column.removeprefix(PREFIX),
        values=tuple(values),
        is_number=is_number,
        is_log=is_number and values[0] > 0 and values[-1] >= _DECADE * values[0],
    )


def _lines(rows: Sequence[Row], axes: Mapping[str, Axis]) -> list[dict[str, Any]]:
    """Return a cell's proposals, the best first."""
    in_order = sorted(rows, key=itemgetter("validation_risk"))
    where = f"{network_words(rows[0])}, {rows[0]['population']}, {damage_words(rows[0])}"
    return [
        {
            "rank": place / max(1, len(in_order) - 1),
            "risk": unit_of(row["task"]).show(row["validation_risk"]),
            "where": f"{where}, n = {row['num_train']}",
            "places": [axis.place(row[name]) for name, axis in axes.items()],
            "told": [plain_value(row[name]) for name in axes],
        }
        for place, row in enumerate(in_order)
    ]


def proposals_held(searches: Sequence[Search]) -> dict[str, Any]:
    """Return what the page's parallel coordinates hold, by family, as JSON has it."""
    return {
        search.family: {
            "axes": [{"name": axis.name, "ends": axis.ends} for axis in search.axes],
            "lines": list(search.lines),
        }
        for search in searches
    }
