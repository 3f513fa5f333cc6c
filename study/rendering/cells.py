"""What the explorer holds: each cell's errors, its trials, their learning curves, its exhibits.

Plain values, as JSON has them; numbers in the units shown, texts as in the page's tables.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.columns import ERRORS
from study.analysis.faults import Place, place_of, populations_of
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.curves import PIECES, Curve, axis_of, has_curve, points_by_trial, split_curve
from study.rendering.heat_maps import colour_limit
from study.rendering.hyperparameters import settings_words
from study.rendering.pictures import Picture
from study.rendering.speed import has_settled
from study.rendering.units import UNKNOWN, Unit, unit_of
from study.rendering.words import (
    TaskRows,
    damage_words,
    interval_of,
    mark_of,
    network_words,
    split_by_task,
    value_of,
    words_of,
)
from study.trials.seeds import decode_search_seed

MOST_TRIALS = 20_000
"""On a page; the tables have them all."""
MOST_POINTS, FEWEST_POINTS = 60_000, 8
"""Of all learning curves together, and of one piece of one; what has more is thinned."""
WIDE = 0.25
"""Share of the colour scale's length from which on an interval is called wide."""
ROLES_SHOWN = ("measure", "search")
_LONGEST_NOTE = 200


def explored(
    study: Study, results: Results, pictures: Mapping[str, Sequence[Picture]]
) -> dict[str, Any]:
    """Return what the explorer holds; empty where no cell has been trained.

    Args:
        study: as it is drawn (study.rendering.names).
        results: the same.
        pictures: of write_pictures.
    """
    rows = to_rows(results.landscape)
    if not rows:
        return {}
    places: dict[Place, int] = {}
    for row in rows:
        places.setdefault(place_of(row), len(places))
    tasks = split_by_task(rows)
    limits = {t.task.name: {name: colour_limit(t, name) for name in ERRORS} for t in tasks}
    held = _trials_by_place(study, places)
    return {
        "errors": [name for name in ERRORS if any(row[name] is not None for row in rows)],
        "tasks": {task.task.name: _task(task, limits[task.task.name]) for task in tasks},
        "cells": [
            _cell(row, task, places, limits[task.task.name])
            for task in tasks
            for row in _in_order(task)
        ],
        **_trials(held, study),
        "exhibits": _exhibits(held, pictures),
    }


def _in_order(task: TaskRows) -> list[Row]:
    order = populations_of(task.rows)
    return sorted(task.rows, key=lambda row: order.index(row["population"]))


def _task(task: TaskRows, limits: Mapping[str, float]) -> dict[str, Any]:
    return {
        "title": task.title,
        "points": task.unit.points,
        "sign": task.unit.sign,
        "limits": {name: rounded(limit) for name, limit in limits.items()},
    }


def _cell(
    row: Row, task: TaskRows, places: Mapping[Place, int], limits: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "place": places[place_of(row)],
        "task": task.task.name,
        "population": row["population"],
        "distortion": words_of(row["distortion"]),
        "n": row["num_train"],
        "severity": f"{row['severity']:g}",
        "damage": damage_words(row),
        "family": row["family"],
        "network": network_words(row),
        "seeds": row["num_seeds"],
        "missing": row["num_missing"],
        "settled": rounded(row["share_converged"]),
        "errors": {
            name: _error(row, name, task, limits[name]) for name in ERRORS if row[name] is not None
        },
    }


def _error(row: Row, name: str, task: TaskRows, limit: float) -> dict[str, Any]:
    ends = [rounded(task.unit.scale(row[f"{name}_{end}"])) for end in ("lo", "hi")]
    lo, hi = ends
    is_wide = lo is not None and hi is not None and hi - lo > WIDE * 2 * limit
    return {
        "value": rounded(task.unit.scale(row[name])),
        "lo": lo,
        "hi": hi,
        "text": f"{mark_of(row, name)}{value_of(row, name, task.unit)}",
        "interval": interval_of(row, name, task.unit),
        **({"wide": 1} if is_wide else {}),
    }


