"""Names, units and numbers as a reader sees them, on every page, picture and terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from study.analysis.frames import Row
from study.rendering.faults import is_bound, is_undamaged
from study.trials.tasks import CLASSIFICATION, task_of
from study.trials.trial import UNDISTORTED

UNKNOWN = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What a task's risks and their differences are shown in.

    Attributes:
        factor: from a table's number to the one shown.
        sign: of a risk, for the label of an axis.
        points: of a difference of two risks.
        short: the same in a sentence that has said it before.
        notation: of a number shown: "f" counts decimals, "g" significant digits.
    """

    factor: float
    sign: str
    points: str
    short: str
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


_PERCENT = Unit(factor=100.0, sign="%", points="percentage points", short="points", notation="f")


def unit_of(task: str | None) -> Unit:
    """Return a task's unit: percent for 0-1 risk, else the task's own.

    Args:
        task: of a table's row; None: the table is from before there were tasks.
    """
    facts = task_of(task)
    if facts == CLASSIFICATION:
        return _PERCENT
    own = f"units of {words_of(facts.name)} risk"
    return Unit(factor=1.0, sign=own, points=own, short=own, notation="g")


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
        tasks.setdefault(task_of(row["task"]).name, []).append(row)
    several = len(tasks) > 1
    return [
        TaskRows(
            title=f"{words_of(task)} · " if several else "", unit=unit_of(task), rows=tasks[task]
        )
        for task in sorted(tasks)
    ]


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
    """Return what stands before an error: ≤ and ≥ where U_H may fall further, ~ where unsettled.

    U_H is approximation's upper end and objective's lower one. Where some seeds had not settled,
    R_n(inf) is the risk at which training was given up, and estimation and optimization with it.
    """
    if error not in FAULT_WORDS or row[error] is None:
        return ""
    if error in ("approximation", "objective") and is_bound(row):
        return "≤" if error == "approximation" else "≥"
    is_unsettled = row["share_converged"] is not None and row["share_converged"] < 1
    return "~" if error in ("estimation", "optimization") and is_unsettled else ""


def told(row: Row, error: str, unit: Unit) -> str:
    """Format an error for a sentence: its mark, value and interval, to what that makes legible."""
    places = _legible_places(row, error, unit)
    mark, value = mark_of(row, error), unit.show(row[error], places)
    lo, hi = (unit.show(row[f"{error}_{end}"], places) for end in ("lo", "hi"))
    number = f"{mark} {value}".strip() if mark != "~" else f"~{value}"
    return number if UNKNOWN in (lo, hi) else f"{number} [{lo}, {hi}]"


def _legible_places(row: Row, error: str, unit: Unit) -> int:
    """Two decimals where the interval is shorter than four tenths, else one."""
    lo, hi = row[f"{error}_lo"], row[f"{error}_hi"]
    is_short = lo is not None and hi is not None and unit.factor * (hi - lo) < 0.4
    return 2 if is_short or unit.notation == "g" else 1


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def group_title(rows: Sequence[Row]) -> str:
    """Name rows of one population, distortion and n; and that R* is unknown, where it is."""
    first = rows[0]
    title = f"{first['population']} · {words_of(first['distortion'])} · n = {first['num_train']}"
    return f"{title} · unknown: no Bayes risk" if all(map(lacks_floor, rows)) else title


def lacks_floor(row: Row) -> bool:
    """Whether a row was measured where nobody knows R*."""
    return row["bayes_risk"] is None and row["num_seeds"] > 0


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


def damage_words(row: Row) -> str:
    """Return a row's distortion and its severity in words; of none, that it is undistorted."""
    if is_undamaged(row):
        return words_of(UNDISTORTED)
    return f"{words_of(row['distortion'])} {row['severity']:g}"


def interval_of(row: Row, name: str, unit: Unit) -> str:
    """Format the 95% interval of a difference of risks; empty where it is unknown."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    return "" if lo is None else f"[{unit.show(lo)}, {unit.show(hi)}]"


def number_of(row: Row, name: str) -> str:
    """Format a number that is no risk, with its interval where there is one."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    value = UNKNOWN if row[name] is None else f"{row[name]:z.2f}"
    return value if lo is None else f"{value} [{lo:z.2f}, {hi:z.2f}]"
