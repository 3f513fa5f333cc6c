"""Risk against capacity, the factor of a depth's parameter budget: every point, and the peaks.

A curve is of one family, depth, law, damage and sample size. Its capacities share their seeds,
which see the same data, and their evaluation examples: a curve is one object with one covariance,
and its peak (study.analysis.peak) is of it. What a peak is made of the same seeds' errors tell:
R_n(T) - R* is the sum of approximation, objective, estimation and optimization, R_n(inf) - R* that
of the first three, so that what each changes by from one capacity to another adds up to the rise.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.completeness import shown_as
from study.analysis.curve_columns import CAPACITY_COLUMNS, FOUR, PEAK_COLUMNS
from study.analysis.decisions import BUDGET, CONVERGED
from study.analysis.frames import Row, Trial, to_rows, typed_frame
from study.analysis.intervals import CONFIDENCE, Estimate, mean, named_ends
from study.analysis.joined import Joined
from study.analysis.moments import (
    MIN_SEEDS,
    Part,
    crossed_parts,
    half_widths,
    resampled_parts,
)
from study.analysis.peak import find_peak
from study.analysis.table import Levels
from study.trials.tasks import task_of
from study.trials.trial import Cell

BRANCHES = {"risk": BUDGET, "converged_risk": CONVERGED}
"""Of each quantity the rules that it is the risk of."""
INTERPOLATES = 0.005
"""Mean share of errors on the own sample up to which it is taken for none."""
FROM_LANDSCAPE = (
    *("task", "num_parameters", "best_in_class_risk", "limit_risk"),
    *(f"{name}{end}" for name in FOUR for end in ("", "_lo", "_hi")),
)

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Curve:
    """One risk at every capacity, over the seeds that know it at all of them.

    Attributes:
        quantity: a key of BRANCHES.
        cells: in order of capacity.
        errors: of each the seeds' errors, in order of seed.
        parts: covariances of the means over seeds, by source; None: unknown.
    """

    quantity: str
    cells: Sequence[Cell]
    errors: Sequence[Sequence[Trial]]
    parts: Sequence[Part] | None

    @property
    def means(self) -> Array:
        held = [[row[self.quantity] for row in rows] for rows in self.errors]
        found: Array = np.array(held, dtype=np.float64).mean(axis=1)
        return found


def build_capacities(
    joined: Joined, levels: Levels, landscape: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cells on the axis (CAPACITY_COLUMNS), and their curves' peaks (PEAK_COLUMNS).

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
        landscape: of the same trials.
    """
    along: dict[Cell, list[Cell]] = defaultdict(list)
    for cell in sorted(joined.errors):
        if cell.capacity is not None:
            along[replace(cell, capacity=None)].append(cell)
    known = {_key(row): row for row in to_rows(landscape)} if along else {}
    points: list[Row] = []
    peaks: list[Row] = []
    for whole, cells in sorted(along.items()):
        for cell in cells:
            for shown in shown_as(cell, levels):
                named = {**asdict(cell), **shown}
                held = {name: known[_key(named)][name] for name in FROM_LANDSCAPE}
                points.append({**named, **held, **_point(joined, cell)})
        for curve in _curves(joined, cells):
            row = {"task": joined.tasks[whole.family], **_peak(joined, curve)}
            peaks += [{**asdict(whole), **row, **shown} for shown in shown_as(whole, levels)]
    return typed_frame(points, CAPACITY_COLUMNS), typed_frame(peaks, PEAK_COLUMNS)


def _key(row: Row) -> tuple[Any, ...]:
    size = (row["family"], row["depth"], row["latent_dim"], row["capacity"])
    return (*size, row["population"], row["distortion"], row["level"], row["num_train"])


def _point(joined: Joined, cell: Cell) -> Row:
    """A cell's risks, each over the seeds that know it, with intervals."""
    rows = joined.errors[cell]
    found: Row = {"num_seeds": len(rows)}
    for name in (*BRANCHES, "resubstitution_risk"):
        held = [row for row in rows if row[name] is not None]
        if not held:
            continue
        values = np.array([[row[name] for row in held]], dtype=np.float64)
        value = mean(values[0].tolist())
        if name in BRANCHES:
            parts = _parts(joined, [cell], [held], values, BRANCHES[name])
        else:
            parts = _over_seeds(joined, cell, values)
        found |= named_ends(name, _around(value, parts))
    return found


def _around(value: float, parts: Sequence[Part] | None) -> Estimate:
    if parts is None:
        return Estimate(value)
    reach = float(half_widths(parts, np.eye(1), CONFIDENCE)[0])
    return Estimate(value, value - reach, value + reach)


