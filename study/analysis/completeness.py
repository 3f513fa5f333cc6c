"""Which rows a study's grid asks for, under which distortions a cell is shown, what is missing.

A study is a product: families x depths x latent dimensions x capacities x populations x distortion
levels x sample sizes x seeds, where a family that is not on an axis is once, and distortions may be
asked for at some of the sizes and depths alone.
What one cell has and another lacks is missing there, and is said (after autogluon/tabarena).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, product
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.candidates import any_size, done
from study.analysis.columns import MISSING_COLUMNS
from study.analysis.frames import Row, TableError, Trial, typed_frame
from study.analysis.joined import Joined
from study.analysis.table import Levels
from study.trials.roles import ROLES, Role, Scope
from study.trials.schema import NEUTRAL_SEVERITY
from study.trials.tasks import task_of
from study.trials.trial import AXES, UNDISTORTED, Cell, law_of

MOST_CELLS, MOST_MISSING = 2**19, 2**21
"""Of a grid: a few hundred trials, no two of which have anything in common, ask for billions."""


@dataclass(frozen=True, slots=True, order=True)
class Damage:
    """What was done to a population."""

    distortion: str
    severity: float


INTACT = Damage(UNDISTORTED, 0.0)


def damage_of(cell: Cell) -> Damage:
    """What was done to the cell's population."""
    return Damage(cell.distortion, cell.severity)


def trained_damage(distortion: str, severity: float) -> Damage:
    """What trials of a level were trained under: a neutral severity is the undistorted law."""
    is_neutral = NEUTRAL_SEVERITY.get(distortion) == severity
    return INTACT if is_neutral else Damage(distortion, float(severity))


def shown_as(cell: Cell, levels: Levels) -> list[Row]:
    """Under which distortions, levels and severities a trained cell is shown."""
    shown: list[Row] = [
        {"distortion": name, "level": level, "severity": float(severity)}
        for name, severities in levels.items()
        for level, severity in enumerate(severities)
        if trained_damage(name, severity) == damage_of(cell)
    ]
    return shown or [{**asdict(INTACT), "level": 0}]


def study_grid(joined: Joined, levels: Levels) -> list[Cell]:
    """All cells the study asks for, trained or not, in order.

    Raises:
        TableError: they are more than MOST_CELLS.
    """
    held = joined.grid_cells
    damages = {trained_damage(name, s) for name, values in levels.items() for s in values}
    if any(cell.is_undistorted for cell in held):
        damages.add(INTACT)
    axes: tuple[Sequence[Any], ...] = (
        _families(held),
        sorted({cell.depth for cell in held}),
        sorted({cell.population for cell in held}),
        sorted(damages),
        sorted({cell.num_train for cell in held}),
    )
    damaged = [cell for cell in held if not cell.is_undistorted] or held
    sizes, depths = {cell.num_train for cell in damaged}, {cell.depth for cell in damaged}
    if (num := math.prod(map(len, axes))) > MOST_CELLS:
        raise TableError(f"the trials' grid has {num:,} cells: at most {MOST_CELLS:,} are allowed")
    return [
        Cell(
            family=family,
            depth=depth,
            population=population,
            distortion=damage.distortion,
            severity=damage.severity,
            num_train=num_train,
            **on_axes,
        )
        for (family, on_axes), depth, population, damage, num_train in product(*axes)
        if damage == INTACT or (num_train in sizes and depth in depths)
    ]


def _families(held: Sequence[Cell]) -> list[tuple[str, dict[str, Any]]]:
    """The families, those that are anywhere on one of AXES at all of its values."""
    values: dict[str, set[Any]] = {name: set() for name in AXES}
    places: dict[str, set[str]] = {cell.family: set() for cell in sorted(held)}
    for cell in held:
        for name in AXES:
            value = getattr(cell, name)
            if value is not None:
                values[name].add(value)
                places[cell.family].add(name)
    return [
        (family, dict(zip(AXES, at, strict=True)))
        for family, on in places.items()
        for at in product(*(sorted(values[name]) if name in on else [None] for name in AXES))
    ]


