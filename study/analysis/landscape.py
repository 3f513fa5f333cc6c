"""The landscape: one row per family x depth x population x distortion level x sample size."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from study.analysis.completeness import shown_as, study_grid, study_seeds
from study.analysis.estimates import cell_errors, nominal_approximation
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import mean_known
from study.analysis.joined import Joined
from study.analysis.table import Levels
from study.trials.schema import LANDSCAPE_COLUMNS
from study.trials.trial import Cell

_ORDER = ("population", "distortion", "num_train", "family", "depth", "level")


def build_landscape(joined: Joined, levels: Levels) -> pd.DataFrame:
    """The landscape; columns as LANDSCAPE_COLUMNS.

    The undistorted cell, trained once, appears in every distortion that lists its neutral
    severity; where none does, as distortion "none". Cells the study asks for and the table lacks
    are rows of nulls; a mean over fewer seeds than the study has is taken from two seeds on only,
    and `num_missing` says how many are not in it.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    num_seeds = len(study_seeds(joined))
    rows = []
    for cell in study_grid(joined, levels):
        row = _landscape_row(joined, cell, num_seeds)
        rows += [{**row, **shown} for shown in shown_as(cell, levels)]
    rows.sort(key=lambda row: tuple(row[name] for name in _ORDER))
    return typed_frame(rows, LANDSCAPE_COLUMNS)


def _landscape_row(joined: Joined, cell: Cell, num_seeds: int) -> Row:
    best, lower = joined.best_of(cell), joined.lower_of(cell)
    searched = joined.rows["search"].get(cell, [])
    tried = joined.current["measure"].get(cell, [])
    measured = [row for row in tried if row["status"] == "done"]
    ideal = [row for row in joined.current["ideal"].get(cell, []) if row["status"] == "done"]
    bayes_risk, bayes_risk_se = _first(measured, "bayes_risk"), _first(measured, "bayes_risk_se")
    found = cell_errors(
        joined.errors.get(cell, []), num_expected=num_seeds, best=best, resubstituted=lower
    )
    nominal = nominal_approximation(lower, bayes_risk, bayes_risk_se)
    errors = {**found.errors, "nominal_approximation": nominal}
    return {
        **asdict(cell),
        "task": joined.tasks[cell.family],
        "num_parameters": _first(measured, "num_parameters"),
        "num_seeds": found.num_seeds,
        "num_missing": num_seeds - found.num_seeds,
        "estimation_num_seeds": found.estimation_num_seeds,
        "num_stopped": sum(row["status"] == "stopped" for row in searched),
        "num_failed": sum(row["status"] == "failed" for row in (*searched, *tried)),
        "share_converged": mean_known(row["converged"] for row in measured),
        "bayes_risk": bayes_risk,
        "bayes_risk_se": bayes_risk_se,
        "risk": found.risk,
        "converged_risk": found.converged_risk,
        "best_in_class_risk": best.get("best_in_class_risk"),
        "best_in_class_num_stream": best.get("num_stream"),
        "resubstitution_risk": found.resubstitution_risk,
        "ideal_risk": mean_known(row["risk"] for row in ideal),
        **{name: estimate.value for name, estimate in errors.items()},
        **{f"{name}_lo": estimate.lo for name, estimate in errors.items()},
        **{f"{name}_hi": estimate.hi for name, estimate in errors.items()},
    }


def _first(rows: Sequence[Row], name: str) -> Any:
    """What the cell's rows say of a quantity they share; None where none says it."""
    return next((row[name] for row in rows if row[name] is not None), None)
