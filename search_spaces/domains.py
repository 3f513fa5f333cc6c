"""The domains a hyperparameter can have, each with its default; no search library is needed."""

import math
from dataclasses import dataclass
from typing import TypeGuard

Value = float | int | str  # bool is an int


@dataclass(frozen=True, kw_only=True, slots=True)
class Float:
    """Real numbers of `[low, high]`; with `log`, searched on a logarithmic scale.

    Raises:
        ValueError: `low` is not below `high`, or not above 0 with `log`, or `default` is outside.
    """

    low: float
    high: float
    log: bool = False
    default: float

    def __post_init__(self) -> None:
        check_bounds(self.low, self.high, self.log)
        check_default(self)

    def contains(self, value: object) -> bool:
        """Return whether `value` is a number within the bounds."""
        return is_number(value) and self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Int:
    """Integers of `[low, high]`; with `log`, searched on a logarithmic scale.

    Raises:
        ValueError: `low` is not below `high`, or not above 0 with `log`, or `default` is outside.
    """

    low: int
    high: int
    log: bool = False
    default: int

    def __post_init__(self) -> None:
        check_bounds(self.low, self.high, self.log)
        check_default(self)

    def contains(self, value: object) -> bool:
        """Return whether `value` is an integer within the bounds."""
        return is_number(value) and isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Categorical:
    """One of `choices`, without order.

    Raises:
        ValueError: there are fewer than two choices, or one appears twice, or `default` is none.
    """

    choices: tuple[Value, ...]
    default: Value

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ValueError(f"choices must be two or more different values, got {self.choices!r}")
        check_default(self)

    def contains(self, value: object) -> bool:
        """Return whether `value` is one of the choices."""
        return value in self.choices


Domain = Float | Int | Categorical


def is_number(value: object) -> TypeGuard[float]:
    """Return whether `value` is a number that floating point can hold; a truth value is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def check_bounds(low: float, high: float, log: bool) -> None:
    """Raise a ValueError unless `low < high`, and `low > 0` on a logarithmic scale."""
    if not low < high:
        raise ValueError(f"low must be below high, got low={low!r}, high={high!r}")
    if log and not low > 0:
        raise ValueError(f"low must be above 0 on a logarithmic scale, got low={low!r}")


def check_default(domain: Domain) -> None:
    """Raise a ValueError unless a domain's default lies inside it."""
    if not domain.contains(domain.default):
        raise ValueError(f"default = {domain.default!r} lies outside {domain!r}")


def defaults_of(space: dict[str, Domain]) -> dict[str, Value]:
    """Return the default of every domain, in the space's order."""
    return {name: domain.default for name, domain in space.items()}
