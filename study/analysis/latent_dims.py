"""Risk against the latent dimension k: a curve for each family, depth, law and sample size.

The k of a curve share their seeds, which see the same data at every k, and their evaluation
examples: a curve is one object with one covariance, and its knee (study.analysis.knee) is of it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import KNEE_COLUMNS, LATENT_DIM_COLUMNS
from study.analysis.completeness import shown_as
from study.analysis.frames import Row, Trial, typed_frame
from study.analysis.intervals import CONFIDENCE
from study.analysis.joined import Joined
from study.analysis.knee import find_knee
from study.analysis.moments import (
    MIN_SEEDS,
    Part,
    crossed_parts,
    half_widths,
    resampled_parts,
)
from study.analysis.table import Levels
from study.trials.trial import Cell

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Curve:
    """R_n(T) at every k, over the seeds that all of them have.

    Attributes:
        dims: (K,) rising.
        risks: (K, S) by seed.
        parts: covariances of the means over seeds, by source; None: unknown.
    """

    dims: tuple[int, ...]
    risks: Array
    parts: Sequence[Part] | None

    @property
    def means(self) -> Array:
        found: Array = self.risks.mean(axis=1)
        return found


def build_latent_dims(joined: Joined, levels: Levels) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The curves' points (LATENT_DIM_COLUMNS), and their knees (KNEE_COLUMNS).

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    points: list[Row] = []
    knees: list[Row] = []
    for cell, curve in sorted(_curves(joined).items()):
        held = {"task": joined.tasks[cell.family], "num_seeds": curve.risks.shape[1]}
        for shown in shown_as(cell, levels):
            named = {**asdict(cell), **held, **shown}
            points += [{**named, **point} for point in _points(curve)]
            knees.append({**named, **_knee(curve)})
    return typed_frame(points, LATENT_DIM_COLUMNS), typed_frame(knees, KNEE_COLUMNS)


def _curves(joined: Joined) -> dict[Cell, _Curve]:
    """By cell without its latent dimension."""
    held: dict[Cell, dict[int, dict[int, Trial]]] = defaultdict(dict)
    for cell in joined.current["measure"]:
        if cell.latent_dim is None:
            continue
        by_seed: dict[int, Trial] = {row["seed"]: row for row in joined.measured(cell)}
        if by_seed:
            held[replace(cell, latent_dim=None)][cell.latent_dim] = by_seed
    curves = {}
    for cell, by_dim in held.items():
        seeds = sorted(set.intersection(*map(set, by_dim.values())))
        if seeds:
            curves[cell] = _curve(joined, by_dim, seeds)
    return curves


def _curve(
    joined: Joined, by_dim: Mapping[int, Mapping[int, Trial]], seeds: Sequence[int]
) -> _Curve:
    dims = tuple(sorted(by_dim))
    rows = [[by_dim[k][seed] for seed in seeds] for k in dims]
    risks = np.array([[row["risk"] for row in held] for held in rows], dtype=np.float64)
    if rows[0][0]["is_resplit"]:
        parts = resampled_parts(risks, rows[0][0])
    else:
        terms = _terms(joined, rows)
        parts = None if terms is None else crossed_parts([terms])
    return _Curve(dims=dims, risks=risks, parts=parts)


def _terms(joined: Joined, rows: Sequence[Sequence[Trial]]) -> Array | None:
    """Terms (K, S, N) at T; None without those of every rule."""
    if joined.decisions is None:
        return None
    found = [[joined.decisions.losses(row) for row in held] for held in rows]
    known = [terms for held in found for terms in held if terms is not None]
    if len(known) < sum(map(len, found)) or len({len(terms) for terms in known}) > 1:
        return None
    return np.array(known).reshape(len(rows), -1, len(known[0]))


def _points(curve: _Curve) -> list[Row]:
    if curve.parts is None:
        return [
            {"latent_dim": k, "risk": risk}
            for k, risk in zip(curve.dims, curve.means.tolist(), strict=True)
        ]
    halves = half_widths(curve.parts, np.eye(len(curve.dims)), CONFIDENCE)
    return [
        {"latent_dim": k, "risk": risk, "risk_lo": risk - half, "risk_hi": risk + half}
        for k, risk, half in zip(curve.dims, curve.means.tolist(), halves.tolist(), strict=True)
    ]


def _knee(curve: _Curve) -> Row:
    ends = {"num_dims": len(curve.dims), "smallest": curve.dims[0], "largest": curve.dims[-1]}
    if curve.risks.shape[1] < MIN_SEEDS:
        return ends
    dims = np.array(curve.dims, dtype=np.float64)
    found = find_knee(dims, curve.means, curve.parts)
    places = {"knee": found.place, "knee_lo": found.lo, "knee_hi": found.hi}
    return {
        **ends,
        **{name: None if at is None else curve.dims[at] for name, at in places.items()},
        "knee_risk": None if found.place is None else float(curve.means[found.place]),
        "sharpness": found.sharpness,
        "sharpness_lo": found.sharpness_lo,
        "sharpness_hi": found.sharpness_hi,
    }