def study_seeds(joined: Joined) -> list[int]:
    """The seeds that every cell of the study is to be measured with.

    Those that any was, whatever came of it; where cells are measured until their interval is short
    enough, those they start with.
    """
    seeds = _seeds(joined, "measure")
    return seeds if joined.first_stage is None else seeds[: joined.first_stage]


def missing_rows(joined: Joined, levels: Levels) -> pd.DataFrame:
    """The rows that are absent, failed or without a risk; columns as MISSING_COLUMNS.

    Measuring rows are expected for every cell and seed of the grid, ideal and variance rows
    likewise where the study has any; a finished restart of best_in_class and slack for every law
    and m, of limit for every cell and m, where the population has any, or no other knows better. A
    search is as long as it is. Real images have no U_H, nor have families of a task that does not
    look for it: none is expected. Of families that have no slack anywhere none is either: not
    every family can be a teacher, and a table does not say which.

    Raises:
        TableError: they are more than MOST_MISSING.
    """
    rows = list(islice(_missing(joined, study_grid(joined, levels)), MOST_MISSING + 1))
    if len(rows) > MOST_MISSING:
        raise TableError(f"the trials' grid misses more than the {MOST_MISSING:,} rows allowed")
    return typed_frame(rows, MISSING_COLUMNS)


def _missing(joined: Joined, grid: Sequence[Cell]) -> Iterator[Row]:
    for role in ROLES.values():
        if role.scope is not Scope.CELL:
            yield from _missing_streams(joined, role, grid)
        elif not role.is_searched:
            yield from _missing_seeds(joined, role, grid)


def _seeds(joined: Joined, role: str) -> list[int]:
    held = [rows.table["seed"].data[rows.places] for rows in joined.current[role].values()]
    return np.unique(np.concatenate(held)).tolist() if held else []


def _missing_seeds(joined: Joined, role: Role, cells: Sequence[Cell]) -> Iterator[Row]:
    seeds = study_seeds(joined) if role.is_measured else _seeds(joined, role.name)
    for cell in cells:
        rows = joined.current[role.name].get(cell, joined.none)
        if len(done(rows)) == len(rows) and rows.values("seed") == seeds:  # as nearly all are
            continue
        held = {row["seed"]: row for row in rows}
        for seed in seeds:
            why = _why_unusable([held[seed]] if seed in held else [])
            if why is not None:
                yield {"role": role.name, **asdict(cell), "seed": seed, "why": why}


def _missing_streams(joined: Joined, role: Role, grid: Sequence[Cell]) -> Iterator[Row]:
    """The laws (or cells at any sample size) and m without a single finished restart."""
    is_law = role.scope is Scope.LAW
    held: dict[Cell, list[Trial]] = defaultdict(list)
    for cell, rows in joined.rows[role.name].items():
        held[law_of(cell) if is_law else cell] += rows
    sizes: dict[str, set[int]] = defaultdict(set)
    for cell in held:
        sizes[cell.population].add(cell.num_train)
    anywhere = set().union(*sizes.values())
    real = {cell.population for cell in grid if is_law and joined.is_real(cell.population)}
    lacks = {name for name, task in joined.tasks.items() if not task_of(task).seeks_best_rule}
    if role.has_teacher:
        lacks |= {cell.family for cell in grid} - {cell.family for cell in held}
    for whole in sorted({any_size(law_of(cell) if is_law else cell) for cell in grid}):
        if is_law and (whole.population in real or whole.family in lacks):
            continue
        for num_stream in sorted(sizes.get(whole.population, anywhere)):
            stream = replace(whole, num_train=num_stream)
            why = _why_unusable(held.get(stream, []))
            if why is not None:
                yield {"role": role.name, **asdict(stream), "seed": None, "why": why}


def _why_unusable(rows: Sequence[Trial]) -> str | None:
    """None where a row is done and has its risk, else what the first one lacks."""
    reasons = [
        ("without a risk" if row["risk"] is None else None)
        if row["status"] == "done"
        else row["status"]
        for row in rows
    ]
    if not reasons:
        return "absent"
    return None if None in reasons else reasons[0]
