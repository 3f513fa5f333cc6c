"""The landscape: one row per family x depth x population x distortion level x sample size."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from study.analysis.candidates import any_size, bound_has_settled, excess_limit
from study.analysis.columns import LANDSCAPE_COLUMNS
from study.analysis.completeness import shown_as, study_grid, study_seeds
from study.analysis.estimates import (
    Measured,
    cell_errors,
    limit_mean,
    pooled_samples,
    significantly_below,
)
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import mean_known
from study.analysis.joined import Joined
from study.analysis.rows import Rows
from study.analysis.skewness import pooled_skewness
from study.analysis.table import Levels
from study.trials.tasks import task_of
from study.trials.trial import AXES, Cell, law_of


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
    skewness = pool_skewness(joined)
    cells = {
        cell: _measured(joined, cell, num_seeds, skewness.get(cell.family, {}))
        for cell in study_grid(joined, levels)
    }
    bounds = _bounds(joined, cells)
    extrapolated = {law: excess_limit(joined.restarts.get(law, {})) for law in bounds}
    rows = []
    for cell, measured in cells.items():
        row = _landscape_row(joined, cell, measured)
        row["approximation_limit"] = extrapolated[any_size(law_of(cell))]
        if row["approximation"] is not None:
            row["approximation_is_bound"] = bounds[any_size(law_of(cell))]
        rows += [{**row, **shown} for shown in shown_as(cell, levels)]
    rows.sort(key=_order)
    return typed_frame(rows, LANDSCAPE_COLUMNS)


def _order(row: Row) -> tuple[Any, ...]:
    shape = (row["family"], row["depth"], *(row[name] or 0 for name in AXES))
    return (row["population"], row["distortion"], row["num_train"], *shape, row["level"])


def pool_skewness(joined: Joined) -> dict[str, dict[str, float]]:
    """The skewness of the seeds of every error, by family: all of its cells have it in common.

    Where cells are measured until their interval is short enough, it is not asked for.
    """
    if joined.first_stage is not None:
        return {}
    cells: dict[str, list[Rows]] = defaultdict(list)
    for cell, rows in sorted(joined.errors.items()):
        cells[cell.family].append(rows)
    return {
        family: {name: pooled_skewness(samples) for name, samples in pooled_samples(held).items()}
        for family, held in cells.items()
    }


def _measured(
    joined: Joined, cell: Cell, num_seeds: int, skewness: Mapping[str, float]
) -> Measured:
    rows, limits = joined.measured(cell), joined.limit_of(cell)
    is_deciding = any(len(joined.deciding(held)) for held in (rows, limits))
    return Measured(
        task=task_of(joined.tasks[cell.family]),
        rows=rows,
        errors=joined.errors.get(cell, joined.none),
        num_expected=num_seeds,
        best=joined.rule_of(cell),
        limits=limits,
        decisions=joined.decisions if is_deciding else None,
        skewness=skewness,
        first_stage=joined.first_stage,
    )


def _bounds(joined: Joined, cells: Mapping[Cell, Measured]) -> dict[Cell, bool]:
    """Whether U_H of a law may still fall: its stream has not settled, or a cell is below it."""
    laws: dict[Cell, list[Measured]] = defaultdict(list)
    for cell, measured in cells.items():
        laws[any_size(law_of(cell))].append(measured)
    return {
        law: not bound_has_settled(joined.restarts.get(law, {}), joined.decisions)
        or any(significantly_below(measured) for measured in held)
        for law, held in laws.items()
    }


def _landscape_row(joined: Joined, cell: Cell, measured: Measured) -> Row:
    law = any_size(law_of(cell))
    best, limits = joined.best_of(cell), joined.limit_of(cell)
    searched = joined.rows["search"].get(cell, joined.none)
    tried = joined.current["measure"].get(cell, joined.none)
    done = tried.at(tried.say("status", "done"))
    ideal = joined.current["ideal"].get(cell, joined.none)
    ideal = ideal.at(ideal.say("status", "done"))
    found = cell_errors(measured)
    return {
        **asdict(cell),
        **best,
        "task": joined.tasks[cell.family],
        "num_parameters": _first(done, "num_parameters"),
        "num_seeds": found.num_seeds,
        "num_missing": max(0, measured.num_expected - found.num_seeds),
        "estimation_num_seeds": found.estimation_num_seeds,
        "num_stopped": int(searched.say("status", "stopped").sum()),
        "num_failed": sum(int(rows.say("status", "failed").sum()) for rows in (searched, tried)),
        "share_converged": mean_known(done.values("converged")),
        "bayes_risk": _first(done, "bayes_risk"),
        "bayes_risk_se": _first(done, "bayes_risk_se"),
        "risk": found.risk,
        "converged_risk": found.converged_risk,
        "slack": joined.slacks.get(law),
        "limit_risk": limit_mean(limits, "risk"),
        "limit_num_stream": _first(limits, "num_train"),
        "limit_restarts": len(limits) or None,
        "resubstitution_risk": found.resubstitution_risk,
        "ideal_risk": mean_known(ideal.values("risk")),
        **{name: estimate.value for name, estimate in found.errors.items()},
        **{f"{name}_lo": estimate.lo for name, estimate in found.errors.items()},
        **{f"{name}_hi": estimate.hi for name, estimate in found.errors.items()},
    }


def _first(rows: Rows, name: str) -> Any:
    """What the cell's rows say of a quantity they share; None where none says it."""
    return next((value for value in rows.values(name) if value is not None), None)