def _trials_by_place(study: Study, places: Mapping[Place, int]) -> dict[int, list[Row]]:
    """Return the trials of each cell, measured ones first."""
    found: dict[int, list[Row]] = defaultdict(list)
    rows = [row for row in to_rows(study.trials) if row["role"] in ROLES_SHOWN]
    rows.sort(key=lambda row: (ROLES_SHOWN.index(row["role"]), row["seed"]))
    for row in rows[:MOST_TRIALS]:
        place = places.get(place_of(row))
        if place is not None:
            found[place].append(row)
    return found


def _trials(held: Mapping[int, Sequence[Row]], study: Study) -> dict[str, Any]:
    """Return rows, curves and hyperparameters; the last once for all trials that share them."""
    settings: dict[str, int] = {}
    points = {} if study.curves is None else points_by_trial(study.curves)
    drawn = [row for rows in held.values() for row in rows if has_curve(row, points)]
    most = max(FEWEST_POINTS, MOST_POINTS // max(1, 3 * len(drawn)))
    trials, curves = {}, {}
    for place, rows in held.items():
        trials[place] = [_trial(row, settings) for row in rows]
        mine = [row for row in rows if has_curve(row, points)]
        if mine:
            curves[place] = _curves(mine, points, most)
    return {"trials": trials, "curves": curves, "settings": list(settings)}


def _trial(row: Row, settings: dict[str, int]) -> dict[str, Any]:
    unit, said = unit_of(row["task"]), settings_words(row)
    searched, (repeat, number) = row["role"] == "search", decode_search_seed(row["seed"])
    return {
        "role": row["role"],
        "seed": f"{repeat}.{number}" if searched else str(row["seed"]),
        "status": row["status"],
        "risk": unit.show(row["validation_risk" if searched else "risk"]),
        "settled": UNKNOWN if searched else unit.show(row["converged_risk"]),
        "steps": row["steps"],
        "until": row["steps_to_converge"],
        "seconds": rounded(row["wall_s"], 3),
        "settings": settings.setdefault(said, len(settings)),
        "note": (row["error"] or "")[:_LONGEST_NOTE] if row["status"] == "failed" else "",
        **_speed(row, unit),
    }


def _speed(row: Row, unit: Unit) -> dict[str, Any]:
    """Return the number of R_n(inf) where a trial says after how many steps it had settled."""
    if not has_settled(row):
        return {}
    return {"final": rounded(unit.scale(row["converged_risk"]))}


def _curves(rows: Sequence[Row], points: Mapping[str, list[Row]], most: int) -> dict[str, Any]:
    axis, pieces = axis_of(rows), []
    for row in rows:
        unit = unit_of(row["task"])
        for phase, curve in split_curve(points[row["trial_id"]], axis, unit).items():
            if curve:
                kept = thinned(curve, most)
                pieces.append(
                    {
                        "seed": str(row["seed"]),
                        "phase": PIECES[phase],
                        "x": [rounded(x) for x, _ in kept],
                        "y": [rounded(y, 4) for _, y in kept],
                    }
                )
    return {"axis": axis, "pieces": pieces}


def thinned(curve: Curve, most: int) -> Curve:
    """Return so many of a curve's points at most, evenly spaced; its ends are among them."""
    if len(curve) <= most:
        return curve
    last = len(curve) - 1
    return [curve[round(place * last / (most - 1))] for place in range(most)]


def _exhibits(
    held: Mapping[int, Sequence[Row]], pictures: Mapping[str, Sequence[Picture]]
) -> dict[int, list[str]]:
    """Return the names of the pictures in which a cell's trials are shown."""
    shown: dict[str, list[str]] = defaultdict(list)
    for picture in (one for found in pictures.values() for one in found):
        for trial_id in picture.trials:
            shown[trial_id].append(picture.name)
    found = {
        place: list(dict.fromkeys(n for row in rows for n in shown.get(row["trial_id"], ())))
        for place, rows in held.items()
    }
    return {place: names for place, names in found.items() if names}


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Return a number to so many significant digits; None where it is none that JSON has."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
