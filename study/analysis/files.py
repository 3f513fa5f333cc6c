"""Tables as files: parquet and CSV, written whole, and read with suspicion."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from study.analysis.frames import LARGEST, TableError
from study.analysis.table import Levels, column_order
from study.analysis.validation import check_sizes, validate_trials
from study.storage.outside import parse_json
from study.storage.store import write_whole
from study.trials.schema import CURVE_COLUMNS, REQUIRED_NAMES, TABLE_VERSION, TRIAL_COLUMNS, Column

LEVELS_KEY = b"classcomp.levels"
STOPPING_KEY = b"classcomp.stopping"
FAMILIES_KEY = b"classcomp.families"
VERSION_KEY = b"classcomp.schema"
MOST_VALUES = 2**28
"""Rows times columns of a table that is read: ten million trials have fewer."""
MOST_LEVELS, MOST_SEEDS = 10_000, 10_000_000
"""Of a study: what is missing of it is listed."""
MOST_TEXT = 2**30
"""Bytes of all texts of a table: a file of a few kB may say one text a million times."""
MOST_BYTES = 4 * 2**30
"""Of a table, unpacked, as its file says: a few kB may be packed gigabytes."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopping:
    """The two-stage rule (Stein 1945) by which a study took the number of its seeds.

    Attributes:
        precision: half the length of the interval of a cell's total that was asked for, in the unit
            of its task's risk.
        first_seeds: k0, seeds 0 to k0 - 1: their spread alone decided how many there are.
        max_seeds: how many there are where that would have been more.
    """

    precision: float
    first_seeds: int
    max_seeds: int


def write_table(
    frame: pd.DataFrame,
    stem: Path,
    *,
    levels: Levels | None = None,
    stopping: Stopping | None = None,
    families: Sequence[str] = (),
) -> Path:
    """Writes `stem`.parquet and `stem`.csv, each whole or not at all; returns the parquet's path.

    Args:
        frame: any table of the study.
        stem: path without suffix.
        levels: the study's distortions, kept in the parquet's schema metadata.
        stopping: kept beside them; None where the number of seeds was fixed.
        families: in the study's order, kept beside them; empty: nobody says.
    """
    kept = {name: [float(value) for value in values] for name, values in (levels or {}).items()}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = dict(table.schema.metadata or {})
    metadata[LEVELS_KEY] = json.dumps(kept).encode()
    if stopping is not None:
        metadata[STOPPING_KEY] = json.dumps(asdict(stopping)).encode()
    if families:
        metadata[FAMILIES_KEY] = json.dumps(list(families)).encode()
    metadata[VERSION_KEY] = str(TABLE_VERSION).encode()
    table = table.replace_schema_metadata(metadata)
    parquet = stem.with_name(stem.name + ".parquet")
    write_whole(parquet, lambda path: pq.write_table(table, path))
    write_csv(frame, stem.with_name(stem.name + ".csv"))
    return parquet


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Writes a CSV, whole or not at all; null is an empty field."""
    write_whole(path, lambda temporary: frame.to_csv(temporary, index=False))
    return path


def write_text(text: str, path: Path) -> Path:
    """Writes a UTF-8 text file, whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def read_trials(path: Path) -> tuple[pd.DataFrame, dict[str, list[float]]]:
    """Reads and checks a trials table; returns it with the study's levels.

    Raises:
        TableError: the file is missing or is no parquet file, is of a newer version, lacks a
            column that no row can do without, has one of the wrong type, or holds a value that is
            not allowed.
    """
    _in_one_line(path, _check_size)
    metadata = _read_metadata(path)
    version = metadata.get(VERSION_KEY)
    if version is None:
        raise TableError(f"{path} is not a trials table: it carries no schema version")
    is_number = version.isdigit() and len(version) < 10
    if not is_number or not 1 <= int(version) <= TABLE_VERSION:
        found = version.decode(errors="replace")[:20]
        raise TableError(f"{path}: schema is {found}, this program reads 1 to {TABLE_VERSION}")
    levels = _parse_levels(metadata.get(LEVELS_KEY, b"{}"), path)
    frame = _read_frame(path, TRIAL_COLUMNS)
    frame = frame[column_order(list(frame.columns))]
    try:
        validate_trials(frame)
    except TableError as error:
        raise TableError(f"{path}: {error}") from None
    return frame, levels


