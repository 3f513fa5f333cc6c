"""From records to tables: typed frames, parquet and CSV, validation and the density check."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from study.frames import Row, TableError, convert, is_null, to_rows, typed_frame
from study.schema import (
    COUNT,
    CURVE_COLUMNS,
    IDENTITY_COLUMNS,
    METRIC_COLUMNS,
    NOTE_COLUMNS,
    PROBABILITY,
    REQUIRED_NAMES,
    RISK_DIFFERENCE,
    ROLES,
    SCHEMA_VERSION,
    STANDARD_ERROR,
    STATUSES,
    TRIAL_COLUMNS,
    UNDISTORTED,
    Column,
)
from study.storage import write_whole

LEVELS_KEY = b"classcomp.levels"
SCHEMA_KEY = b"classcomp.schema"

__all__ = [
    "Levels",
    "Row",
    "TableError",
    "build_curves",
    "build_trials",
    "level_of",
    "read_curves",
    "read_trials",
    "to_rows",
    "typed_frame",
    "validate_trials",
    "write_csv",
    "write_table",
    "write_text",
]

Levels = Mapping[str, Sequence[float]]

_ORDER = ("family", "depth", "population", "distortion", "severity", "num_train", "seed")


# ---------------------------------------------------------------- trials and curves


def build_trials(records: Sequence[Mapping[str, Any]], levels: Levels) -> pd.DataFrame:
    """Build the trials table, one row per record, in an order that ignores the records' order.

    Args:
        records: the ledger's records, of every role and status.
        levels: for each distortion its severities; a severity's index is its level. A severity
            the study does not list has level null.

    Raises:
        TableError: a record lacks a key, has a value of the wrong type or out of range, is of
            another schema version, or repeats a trial_id.
    """
    for record in records:
        _check_record(record)
    tunables = _hyperparameter_columns(records)
    extras = _extra_metric_columns(records)
    rows = [_trial_row(record, levels, tunables, extras) for record in records]
    rows.sort(key=_row_order)
    columns = (*IDENTITY_COLUMNS, *tunables, *METRIC_COLUMNS, *extras, *NOTE_COLUMNS)
    frame = typed_frame(rows, columns)
    validate_trials(frame)
    return frame


def build_curves(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Build the curves table: one row per point of each record's learning curve."""
    rows = []
    for record in records:
        _check_record(record)
        where = f"curve of trial {record['trial_id']}"
        for point in record.get("curves") or ():
            named = {**point, "trial_id": record["trial_id"]}
            rows.append({c.name: convert(named.get(c.name), c, where) for c in CURVE_COLUMNS})
    rows.sort(key=lambda row: (row["trial_id"], -1 if row["step"] is None else row["step"]))
    return typed_frame(rows, CURVE_COLUMNS)


def level_of(distortion: str, severity: float, levels: Levels) -> int | None:
    """Return the index of a severity in its distortion's list; undistorted is 0."""
    if distortion == UNDISTORTED:
        return 0
    severities = [float(value) for value in levels.get(distortion, ())]
    return severities.index(severity) if severity in severities else None


def _check_record(record: Mapping[str, Any]) -> None:
    where = f"trial {record.get('trial_id')}"
    if record.get("schema") != SCHEMA_VERSION:
        found = record.get("schema")
        raise TableError(f"{where}: schema is {found!r}, this program reads {SCHEMA_VERSION}")
    for name in REQUIRED_NAMES:
        if is_null(record.get(name)):
            raise TableError(f"{where}: the record has no {name}")
    for name in ("metrics", "hyperparameters"):
        if not isinstance(record.get(name) or {}, Mapping):
            raise TableError(f"{where}: {name} is not a mapping of names to values")


def _trial_row(
    record: Mapping[str, Any],
    levels: Levels,
    tunables: Sequence[Column],
    extras: Sequence[Column],
) -> Row:
    where = f"trial {record['trial_id']}"
    metrics = record.get("metrics") or {}
    row = {c.name: convert(record.get(c.name), c, where) for c in IDENTITY_COLUMNS + NOTE_COLUMNS}
    row |= {c.name: convert(metrics.get(c.name), c, where) for c in (*METRIC_COLUMNS, *extras)}
    row["level"] = level_of(row["distortion"], row["severity"], levels)
    given = record.get("hyperparameters") or {}
    for column in tunables:
        value = given.get(column.name.removeprefix("hp_"))
        if column.dtype == "string" and not is_null(value) and not isinstance(value, str):
            value = json.dumps(value, sort_keys=True)
        row[column.name] = convert(value, column, where)
    return row


