"""The landscape: one row per family x depth x population x distortion level x sample size."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from study.analysis.completeness import study_grid, study_seeds, trained_as
from study.analysis.estimates import (
    Key,
    best_in_class,
    cell_errors,
    cell_key,
    clean_key,
    current_rows,
    nominal_approximation,
    resubstitution,
    trial_errors,
)
from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.intervals import mean
from study.analysis.table import Levels
from study.trials.schema import LANDSCAPE_COLUMNS
from study.trials.trial import CELL_NAMES, UNDISTORTED

_ORDER = ("population", "distortion", "num_train", "family", "depth", "level")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Joined:
    """Everything a cell is put together from, by key."""

    seeds: list[int]
    errors: Mapping[Key, list[Row]]
    measured: Mapping[Key, list[Row]]
    grid: Mapping[Key, list[Row]]
    best: Mapping[Key, Row]
    resubstituted: Mapping[Key, dict[int, float]]
    ideal: Mapping[Key, list[Row]]


def build_landscape(trials: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """Build the landscape; columns as LANDSCAPE_COLUMNS.

    The undistorted cell, trained once, appears in every distortion that lists its neutral
    severity; where none does, as distortion "none". Cells the study asks for and the table lacks
    are rows of nulls; a mean over fewer seeds than the study has is taken from two seeds on only,
    and `num_missing` says how many are not in it.

    Args:
        trials: the trials table.
        levels: for each distortion its severities, in the order of their levels.
    """
    joined = _join(trials)
    rows = []
    for key in study_grid(trials, levels):
        row = _landscape_row(key, joined)
        rows += [{**row, **shown} for shown in shown_as(key, levels)]
    rows.sort(key=lambda row: tuple(row[name] for name in _ORDER))
    return typed_frame(rows, LANDSCAPE_COLUMNS)


def _join(trials: pd.DataFrame) -> _Joined:
    searched = [row for row in to_rows(trials) if row["role"] == "search"]
    measured, _ = current_rows(trials, "measure")
    return _Joined(
        seeds=study_seeds(trials),
        errors=_by_cell(to_rows(trial_errors(trials))),
        measured=_by_cell(measured),
        grid=_by_cell(searched + measured),
        best=best_in_class(trials),
        resubstituted=resubstitution(trials),
        ideal=_by_cell(current_rows(trials, "ideal")[0]),
    )


def _by_cell(rows: Iterable[Row]) -> Mapping[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[cell_key(row)].append(row)
    return dict(groups)


def shown_as(key: Key, levels: Levels) -> list[dict[str, Any]]:
    """Return under which distortions, levels and severities a trained cell is shown."""
    trained = key[3:5]
    shown = [
        {"distortion": name, "level": level, "severity": float(severity)}
        for name, severities in levels.items()
        for level, severity in enumerate(severities)
        if trained_as(name, float(severity)) == trained
    ]
    return shown or [{"distortion": UNDISTORTED, "level": 0, "severity": 0.0}]


def _landscape_row(key: Key, joined: _Joined) -> Row:
    named = dict(zip(CELL_NAMES, key, strict=True))
    clean = clean_key(named)
    best = joined.best.get(clean[:-1], {})
    lower = joined.resubstituted.get(clean, {})
    measured = [row for row in joined.measured.get(key, []) if row["status"] == "done"]
    bayes_risk = _known(measured, "bayes_risk")
    found = cell_errors(
        joined.errors.get(key, []),
        num_expected=len(joined.seeds),
        best=best,
        resubstituted=lower,
    )
    errors = dict(found.errors)
    errors["nominal_approximation"] = nominal_approximation(
        lower, bayes_risk, _known(measured, "bayes_risk_se")
    )
    return {
        **named,
        **_counts(joined.grid.get(key, [])),
        "num_parameters": _known(measured, "num_parameters"),
        "num_seeds": found.num_seeds,
        "num_missing": len(joined.seeds) - found.num_seeds,
        "estimation_num_seeds": found.estimation_num_seeds,
        "share_converged": _share(measured, "converged"),
        "bayes_risk": bayes_risk,
        "bayes_risk_se": _known(measured, "bayes_risk_se"),
        "risk": found.risk,
        "converged_risk": found.converged_risk,
        "best_in_class_risk": best.get("best_in_class_risk"),
        "best_in_class_num_stream": best.get("num_stream"),
        "resubstitution_risk": found.resubstitution_risk,
        "ideal_risk": _mean_risk(joined.ideal.get(key, [])),
        **{name: estimate.value for name, estimate in errors.items()},
        **{f"{name}_lo": estimate.lo for name, estimate in errors.items()},
        **{f"{name}_hi": estimate.hi for name, estimate in errors.items()},
    }


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {
        "num_stopped": sum(r["role"] == "search" and r["status"] == "stopped" for r in rows),
        "num_failed": sum(r["status"] == "failed" for r in rows),
    }


def _known(rows: Sequence[Row], name: str) -> Any:
    """Return what the cell's rows say of a quantity they share; None where none says it."""
    return next((row[name] for row in rows if row[name] is not None), None)


def _mean_risk(rows: Sequence[Row]) -> float | None:
    risks = [row["risk"] for row in rows if row["status"] == "done" and row["risk"] is not None]
    return mean(risks) if risks else None


def _share(rows: Sequence[Row], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known) / len(known) if known else None
