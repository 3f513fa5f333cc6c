"""What the values of a trials table may be."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from study.analysis.frames import TableError, to_rows
from study.trials.roles import ROLES
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

_LEAST: Mapping[str, int] = {PROBABILITY: 0, RISK_DIFFERENCE: -1, STANDARD_ERROR: 0, COUNT: 0}
# of tasks whose risk is a probability; another task's may be any number
_MOST: Mapping[str, int] = {PROBABILITY: 1, RISK_DIFFERENCE: 1}


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
    _check_words(trials, "role", ROLES)
    _check_words(trials, "status", STATUSES)
    _check_ranges(trials)


def _check_words(trials: pd.DataFrame, name: str, allowed: Collection[str]) -> None:
    is_wrong = ~trials[name].isin(list(allowed)).to_numpy(dtype=bool)
    _refuse_first(trials, name, is_wrong, "one of " + ", ".join(allowed))


def _check_ranges(trials: pd.DataFrame) -> None:
    is_classified = trials["task"].isna() | (trials["task"] == CLASSIFICATION)
    is_probable = is_classified.to_numpy(dtype=bool)
    for column in TRIAL_COLUMNS:
        if column.unit not in _LEAST:
            continue
        values = trials[column.name].to_numpy(dtype=float, na_value=np.nan)
        counts = is_probable if column.unit in _MOST else np.full(len(trials), True)
        least = 1 if column.name == "num_train" else _LEAST[column.unit]
        _refuse_first(trials, column.name, counts & (values < least), f"at least {least}")
        if column.unit in _MOST:
            most = _MOST[column.unit]
            _refuse_first(trials, column.name, counts & (values > most), f"at most {most}")


def _refuse_first(
    trials: pd.DataFrame,
    name: str,
    is_wrong: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    allowed: str,
) -> None:
    wrong = np.flatnonzero(is_wrong)
    if wrong.size:
        (row,) = to_rows(trials.iloc[wrong[:1]])
        raise TableError(f"trial {row['trial_id']}: {name} is {row[name]!r}, not {allowed}")