def read_stopping(path: Path) -> Stopping | None:
    """How the seeds of a trials table came to be as many as they are; None: a fixed number.

    Raises:
        TableError: the file is missing or is no parquet file, or says it in no known way.
    """
    text = _read_metadata(path).get(STOPPING_KEY)
    if text is None:
        return None
    try:
        held = parse_json(text)
        found = Stopping(
            precision=float(held["precision"]),
            first_seeds=int(held["first_seeds"]),
            max_seeds=int(held["max_seeds"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        found = None
    is_rule = found is not None and 0 < found.precision < math.inf
    if found is None or not (is_rule and 2 <= found.first_seeds <= found.max_seeds <= MOST_SEEDS):
        raise TableError(f"{path}: the stopping rule in its metadata cannot be read")
    return found


def read_families(path: Path) -> tuple[str, ...]:
    """The families of a trials table in the study's order; none where it does not say.

    Raises:
        TableError: the file is missing or is no parquet file, or says it in no known way.
    """
    try:
        held = parse_json(_read_metadata(path).get(FAMILIES_KEY, b"[]"))
    except ValueError:
        held = None
    if not isinstance(held, list) or not all(isinstance(name, str) for name in held):
        raise TableError(f"{path}: the families in its metadata cannot be read")
    return tuple(held)


def read_curves(path: Path) -> pd.DataFrame:
    """Reads the curves table.

    Raises:
        TableError: as for `read_trials`.
    """
    _in_one_line(path, _check_size)
    frame = _read_frame(path, CURVE_COLUMNS)
    try:
        check_sizes(frame)
    except TableError as error:
        raise TableError(f"{path}: {error}") from None
    return frame


def _read_frame(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    return _in_one_line(path, lambda path: _unpacked(path, columns))


def _read_metadata(path: Path) -> Mapping[bytes, bytes]:
    return _in_one_line(path, pq.read_schema).metadata or {}


def _in_one_line(path: Path, read: Callable[[Path], _Read]) -> _Read:
    """What a reader of parquet makes of a file; its complaint is one line."""
    if not path.is_file():
        raise TableError(f"{path}: no such file")
    try:
        return read(path)
    except TableError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise TableError(f"{path} cannot be read as parquet: {first}") from None


def _check_size(path: Path) -> None:
    """Refuses what is larger in memory than any honest table: a small file may hold a huge one."""
    with pq.ParquetFile(path) as held:
        size, schema = held.metadata.num_rows * held.metadata.num_columns, held.schema_arrow
        groups = map(held.metadata.row_group, range(held.metadata.num_row_groups))
        unpacked = sum(group.total_byte_size for group in groups)
    if size > MOST_VALUES:
        raise TableError(f"{path}: {size:,} values are more than the {MOST_VALUES:,} allowed")
    if unpacked > MOST_BYTES:
        raise TableError(f"{path}: {unpacked:,} bytes are more than the {MOST_BYTES:,} allowed")
    for column in schema:
        if pa.types.is_nested(column.type):
            wanted = ", ".join(_ARROW)
            raise TableError(
                f"{path}: column {column.name} is of type {column.type}, not one of {wanted}"
            )
    texts = [column.name for column in schema if _dtype_of(column.type) == "string"]
    num_bytes = 0
    with pq.ParquetFile(path, read_dictionary=texts) as held:
        for name in texts:
            for values in held.read(columns=[name]).columns:
                if pa.types.is_dictionary(values.type):
                    num_bytes += sum(_num_bytes(chunk) for chunk in values.chunks)
            if num_bytes > MOST_TEXT:
                raise TableError(
                    f"{path}: text up to column {name} holds more than {MOST_TEXT:,} bytes"
                )


def _unpacked(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    """A file's columns in nullable dtypes, NaN as null.

    A column that an older table lacks is null, unless a row means nothing without it. Column by
    column, so that there is a table in memory once.
    """
    found = {}
    with pq.ParquetFile(path) as held:
        num, schema = held.metadata.num_rows, held.schema_arrow
        for name, dtype in _dtypes(path, schema, columns).items():
            values = (
                held.read(columns=[name]).column(0)
                if name in schema.names
                else pa.chunked_array([pa.nulls(num, _ARROW[dtype][1])])
            )
            cast = _cast(values, dtype, f"{path}: column {name}")
            found[name] = cast.to_pandas(types_mapper=_PANDAS.get).array
    return pd.DataFrame(found, copy=False)


def _num_bytes(chunk: pa.DictionaryArray) -> int:
    """Of a column's texts, each as often as it is said."""
    lengths = pc.binary_length(chunk.dictionary)
    return int(pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0)


def _parse_levels(text: bytes, path: Path) -> dict[str, list[float]]:
    try:
        held = parse_json(text)
        levels = {str(name): [float(v) for v in values] for name, values in held.items()}
        found = [value for values in levels.values() for value in values]
        is_usable = len(found) <= MOST_LEVELS and all(abs(value) <= LARGEST for value in found)
        # A cell is shown once for each level that it is of.
        is_usable &= all(len(set(values)) == len(values) for values in levels.values())
    except (ValueError, TypeError, AttributeError):
        is_usable = False
    if not is_usable:
        raise TableError(f"{path}: the levels in its metadata cannot be read")
    return levels


_ARROW: Mapping[str, tuple[Callable[[pa.DataType], bool], pa.DataType]] = {
    "string": (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), pa.string()),
    "Int64": (pa.types.is_integer, pa.int64()),
    "Float64": (pa.types.is_floating, pa.float64()),
    "boolean": (pa.types.is_boolean, pa.bool_()),
}
_PANDAS = {held: pd.api.types.pandas_dtype(dtype) for dtype, (_, held) in _ARROW.items()}


def _dtypes(path: Path, schema: pa.Schema, columns: Sequence[Column]) -> dict[str, str]:
    """The dtypes of these columns and of the file's others, checked against the file's types."""
    if len(set(schema.names)) < len(schema.names):
        raise TableError(f"{path}: two columns have the same name")
    dtypes = {column.name: column.dtype for column in columns}
    for name in REQUIRED_NAMES:
        if name in dtypes and name not in schema.names:
            raise TableError(f"{path}: column {name} is missing")
    for column in schema:
        dtype = dtypes.get(column.name) or _dtype_of(column.type)
        if dtype is None or not _ARROW[dtype][0](column.type):
            wanted = dtype or "one of " + ", ".join(_ARROW)
            raise TableError(f"{path}: column {column.name} is of type {column.type}, not {wanted}")
        dtypes[column.name] = dtype
    return dtypes


def _cast(values: pa.ChunkedArray, dtype: str, where: str) -> pa.ChunkedArray:
    try:
        values.validate(full=True)
        cast = values.cast(_ARROW[dtype][1])
    except pa.ArrowException:
        raise TableError(f"{where} holds values that are not {dtype}") from None
    return pc.if_else(pc.is_nan(cast), None, cast) if dtype == "Float64" else cast


def _dtype_of(held: pa.DataType) -> str | None:
    return next((dtype for dtype, (holds, _) in _ARROW.items() if holds(held)), None)