def _row_order(row: Row) -> tuple[Any, ...]:
    role = ROLES.index(row["role"]) if row["role"] in ROLES else len(ROLES)
    return (role, *(row[name] for name in _ORDER), row["trial_id"])


def _hyperparameter_columns(records: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Name the hp_ columns, each with the narrowest dtype that holds all its values."""
    types: dict[str, set[type]] = {}
    for record in records:
        for name, value in (record.get("hyperparameters") or {}).items():
            held = types.setdefault(name, set())
            if not is_null(value):
                held.add(type(value))
    return [
        Column(f"hp_{name}", _narrowest(types[name]), "", f"hyperparameter {name}")
        for name in sorted(types)
    ]


def _narrowest(types: Collection[type]) -> str:
    if types == {bool}:
        return "boolean"
    if types == {int}:
        return "Int64"
    if types and set(types) <= {int, float}:
        return "Float64"
    return "string"


def _extra_metric_columns(records: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Name the metrics a family brings beyond the schema's: all of them numbers."""
    listed = {column.name for column in METRIC_COLUMNS}
    taken = {column.name for column in IDENTITY_COLUMNS + NOTE_COLUMNS}
    names = {name for record in records for name in (record.get("metrics") or {})} - listed
    for name in sorted(names):
        if name in taken or name.startswith("hp_"):
            raise TableError(f"metric {name!r} has the name of another column of the table")
    return [Column(name, "Float64", "", "a metric of the family") for name in sorted(names)]


# ---------------------------------------------------------------- validation


def validate_trials(trials: pd.DataFrame) -> None:
    """Check values: unique ids, known roles and statuses, quantities within their range.

    Raises:
        TableError: one line with the trial, the column, the value and what is allowed.
    """
    seen: set[str] = set()
    for number, row in enumerate(to_rows(trials)):
        for name in REQUIRED_NAMES:
            if row[name] is None:
                raise TableError(f"column {name} has a null in row {number}")
        if row["trial_id"] in seen:
            raise TableError(f"trial_id {row['trial_id']} appears more than once")
        seen.add(row["trial_id"])
        _check_values(row)


_RANGES: Mapping[str, tuple[int, int | None]] = {
    PROBABILITY: (0, 1),
    RISK_DIFFERENCE: (-1, 1),
    STANDARD_ERROR: (0, None),
    COUNT: (0, None),
}


def _check_values(row: Row) -> None:
    for name, allowed in (("role", ROLES), ("status", STATUSES)):
        if row[name] not in allowed:
            raise _refusal(row, name, "one of " + ", ".join(allowed))
    for column in TRIAL_COLUMNS:
        value = row[column.name]
        if value is None or column.unit not in _RANGES:
            continue
        low, high = _RANGES[column.unit]
        if value < low:
            raise _refusal(row, column.name, f"at least {low}")
        if high is not None and value > high:
            raise _refusal(row, column.name, f"at most {high}")
    if row["num_train"] < 1:
        raise _refusal(row, "num_train", "at least 1")


def _refusal(row: Row, name: str, allowed: str) -> TableError:
    return TableError(f"trial {row['trial_id']}: {name} is {row[name]!r}, not {allowed}")


# ---------------------------------------------------------------- files


def write_table(frame: pd.DataFrame, stem: Path, *, levels: Levels | None = None) -> Path:
    """Write `stem`.parquet and `stem`.csv, each whole or not at all; return the parquet's path.

    Args:
        frame: any table of the study.
        stem: path without suffix.
        levels: the study's distortions, kept in the parquet's schema metadata.
    """
    kept = {name: [float(value) for value in values] for name, values in (levels or {}).items()}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = dict(table.schema.metadata or {})
    metadata[LEVELS_KEY] = json.dumps(kept).encode()
    metadata[SCHEMA_KEY] = str(SCHEMA_VERSION).encode()
    table = table.replace_schema_metadata(metadata)
    parquet = stem.with_name(stem.name + ".parquet")
    write_whole(parquet, lambda path: pq.write_table(table, path))
    write_csv(frame, stem.with_name(stem.name + ".csv"))
    return parquet


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a CSV, whole or not at all; null is an empty field."""
    write_whole(path, lambda temporary: frame.to_csv(temporary, index=False))
    return path


def write_text(text: str, path: Path) -> Path:
    """Write a UTF-8 text file, whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def read_trials(path: Path) -> tuple[pd.DataFrame, dict[str, list[float]]]:
    """Read and check a trials table; return it with the study's levels.

    Raises:
        TableError: the file is missing or is no parquet file, is of another schema version,
            lacks a column, has one of the wrong type, or holds a value that is not allowed.
    """
    table = _read_parquet(path)
    metadata = table.schema.metadata or {}
    version = metadata.get(SCHEMA_KEY)
    if version is None:
        raise TableError(f"{path} is not a trials table: it carries no schema version")
    if version != str(SCHEMA_VERSION).encode():
        found = version.decode(errors="replace")
        raise TableError(f"{path}: schema is {found}, this program reads {SCHEMA_VERSION}")
    levels = _parse_levels(metadata.get(LEVELS_KEY, b"{}"), path)
    frame = _to_frame(table, TRIAL_COLUMNS, path)
    try:
        validate_trials(frame)
    except TableError as error:
        raise TableError(f"{path}: {error}") from None
    return frame, levels


def read_curves(path: Path) -> pd.DataFrame:
    """Read the curves table.

    Raises:
        TableError: as for `read_trials`.
    """
    return _to_frame(_read_parquet(path), CURVE_COLUMNS, path)


def _read_parquet(path: Path) -> pa.Table:
    if not path.is_file():
        raise TableError(f"{path}: no such file")
    try:
        return pq.ParquetFile(path).read()
    except (OSError, ValueError, pa.ArrowException) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise TableError(f"{path} cannot be read as parquet: {first}") from None


def _parse_levels(text: bytes, path: Path) -> dict[str, list[float]]:
    try:
        levels = json.loads(text)
        return {str(name): [float(v) for v in values] for name, values in levels.items()}
    except (ValueError, TypeError, AttributeError):
        raise TableError(f"{path}: the levels in its metadata cannot be read") from None


_ARROW: Mapping[str, tuple[Callable[[pa.DataType], bool], pa.DataType]] = {
    "string": (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), pa.string()),
    "Int64": (pa.types.is_integer, pa.int64()),
    "Float64": (pa.types.is_floating, pa.float64()),
    "boolean": (pa.types.is_boolean, pa.bool_()),
}


