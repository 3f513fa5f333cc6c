"""What the values of a trials table may be."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.frames import LARGEST, TableError, to_rows
from study.trials.roles import RETIRED, ROLES
from study.trials.schema import (
    COUNT,
    REQUIRED_NAMES,
    RISK,
    RISK_DIFFERENCE,
    STANDARD_ERROR,
    STATUSES,
    TRIAL_COLUMNS,
)
from study.trials.tasks import PROBABILITY, task_of

AGREEMENT = 1e-5
"""Between a risk and its parts, which are one sum; of float32, as losses are, there may be less."""
PLAIN = r"[A-Za-z0-9_.-]{1,64}"
"""Of a trial's id: files are named by it."""

Array = np.ndarray[Any, np.dtype[Any]]


def validate_trials(trials: pd.DataFrame) -> None:
    """Checks values: unique ids, known roles and statuses, quantities within their range.

    Raises:
        TableError: one line with the trial, the column, the value and what is allowed.
    """
    for name in REQUIRED_NAMES:
        nulls = np.flatnonzero(trials[name].isna())
        if nulls.size:
            raise TableError(f"column {name} has a null in row {nulls[0]}")
    is_path = ~trials["trial_id"].str.fullmatch(PLAIN).to_numpy(dtype=bool)
    _refuse_first(trials, "trial_id", is_path, "letters and digits, 64 at most")
    repeated = np.flatnonzero(trials["trial_id"].duplicated())
    if repeated.size:
        trial_id = trials["trial_id"].iloc[repeated[0]]
        raise TableError(f"trial_id {trial_id} appears more than once")
    for name, allowed, gone in (("role", ROLES, RETIRED), ("status", STATUSES, ())):
        is_wrong = ~trials[name].isin([*allowed, *gone]).to_numpy(dtype=bool)
        _refuse_first(trials, name, is_wrong, "one of " + ", ".join(allowed))
    _refuse_first(trials, "num_train", _numbers(trials, "num_train") < 1, "at least 1")
    _check_ranges(trials)
    check_sizes(trials)


def check_sizes(table: pd.DataFrame) -> None:
    """Refuses numbers that cannot be computed with, in trials and curves alike.

    Raises:
        TableError: one line with the trial, the column and the value.
    """
    for name in table.columns:
        if table[name].dtype == "Float64":
            is_wrong = np.abs(_numbers(table, name)) > LARGEST
            _refuse_first(table, name, is_wrong, f"within {LARGEST:g} of 0")


def check_parts(trials: pd.DataFrame) -> None:
    """Refuses risks that are not R* and what is above it, where all three are told.

    A file of decisions bears out the third alone: the others could say anything beside it.

    Raises:
        TableError: one line with the trial, the column and the value.
    """
    for prefix in ("", "converged_"):
        name, excess = f"{prefix}risk", _numbers(trials, f"{prefix}excess_risk")
        whole, told = _numbers(trials, "bayes_risk") + excess, _numbers(trials, name)
        is_wrong = np.abs(told - whole) > AGREEMENT * np.maximum(1.0, np.abs(whole))
        _refuse_first(trials, name, is_wrong, f"bayes_risk and {prefix}excess_risk,", whole)


def _check_ranges(trials: pd.DataFrame) -> None:
    """Checks every column whose unit implies a range, that of a risk being each row's task's."""
    codes, names = pd.factorize(trials["task"], use_na_sentinel=False)
    tasks = [task_of(None if pd.isna(name) else str(name)) for name in names]
    least = np.array([task.least for task in tasks], dtype=float)[codes]
    most = np.array([task.most for task in tasks], dtype=float)[codes]
    ranges: Mapping[str, tuple[Any, Any]] = {  # numbers, or (rows,) of them
        PROBABILITY: (0, 1),
        RISK: (least, most),
        RISK_DIFFERENCE: (-most, most),
        STANDARD_ERROR: (0, np.inf),
        COUNT: (0, np.inf),
    }
    for name, unit in ((column.name, column.unit) for column in TRIAL_COLUMNS):
        if unit in ranges:
            values, ends = _numbers(trials, name), np.broadcast_arrays(*ranges[unit], most)
            _refuse_first(trials, name, values < ends[0], "at least", ends[0])
            _refuse_first(trials, name, values > ends[1], "at most", ends[1])
            _refuse_first(trials, name, np.isinf(values), "a finite number")


def _numbers(trials: pd.DataFrame, name: str) -> Array:
    """A column's values, null as NaN, which no comparison finds."""
    return trials[name].to_numpy(dtype=float, na_value=np.nan)


def _refuse_first(
    trials: pd.DataFrame, name: str, is_wrong: Array, allowed: str, ends: Array | None = None
) -> None:
    """Refuses the first row that is wrong; `ends` (rows,) come after what is allowed."""
    wrong = np.flatnonzero(is_wrong)
    if wrong.size:
        (row,) = to_rows(trials.iloc[wrong[:1]])
        said = allowed if ends is None else f"{allowed} {ends[wrong[0]]:g}"
        raise TableError(f"trial {row['trial_id']}: {name} is {row[name]!r}, not {said}")
