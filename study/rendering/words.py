"""Names, units and numbers as a reader sees them, on every page, picture and terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.frames import Row
from study.trials.schema import CLASSIFICATION
from study.trials.trial import UNDISTORTED

UNKNOWN = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What a task's risks and their differences are shown in.

    Attributes:
        factor: from a table's number to the one shown.
        sign: of a risk, for the label of an axis.
        points: of a difference of two risks.
        notation: of a number shown: "f" counts decimals, "g" significant digits.
    """

    factor: float
    sign: str
    points: str
    notation: str

    def show(self, value: float | None, places: int = 2) -> str:
        """Format a risk or a difference of risks, a dash where it is unknown."""
        if value is None:
            return UNKNOWN
        digits = places if self.notation == "f" else places + 1
        return f"{self.factor * value:z.{digits}{self.notation}}"

    def scale(self, value: float | None) -> float | None:
        """Return the number shown, None where it is unknown."""
        return None if value is None else self.factor * value


_PERCENT = Unit(factor=100.0, sign="%", points="percentage points", notation="f")


def unit_of(task: str | None) -> Unit:
    """Return a task's unit: percent for 0-1 risk, else the task's own.

    Args:
        task: of a table's row; None: the table is from before there were tasks.
    """
    if task is None or task == CLASSIFICATION:
        return _PERCENT
    own = f"units of {words_of(task)} risk"
    return Unit(factor=1.0, sign=own, points=own, notation="g")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRows:
    """A task's rows; `title` names the task where there are several, and is empty elsewhere."""

    title: str
    unit: Unit
    rows: list[Row]


def split_by_task(rows: Sequence[Row]) -> list[TaskRows]:
    """Split rows by task: numbers of different units meet in no table and on no scale."""
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(row["task"] or CLASSIFICATION, []).append(row)
    several = len(tasks) > 1
    return [
        TaskRows(
            title=f"{words_of(task)} · " if several else "", unit=unit_of(task), rows=tasks[task]
        )
        for task in sorted(tasks)
    ]


def words_of(name: str) -> str:
    """Turn an identifier into words."""
    return "undistorted" if name == UNDISTORTED else name.replace("_", " ")


def damage_words(row: Mapping[str, Any]) -> str:
    """Return a row's distortion and its severity in words."""
    words = words_of(row["distortion"])
    return words if row["distortion"] == UNDISTORTED else f"{words} {row['severity']:g}"


def interval_of(row: Row, name: str, unit: Unit) -> str:
    """Format the 95% interval of a difference of risks; empty where it is unknown."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    return "" if lo is None else f"[{unit.show(lo)}, {unit.show(hi)}]"


def number_of(row: Row, name: str) -> str:
    """Format a number that is no risk, with its interval where there is one."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    value = UNKNOWN if row[name] is None else f"{row[name]:z.2f}"
    return value if lo is None else f"{value} [{lo:z.2f}, {hi:z.2f}]"
