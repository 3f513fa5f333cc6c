"""Rows of a table, none of which is made before it is asked for: columns, and places in them.

A study has up to millions of trials of a hundred columns. A dictionary for each takes kilobytes;
here a row is a place, a cell's rows are an array of places, and what a table computes from a column
it takes as an array.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from study.analysis.frames import Trial

Array = np.ndarray[Any, np.dtype[Any]]


class Values:
    """Values with nulls: texts once each, and numbers as they are.

    Attributes:
        data: (rows,); of a column of texts the places of `texts`.
        is_null: (rows,); None: nothing is.
        texts: that there are; None: of numbers.
    """

    __slots__ = ("data", "is_null", "texts")

    def __init__(
        self, data: Array, is_null: Array | None = None, texts: Sequence[str] | None = None
    ) -> None:
        """Takes the arrays as they are."""
        self.data, self.texts = data, texts
        self.is_null = None if is_null is None or not is_null.any() else is_null

    def __getitem__(self, place: int) -> Any:
        if self.is_null is not None and self.is_null[place]:
            return None
        value = self.data.item(place)
        return value if self.texts is None else self.texts[value]

    def listed(self, places: Array) -> list[Any]:
        """Values of Python."""
        values: list[Any] = self.data[places].tolist()
        if self.texts is not None:
            values = [self.texts[value] for value in values]
        if self.is_null is not None:
            for place in np.flatnonzero(self.is_null[places]).tolist():
                values[place] = None
        return values

    def numbers(self, places: Array) -> Array:
        """(places,) float64; null is NaN."""
        assert self.texts is None
        found = self.data[places].astype(np.float64)
        if self.is_null is not None:
            found[self.is_null[places]] = np.nan
        return found

    def codes(self) -> Array:
        """(rows,) whole numbers, the same where values are, in order of appearance; null is one."""
        found, _ = pd.factorize(self.data)
        if self.is_null is not None:
            found[self.is_null] = -1
        codes: Array = found.astype(np.int64) + 1
        return codes


class Table:
    """A frame's columns; each is unpacked when it is first asked for.

    Attributes:
        names: of the columns.
    """

    __slots__ = ("_columns", "_frame", "names")

    def __init__(self, frame: pd.DataFrame) -> None:
        """Unpacks nothing yet."""
        self.names = tuple(map(str, frame.columns))
        self._frame = frame
        self._columns: dict[str, Values] = {}

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, name: str) -> Values:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = _unpacked(self._frame[name])
        return column

    def codes(self, names: Sequence[str], places: Array) -> Array:
        """(places,) whole numbers from 0, the same where all these columns are."""
        found = np.zeros(len(places), dtype=np.int64)
        for name in names:
            own = self[name].codes()[places]
            found, _ = pd.factorize(found * (int(own.max(initial=0)) + 1) + own)
        return found


class RowView(Mapping[str, Any]):
    """A row of a table, read as it is asked for."""

    __slots__ = ("_own", "_place", "_rows")

    def __init__(self, rows: "Rows", place: int, own: int) -> None:
        """Takes the place in the table, and among the rows."""
        self._rows, self._place, self._own = rows, place, own

    def __getitem__(self, name: str) -> Any:
        own = self._rows.own
        return own[name][self._own] if name in own else self._rows.table[name][self._place]

    @property
    def place(self) -> int:
        """In the table."""
        return self._place

    @property
    def alone(self) -> "Rows":
        """The row as the table has it, one of one."""
        return Rows(self._rows.table, np.array([self._place]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows.names)

    def __len__(self) -> int:
        return len(self._rows.names)

    def __contains__(self, name: object) -> bool:
        return name in self._rows.own or name in self._rows.table.names


class Rows(Sequence[RowView]):
    """Some rows of a table, in an order, and columns of their own in place of the table's.

    Attributes:
        places: (k,) in the table.
        own: columns of k values, by name.
    """

    __slots__ = ("own", "places", "table")

    def __init__(
        self, table: Table, places: Array, own: Mapping[str, Values] | None = None
    ) -> None:
        """Takes them as they are."""
        self.table, self.places, self.own = table, places, own or {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return tuple(dict.fromkeys([*self.table.names, *self.own]))

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[RowView]:
        for own, place in enumerate(self.places.tolist()):
            yield RowView(self, place, own)

    @overload
    def __getitem__(self, index: int) -> RowView: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "RowView | Rows":
        if isinstance(index, slice):
            return self.at(np.arange(len(self))[index])
        own = range(len(self))[index]
        return RowView(self, int(self.places[own]), own)

    def at(self, chosen: Array) -> "Rows":
        """Those at these places among them, or where this is true."""
        own = {
            name: Values(
                column.data[chosen],
                None if column.is_null is None else column.is_null[chosen],
                column.texts,
            )
            for name, column in self.own.items()
        }
        return Rows(self.table, self.places[chosen], own)

    def having(self, **columns: Array) -> "Rows":
        """The same rows with other columns (k,) of numbers; NaN is null."""
        own = {name: Values(values, np.isnan(values)) for name, values in columns.items()}
        return Rows(self.table, self.places, {**self.own, **own})

    def values(self, name: str) -> list[Any]:
        """A column's values of Python; of no rows none, whatever its name."""
        if not len(self):
            return []
        if name in self.own:
            return self.own[name].listed(np.arange(len(self)))
        return self.table[name].listed(self.places)

    def numbers(self, name: str) -> Array:
        """A column (k,) of numbers, NaN where they are null; all are where there is no column."""
        if name in self.own:
            return self.own[name].numbers(np.arange(len(self)))
        if name not in self.table.names:
            return np.full(len(self), np.nan)
        return self.table[name].numbers(self.places)

    def say(self, name: str, text: str) -> Array:
        """(k,) whether a column of texts has this one."""
        column = self.table[name]
        assert column.texts is not None
        if text not in column.texts:
            return np.zeros(len(self), dtype=bool)
        found: Array = column.data[self.places] == column.texts.index(text)
        return found if column.is_null is None else found & ~column.is_null[self.places]

    def alike(self, row: RowView, names: Sequence[str]) -> Array:
        """(k,) whether these columns of the table are as in another of its rows."""
        found = np.ones(len(self), dtype=bool)
        for name in names:
            column, place = self.table[name], row.place
            same = column.data[self.places] == column.data[place]
            if column.is_null is not None:
                is_null = column.is_null[self.places]
                same = np.where(is_null, column.is_null[place], same & ~column.is_null[place])
            found &= same
        return found

    def listed(self, name: str) -> list[float]:
        """A column's numbers, of those that know them; none where there is no column."""
        found: list[float] = self.known(name).numbers(name).tolist()
        return found

    def known(self, name: str) -> "Rows":
        """Those that know a number."""
        is_known = ~np.isnan(self.numbers(name))
        return self if is_known.all() else self.at(is_known)

    def none_knows(self, name: str) -> bool:
        """Whether a column of numbers is null, or not there."""
        return bool(np.isnan(self.numbers(name)).all())


def values_of(rows: Sequence[Trial], name: str) -> list[Any]:
    """A column's values of Python, of rows however they are held."""
    return rows.values(name) if isinstance(rows, Rows) else [row[name] for row in rows]


def joined_rows(held: Sequence[Rows]) -> Rows:
    """Rows of one table, one after another; none of them has columns of its own."""
    return Rows(held[0].table, np.concatenate([rows.places for rows in held]))


def _unpacked(series: "pd.Series[Any]") -> Values:
    if series.dtype == "string":
        texts = pa.array(series.array).dictionary_encode()
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        held = texts.dictionary.to_pylist() or [""]  # of a null column
        codes = pc.fill_null(texts.indices, 0)
        is_null = None if not texts.null_count else texts.is_null().to_numpy(zero_copy_only=False)
        return Values(codes.to_numpy(zero_copy_only=False), is_null, held)
    array = series.array
    is_null = np.asarray(array.isna())
    dtype = {"Int64": np.int64, "Float64": np.float64, "boolean": np.bool_}[str(series.dtype)]
    return Values(array.to_numpy(dtype=dtype, na_value=dtype(0)), is_null)
