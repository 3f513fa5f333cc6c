"""From records to the tables of trials and curves."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from study.analysis.frames import Row, TableError, convert, is_null, typed_frame
from study.analysis.validation import validate_trials
from study.trials.roles import ROLES
from study.trials.schema import (
    CURVE_COLUMNS,
    IDENTITY_COLUMNS,
    METRIC_COLUMNS,
    NOTE_COLUMNS,
    PREFIX,
    REQUIRED_NAMES,
    TRIAL_COLUMNS,
    Column,
)
from study.trials.trial import IDENTITY_VERSION, UNDISTORTED, cell_of

Levels = Mapping[str, Sequence[float]]
"""For each distortion its severities; a severity's index is its level."""


def build_trials(records: Sequence[Mapping[str, Any]], levels: Levels) -> pd.DataFrame:
    """The trials table, one row per record, in an order that ignores the records' order.

    Args:
        records: the ledger's records, of every role and status.
        levels: for each distortion its severities; a severity's index is its level. A severity
            the study does not list has level null.

    Raises:
        TableError: a record lacks a key, has a value of the wrong type or out of range, is of
            another identity version, or repeats a trial_id.
    """
    for record in records:
        _check_record(record)
    tunables = _hyperparameter_columns(records)
    extras = _extra_metric_columns(records)
    rows = [_trial_row(record, levels, tunables, extras) for record in records]
    rows.sort(key=_row_order)
    frame = typed_frame(rows, (*TRIAL_COLUMNS, *tunables, *extras))
    frame = frame[column_order(list(frame.columns))]
    validate_trials(frame)
    return frame


def build_curves(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The curves table: one row per point of each record's learning curve."""
    rows = []
    for record in records:
        _check_record(record)
        where = f"curve of trial {record['trial_id']}"
        for point in record.get("curves") or ():
            named = {**point, "trial_id": record["trial_id"]}
            rows.append({c.name: convert(named.get(c.name), c, where) for c in CURVE_COLUMNS})
    rows.sort(key=lambda row: (row["trial_id"], -1 if row["step"] is None else row["step"]))
    return typed_frame(rows, CURVE_COLUMNS)


def levels_of(
    severities: Mapping[str, Sequence[float]], records: Sequence[Mapping[str, Any]]
) -> dict[str, list[float]]:
    """Severities by distortion: those asked for, then those only an earlier run asked for."""
    levels = {name: list(values) for name, values in severities.items()}
    for record in records:
        if record["distortion"] != UNDISTORTED:
            known = levels.setdefault(record["distortion"], [])
            if record["severity"] not in known:
                known.append(record["severity"])
    return levels


def column_order(names: Sequence[str]) -> list[str]:
    """The trials table's columns in its order, whatever order and however many there are.

    Hyperparameters come after the identity, metrics that the schema does not list after those
    that it does.
    """
    listed = {c.name for c in (*IDENTITY_COLUMNS, *METRIC_COLUMNS, *NOTE_COLUMNS)}
    others = [name for name in names if name not in listed]
    return [
        *(column.name for column in IDENTITY_COLUMNS),
        *(name for name in others if name.startswith(PREFIX)),
        *(column.name for column in METRIC_COLUMNS),
        *(name for name in others if not name.startswith(PREFIX)),
        *(column.name for column in NOTE_COLUMNS),
    ]


def level_of(distortion: str, severity: float, levels: Levels) -> int | None:
    """The index of a severity in its distortion's list; undistorted is 0."""
    if distortion == UNDISTORTED:
        return 0
    severities = [float(value) for value in levels.get(distortion, ())]
    return severities.index(severity) if severity in severities else None


def _check_record(record: Mapping[str, Any]) -> None:
    where = f"trial {record.get('trial_id')}"
    if record.get("schema") != IDENTITY_VERSION:
        found = record.get("schema")
        raise TableError(f"{where}: schema is {found!r}, this program reads {IDENTITY_VERSION}")
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
        value = given.get(column.name.removeprefix(PREFIX))
        if column.dtype == "string" and not is_null(value) and not isinstance(value, str):
            value = json.dumps(value, sort_keys=True)
        row[column.name] = convert(value, column, where)
    return row


def _row_order(row: Row) -> tuple[Any, ...]:
    roles = list(ROLES)
    role = roles.index(row["role"]) if row["role"] in roles else len(roles)
    return (role, cell_of(row), row["seed"], row["trial_id"])


def _hyperparameter_columns(records: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The hp_ columns, each with the narrowest dtype that holds all its values."""
    types: dict[str, set[type]] = {}
    for record in records:
        for name, value in (record.get("hyperparameters") or {}).items():
            held = types.setdefault(name, set())
            if not is_null(value):
                held.add(type(value))
    return [
        Column(f"{PREFIX}{name}", _narrowest(types[name]), "", f"hyperparameter {name}")
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
    """The metrics a family brings beyond the schema's: all of them numbers."""
    listed = {column.name for column in METRIC_COLUMNS}
    taken = {column.name for column in IDENTITY_COLUMNS + NOTE_COLUMNS}
    names = {name for record in records for name in (record.get("metrics") or {})} - listed
    for name in sorted(names):
        if name in taken or name.startswith(PREFIX):
            raise TableError(f"metric {name!r} has the name of another column of the table")
    return [Column(name, "Float64", "", "a metric of the family") for name in sorted(names)]
