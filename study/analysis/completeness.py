"""The density check: which rows a study's grid asks for and the table does not have.

A study is a product: families x depths x populations x distortion levels x sample sizes x seeds.
What one cell has and another lacks is missing there, and is said (after autogluon/tabarena).
"""

from collections.abc import Iterable, Sequence
from itertools import product

import pandas as pd

from study.analysis.estimates import Key, cell_key, clean_key, current_rows
from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.table import Levels
from study.trials.schema import MISSING_COLUMNS, NEUTRAL_SEVERITY
from study.trials.trial import CELL_NAMES, UNDISTORTED

Damage = tuple[str, float]


def trained_as(distortion: str, severity: float) -> Damage:
    """Return the damage a level was trained under: a neutral severity is the undistorted law."""
    neutral = NEUTRAL_SEVERITY.get(distortion) == severity
    return (UNDISTORTED, 0.0) if neutral else (distortion, severity)


def study_damages(trials: pd.DataFrame, levels: Levels) -> list[Damage]:
    """Return every (distortion, severity) of the study's grid, as it was trained."""
    listed = {trained_as(name, float(s)) for name, values in levels.items() for s in values}
    rows = to_rows(trials)
    if any(row["distortion"] == UNDISTORTED and _in_grid(row) for row in rows):
        listed.add((UNDISTORTED, 0.0))
    return sorted(listed)


def study_grid(trials: pd.DataFrame, levels: Levels) -> list[Key]:
    """Return the keys of all cells the study asks for, trained or not, in order."""
    rows = [row for row in to_rows(trials) if _in_grid(row)]
    axes = {name: sorted({row[name] for row in rows}) for name in CELL_NAMES}
    return [
        (family, depth, population, *damage, num_train)
        for family, depth, population, damage, num_train in product(
            axes["family"],
            axes["depth"],
            axes["population"],
            study_damages(trials, levels),
            axes["num_train"],
        )
    ]


def study_seeds(trials: pd.DataFrame) -> list[int]:
    """Return the seeds that any cell of the study was measured with, whatever came of it."""
    return sorted({row["seed"] for row in current_rows(trials, "measure")[0]})


def _in_grid(row: Row) -> bool:
    return row["role"] in ("search", "measure")


def missing_rows(trials: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """List the rows that are absent, failed or without a risk; columns as MISSING_COLUMNS.

    Measuring rows are expected for every cell and seed of the grid; best_in_class rows for every
    law and m, resubstitution rows for every clean cell and seed, ideal and variance rows for
    every cell and seed, where the study has any.
    """
    grid = study_grid(trials, levels)
    clean = sorted({clean_key(dict(zip(CELL_NAMES, key, strict=True))) for key in grid})
    rows = [
        *_missing_seeds(trials, "measure", grid),
        *_missing_streams(trials, clean),
        *_missing_seeds(trials, "resubstitution", clean),
        *_missing_seeds(trials, "ideal", grid),
        *_missing_seeds(trials, "variance", grid),
    ]
    return typed_frame(rows, MISSING_COLUMNS)


def _missing_seeds(trials: pd.DataFrame, role: str, cells: Sequence[Key]) -> list[Row]:
    rows, _ = current_rows(trials, role)
    seeds = sorted({row["seed"] for row in rows})
    held = {(cell_key(row), row["seed"]): row for row in rows}
    missing = []
    for cell, seed in product(cells, seeds):
        row = held.get((cell, seed))
        why = "absent" if row is None else _why_unusable([row])
        if why is not None:
            missing.append(_missing_row(role, cell, seed, why))
    return missing


def _missing_streams(trials: pd.DataFrame, clean: Sequence[Key]) -> list[Row]:
    """List the laws and m without a single finished restart."""
    rows = [row for row in to_rows(trials) if row["role"] == "best_in_class"]
    streams = sorted({row["num_train"] for row in rows})
    missing = []
    for law, num_stream in product(sorted({key[:-1] for key in clean}), streams):
        found = [row for row in rows if clean_key(row) == (*law, num_stream)]
        why = _why_unusable(found) if found else "absent"
        if why is not None:
            missing.append(_missing_row("best_in_class", (*law, num_stream), None, why))
    return missing


def _why_unusable(rows: Iterable[Row]) -> str | None:
    """Return None where a row is done and has its risk, else what the first one lacks."""
    reasons = [
        ("without a risk" if row["risk"] is None else None)
        if row["status"] == "done"
        else row["status"]
        for row in rows
    ]
    return None if None in reasons else reasons[0]


def _missing_row(role: str, cell: Key, seed: int | None, why: str) -> Row:
    return {"role": role, **dict(zip(CELL_NAMES, cell, strict=True)), "seed": seed, "why": why}