def _to_frame(table: pa.Table, columns: Sequence[Column], path: Path) -> pd.DataFrame:
    """Check the columns' types and turn the table into nullable dtypes, NaN into null."""
    listed = {column.name: column for column in columns}
    if len(set(table.column_names)) < len(table.column_names):
        raise TableError(f"{path}: two columns have the same name")
    for name in listed:
        if name not in table.column_names:
            raise TableError(f"{path}: column {name} is missing")
    series = {}
    for name in table.column_names:
        held = table.column(name)
        dtype = listed[name].dtype if name in listed else _dtype_of(held.type)
        if dtype is None or not _ARROW[dtype][0](held.type):
            wanted = dtype or "one of " + ", ".join(_ARROW)
            raise TableError(f"{path}: column {name} is of type {held.type}, not {wanted}")
        series[name] = pd.Series(_to_values(held, dtype, name, path), dtype=dtype)
    return pd.DataFrame(series)


def _to_values(held: pa.ChunkedArray, dtype: str, name: str, path: Path) -> list[Any]:
    try:
        held.validate(full=True)
        cast = held.cast(_ARROW[dtype][1])
    except pa.ArrowException:
        raise TableError(f"{path}: column {name} holds values that are not {dtype}") from None
    if dtype == "Float64":
        cast = pc.if_else(pc.is_nan(cast), pa.scalar(None, pa.float64()), cast)
    values: list[Any] = cast.to_pylist()
    return values


def _dtype_of(held: pa.DataType) -> str | None:
    return next((dtype for dtype, (holds, _) in _ARROW.items() if holds(held)), None)
