"""Names, units and numbers as a reader sees them, on every page, picture and terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from study.analysis.faults import is_bound, is_undamaged
from study.analysis.frames import Row, half_length
from study.rendering.units import UNKNOWN, Unit, unit_of
from study.trials.tasks import Task, task_of
from study.trials.trial import UNDISTORTED

AXIS_WORDS = {"latent_dim": ("k", "latent dimension"), "capacity": ("c", "capacity")}
"""Of each axis that not every study has, its sign and what that means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRows:
    """A task's rows; `title` names the task where there are several, and is empty elsewhere."""

    task: Task
    title: str
    unit: Unit
    rows: list[Row]


def split_by_task(rows: Sequence[Row]) -> list[TaskRows]:
    """Split rows by task: numbers of different units meet in no table and on no scale."""
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(task_of(row["task"]).name, []).append(row)
    several = len(tasks) > 1
    return [
        TaskRows(
            task=task_of(name),
            title=f"{words_of(name)} · " if several else "",
            unit=unit_of(name),
            rows=tasks[name],
        )
        for name in sorted(tasks)
    ]


def distinct(rows: Sequence[Row], name: str) -> list[Any]:
    """Return a column's values, each once, in order."""
    return sorted({row[name] for row in rows})


def seeds_words(rows: Sequence[Row]) -> str:
    """How many seeds the measured cells have: `3`, `5 to 10`; empty where none is measured."""
    numbers = sorted({row["num_seeds"] for row in rows if row["num_seeds"]})
    return " to ".join(str(number) for number in dict.fromkeys([*numbers[:1], *numbers[-1:]]))


FAULT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "approximation": "the architecture’s",
        "objective": "the objective’s",
        "estimation": "the sample’s",
        "optimization": "the optimizer’s",
    }
)
"""Whose fault an error is."""


def mark_of(row: Row, error: str) -> str:
    """Return what stands before an error: ≤ where U_H may fall further, ~ where unsettled.

    What U_H falls by is approximation's loss and objective's gain; but U_A falls with a longer
    stream too, which objective loses and estimation gains, so that objective has no mark. Where
    some seeds had not settled, R_n(inf) is the risk at which training was given up, and estimation
    and optimization with it.
    """
    if error not in FAULT_WORDS or row[error] is None:
        return ""
    if error == "approximation" and is_bound(row):
        return "≤"
    is_unsettled = row["share_converged"] is not None and row["share_converged"] < 1
    return "~" if error in ("estimation", "optimization") and is_unsettled else ""


def told(row: Row, error: str, unit: Unit) -> str:
    """Format an error for a sentence: its mark, value and interval, to what that makes legible."""
    places, half = _legible_places(row, error, unit), half_length(row, error)
    mark, value = mark_of(row, error), unit.show(row[error], places, half)
    lo, hi = (unit.show(row[f"{error}_{end}"], places, half) for end in ("lo", "hi"))
    number = f"{mark} {value}".strip() if mark != "~" else f"~{value}"
    return number if UNKNOWN in (lo, hi) else f"{number} [{lo}, {hi}]"


_MOST_PLACES = 4


def _legible_places(row: Row, error: str, unit: Unit) -> int:
    """Two decimals where the interval is shorter than four tenths, else one.

    More where an interval without zero would seem to begin or to end at it.
    """
    half = half_length(row, error)
    if half is None or unit.notation == "g":
        return 1 if unit.notation == "f" else 2
    places = 2 if unit.factor * 2 * half < 0.4 else 1
    nearest = unit.factor * min(abs(row[f"{error}_lo"]), abs(row[f"{error}_hi"]))
    if row[f"{error}_lo"] * row[f"{error}_hi"] > 0:
        while places < _MOST_PLACES and round(nearest, places) == 0:
            places += 1
    return places


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def counted(number: int, noun: str) -> str:
    """Count things: 1 trial, 2 trials."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def group_title(rows: Sequence[Row]) -> str:
    """Name rows of one task, population, distortion and n; and that R* is unknown, where it is."""
    first = rows[0]
    title = f"{first['population']} · {words_of(first['distortion'])} · n = {first['num_train']}"
    floor = task_of(first["task"]).floor
    return f"{title} · unknown: no {floor}" if all(map(lacks_floor, rows)) else title


def lacks_floor(row: Row) -> bool:
    """Whether a row was measured where nobody knows R*."""
    return row["bayes_risk"] is None and row["num_seeds"] > 0


def populations_without_floor(rows: Sequence[Row]) -> list[str]:
    """Return the populations of rows of one task on which nobody knows R*."""
    return sorted({row["population"] for row in rows if lacks_floor(row)})


def short_names(populations: Sequence[str]) -> dict[str, str]:
    """Return each population's name without its parameters, where that names no other."""
    heads = [name.partition("(")[0] for name in populations]
    return {
        name: head if heads.count(head) == 1 else name
        for name, head in zip(populations, heads, strict=True)
    }


def words_of(name: str) -> str:
    """Turn an identifier into words."""
    return "undistorted" if name == UNDISTORTED else name.replace("_", " ")


def size_words(row: Row) -> str:
    """Return a row's depth, and its k and c where they are axes: `2`, `2 k=10`, `2 c=0.25`."""
    on = [f" {sign}={row[name]:g}" for name, (sign, _) in AXIS_WORDS.items() if row[name]]
    return f"{row['depth']}{''.join(on)}"


def network_words(row: Row) -> str:
    """Return a row's family and size: `vgg 2`, `autoencoder 2 k=10`."""
    return f"{row['family']} {size_words(row)}"


def damage_words(row: Row) -> str:
    """Return a row's distortion and its severity in words; of none, that it is undistorted."""
    if is_undamaged(row):
        return words_of(UNDISTORTED)
    return f"{words_of(row['distortion'])} {row['severity']:g}"


def interval_of(row: Row, name: str, unit: Unit) -> str:
    """Format the 95% interval of a difference of risks; empty where it is unknown."""
    half = half_length(row, name)
    lo, hi = (unit.show(row[f"{name}_{end}"], within=half) for end in ("lo", "hi"))
    return "" if lo == UNKNOWN else f"[{lo}, {hi}]"


def value_of(row: Row, name: str, unit: Unit) -> str:
    """Format a difference of risks that has an interval, to what that makes legible."""
    return unit.show(row[name], within=half_length(row, name))


def number_of(row: Row, name: str) -> str:
    """Format a number that is no risk, with its interval where there is one."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    value = UNKNOWN if row[name] is None else f"{row[name]:z.2f}"
    return value if lo is None else f"{value} [{lo:z.2f}, {hi:z.2f}]"
