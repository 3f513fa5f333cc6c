"""Typed frames and plain rows, and the conversion of a record's values between them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from study.trials.schema import Column

Row = dict[str, Any]
Trial = Mapping[str, Any]
"""A row of the trials table, or one like it, however it is held: null is None."""

_INT64 = 2**63
LARGEST = 1e150
"""Of any number in a table, in size: the square of a larger one, and so a variance, is none. What
is trained is of float32, whose largest is 3e38."""


class TableError(ValueError):
    """A table or a record that cannot be used; the message is one line for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def typed_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Build a frame with exactly these columns and dtypes; a key a row lacks is null."""
    held = list(rows)
    series = {
        column.name: pd.Series([row.get(column.name) for row in held], dtype=column.dtype)
        for column in columns
    }
    return pd.DataFrame(series)


def to_rows(frame: pd.DataFrame) -> list[Row]:
    """Turn a frame into plain rows of Python values, null as None."""
    names = [str(name) for name in frame.columns]
    lists = [frame[name].array.to_numpy(dtype=object, na_value=None) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*lists, strict=True)]


def is_null(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _to_string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _to_int(value: Any) -> int | None:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or not -_INT64 <= value < _INT64:
        return None
    return int(value)


def _to_float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _to_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_CONVERT: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "string": (_to_string, "text"),
    "Int64": (_to_int, "a whole number"),
    "Float64": (_to_float, "a number"),
    "boolean": (_to_bool, "true or false"),
}


def convert(value: Any, column: Column, where: str) -> Any:
    """Convert one value of a record to the column's type; None and NaN are null."""
    if is_null(value):
        return None
    cast, wanted = _CONVERT[column.dtype]
    converted = cast(value)
    if converted is None:
        raise TableError(f"{where}: {column.name} is {value!r}, not {wanted}")
    return converted


def half_length(row: Row, name: str) -> float | None:
    """Return half the length of a number's interval; None where it is unknown."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    return None if lo is None or hi is None else float(hi - lo) / 2


def turned(row: Row, name: str) -> Row:
    """Return the row with a difference, and its interval, taken the other way round."""
    ends = {"": "", "_lo": "_hi", "_hi": "_lo"}
    held = {f"{name}{end}": row.get(f"{name}{other}") for end, other in ends.items()}
    return row | {key: None if value is None else -value for key, value in held.items()}
