"""What the values of a trials table may be."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.frames import TableError, to_rows
from study.trials.roles import RETIRED, ROLES
from study.trials.schema import (
    CLASSIFICATION,
    COUNT,
    PROBABILITY,
    REQUIRED_NAMES,
    RISK_DIFFERENCE,
    STANDARD_ERROR,
    STATUSES,
    TRIAL_COLUMNS,
)

Array = np.ndarray[Any, np.dtype[Any]]

_RISKS: Mapping[str, tuple[int, int]] = {PROBABILITY: (0, 1), RISK_DIFFERENCE: (-1, 1)}


def validate_trials(trials: pd.DataFrame) -> None:
    """Checks values: unique ids, known roles and statuses, quantities within their range.

    Raises:
        TableError: one line with the trial, the column, the value and what is allowed.
    """
    for name in REQUIRED_NAMES:
        nulls = np.flatnonzero(trials[name].isna())
        if nulls.size:
            raise TableError(f"column {name} has a null in row {nulls[0]}")
    repeated = np.flatnonzero(trials["trial_id"].duplicated())
    if repeated.size:
        trial_id = trials["trial_id"].iloc[repeated[0]]
        raise TableError(f"trial_id {trial_id} appears more than once")
    for name, allowed, gone in (("role", ROLES, RETIRED), ("status", STATUSES, ())):
        is_wrong = ~trials[name].isin([*allowed, *gone]).to_numpy(dtype=bool)
        _refuse_first(trials, name, is_wrong, "one of " + ", ".join(allowed))
    _refuse_first(trials, "num_train", _numbers(trials, "num_train") < 1, "at least 1")
    _check_ranges(trials)


def _check_ranges(trials: pd.DataFrame) -> None:
    """Checks every column whose unit implies a range; risks, of tasks whose risk is in it."""
    is_classified = trials["task"].isna() | (trials["task"] == CLASSIFICATION)
    is_probable = is_classified.to_numpy(dtype=bool)
    for name, unit in ((column.name, column.unit) for column in TRIAL_COLUMNS):
        if unit in _RISKS:
            least, most = _RISKS[unit]
            values = _numbers(trials, name)
            _refuse_first(trials, name, is_probable & (values < least), f"at least {least}")
            _refuse_first(trials, name, is_probable & (values > most), f"at most {most}")
        elif unit in (STANDARD_ERROR, COUNT):
            _refuse_first(trials, name, _numbers(trials, name) < 0, "at least 0")


def _numbers(trials: pd.DataFrame, name: str) -> Array:
    """A column's values, null as NaN, which no comparison finds."""
    return trials[name].to_numpy(dtype=float, na_value=np.nan)


def _refuse_first(trials: pd.DataFrame, name: str, is_wrong: Array, allowed: str) -> None:
    wrong = np.flatnonzero(is_wrong)
    if wrong.size:
        (row,) = to_rows(trials.iloc[wrong[:1]])
        raise TableError(f"trial {row['trial_id']}: {name} is {row[name]!r}, not {allowed}")