def _over_seeds(joined: Joined, cell: Cell, values: Array) -> list[Part] | None:
    """Of numbers (1, k) that seeds have and evaluation examples do not."""
    row = joined.measured(cell)[0]
    num = values.shape[1]
    if row["is_resplit"] or num < 2:
        return resampled_parts(values, row) if num > 1 else None
    covariance = np.atleast_2d(np.cov(values, ddof=1)) / num
    return [Part(covariance=covariance, degrees_of_freedom=num - 1)]


def _curves(joined: Joined, cells: Sequence[Cell]) -> list[_Curve]:
    found = []
    for quantity, branch in BRANCHES.items():
        by_seed = [
            {row["seed"]: row for row in joined.errors[cell] if row[quantity] is not None}
            for cell in cells
        ]
        seeds = sorted(set.intersection(*map(set, by_seed)))
        if not seeds:
            continue
        errors = [[held[seed] for seed in seeds] for held in by_seed]
        values = np.array([[row[quantity] for row in rows] for rows in errors], dtype=np.float64)
        parts = _parts(joined, cells, errors, values, branch) if len(seeds) >= MIN_SEEDS else None
        found.append(_Curve(quantity=quantity, cells=cells, errors=errors, parts=parts))
    return found


def _parts(
    joined: Joined,
    cells: Sequence[Cell],
    errors: Sequence[Sequence[Trial]],
    values: Array,
    branch: str,
) -> Sequence[Part] | None:
    """The covariance of the means of values (K, k), paired by seed and evaluation example."""
    trials = {row["trial_id"]: row for cell in cells for row in joined.measured(cell)}
    rows = [[trials[row["trial_id"]] for row in held] for held in errors]
    if rows[0][0]["is_resplit"]:
        return resampled_parts(values, rows[0][0])
    if joined.decisions is None:
        return None
    found = [[joined.decisions.losses(row, branch) for row in held] for held in rows]
    known = [terms for held in found for terms in held if terms is not None]
    if len(known) < values.size or len({len(terms) for terms in known}) > 1:
        return None
    return crossed_parts([np.array(known).reshape(*values.shape, -1)])


def _peak(joined: Joined, curve: _Curve) -> Row:
    capacities = [cell.capacity for cell in curve.cells]
    ends: Row = {
        "quantity": curve.quantity,
        "num_seeds": len(curve.errors[0]),
        "num_capacities": len(capacities),
        "smallest": capacities[0],
        "largest": capacities[-1],
        "interpolation": _interpolation(joined, curve),
    }
    found = find_peak(curve.means, curve.parts)
    if found is None:
        return ends
    lo, hi = (None, None) if found.candidates is None else found.candidates
    places = {"peak": found.place, "left": found.left, "right": found.right}
    falls = _contributions(curve, found.place, found.right)
    known = {name: value for name, value in falls.items() if value is not None}
    is_carried = found.is_told and len(known) == len(falls)
    return {
        **ends,
        **{name: capacities[at] for name, at in places.items()},
        "peak_lo": None if lo is None else capacities[lo],
        "peak_hi": None if hi is None else capacities[hi],
        "peak_num_parameters": _num_parameters(joined, curve.cells[found.place]),
        "peak_risk": float(curve.means[found.place]),
        **named_ends("rise", found.rise),
        **named_ends("fall", found.fall),
        "is_peak": found.is_told,
        **_named("rise", _contributions(curve, found.place, found.left)),
        **_named("fall", falls),
        "carried_by": max(known, key=lambda name: known[name]) if is_carried else None,
    }


def _named(way: str, contributions: Mapping[str, float | None]) -> Row:
    return {f"{way}_{name}": value for name, value in contributions.items()}


def _contributions(curve: _Curve, place: int, other: int) -> dict[str, float | None]:
    """What each of the four errors is more at one place than at another; None: unknown.

    R_n(inf) has no optimization in it, which adds nothing.
    """
    found: dict[str, float | None] = {}
    for name in FOUR:
        if name == "optimization" and curve.quantity == "converged_risk":
            found[name] = 0.0
            continue
        here, there = (_mean(curve.errors[at], name) for at in (place, other))
        found[name] = None if here is None or there is None else here - there
    return found


def _mean(rows: Sequence[Trial], name: str) -> float | None:
    values = [row[name] for row in rows]
    return None if None in values else mean(values)


def _num_parameters(joined: Joined, cell: Cell) -> int | None:
    return next((row["num_parameters"] for row in joined.measured(cell)), None)


def _interpolation(joined: Joined, curve: _Curve) -> float | None:
    """The smallest capacity of mean L at most INTERPOLATES; None: none, or not known of a smaller.

    Of a share of errors: another task's risk on its own sample has no scale that makes it 0.
    """
    if not task_of(joined.tasks[curve.cells[0].family]).keeps_decisions:
        return None
    for cell, rows in zip(curve.cells, curve.errors, strict=True):
        lower = _mean(rows, "resubstitution_risk")
        if lower is None:
            return None
        if lower <= INTERPOLATES:
            return cell.capacity
    return None
