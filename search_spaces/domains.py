"""The domains a hyperparameter can have, as plain data; no search library is needed."""

from dataclasses import dataclass

Value = float | int | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Float:
    """Real numbers of `[low, high]`; with `log`, searched on a logarithmic scale.

    Raises:
        ValueError: `low` is not below `high`, or not above 0 with `log`.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        check_bounds(self.low, self.high, self.log)

    def contains(self, value: object) -> bool:
        """Return whether `value` is a number within the bounds."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True, slots=True)
class Int:
    """Integers of `[low, high]`; with `log`, searched on a logarithmic scale.

    Raises:
        ValueError: `low` is not below `high`, or not above 0 with `log`.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        check_bounds(self.low, self.high, self.log)

    def contains(self, value: object) -> bool:
        """Return whether `value` is an integer within the bounds."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True, slots=True)
class Categorical:
    """One of `choices`, without order.

    Raises:
        ValueError: there are fewer than two choices, or one appears twice.
    """

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ValueError(f"choices must be two or more different values, got {self.choices!r}")

    def contains(self, value: object) -> bool:
        """Return whether `value` is one of the choices."""
        return value in self.choices


Domain = Float | Int | Categorical


def check_bounds(low: float, high: float, log: bool) -> None:
    """Raise a ValueError unless `low < high`, and `low > 0` on a logarithmic scale."""
    if not low < high:
        raise ValueError(f"low must be below high, got low={low!r}, high={high!r}")
    if log and not low > 0:
        raise ValueError(f"low must be above 0 on a logarithmic scale, got low={low!r}")
