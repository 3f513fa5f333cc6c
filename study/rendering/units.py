"""What a task's risks are shown in, and to how many digits."""

import math
from dataclasses import dataclass

from study.trials.tasks import PROBABILITY, task_of

UNKNOWN = "–"
_MOST_DIGITS = 6  # that a number of no fixed decimals is shown with
_PLAIN = range(-5, 7)  # decimal exponents of numbers that are written out


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

    def show(self, value: float | None, places: int = 2, within: float | None = None) -> str:
        """Format a risk or a difference of risks, a dash where it is unknown.

        Args:
            value: as the table has it.
            places: decimals; of significant digits, which a unit of any size has, one less.
            within: half the length of the value's interval: it has then `places` significant
                digits, and the value and its ends as many decimals.
        """
        if value is None:
            return UNKNOWN
        return self.text(self.factor * value, places, within)

    def text(self, shown: float, places: int = 2, within: float | None = None) -> str:
        """Format a number that `scale` has returned already; see `show`."""
        if self.notation == "f":
            return f"{shown:z.{places}f}"
        first = leading = _exponent(shown)
        decimals = places - first
        if within:
            leading = max(first, _exponent(self.factor * within))
            decimals = max(places, 1) - 1 - _exponent(self.factor * within)
        decimals = min(decimals, _MOST_DIGITS - 1 - first)
        if leading in _PLAIN:
            return f"{shown:z.{max(decimals, 0)}f}"
        return f"{shown:z.{max(decimals + first, 0)}e}"

    def scale(self, value: float | None) -> float | None:
        """Return the number shown, None where it is unknown."""
        return None if value is None else self.factor * value


def _exponent(number: float) -> int:
    """The place of a number's first digit; of 0 the first decimal before the point."""
    return math.floor(math.log10(abs(number))) if number else 0


_PERCENT = Unit(factor=100.0, sign="%", points="percentage points", short="points", notation="f")


def unit_of(task: str | None) -> Unit:
    """Return a task's unit: percent for 0-1 risk, else the task's own.

    Args:
        task: of a table's row; None: the table is from before there were tasks.
    """
    facts = task_of(task)
    if facts.unit == PROBABILITY:
        return _PERCENT
    name = facts.unit or f"{facts.name.replace('_', ' ')} risk"
    some = f"units of {name}"
    own = facts.unit or some  # a unit that has a name is shown by it
    return Unit(factor=1.0, sign=own, points=own, short=some, notation="g")
