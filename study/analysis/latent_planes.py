"""Planes of two latents beside PCA and t-SNE: k-NN accuracy, trustworthiness, continuity.

All are of the law's first evaluation examples, the same for every model; where seeds divide a real
set anew, PCA and t-SNE are of the first seed's.
"""

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from study.analysis.columns import LATENT_PLANE_COLUMNS, PLANE_NUMBERS
from study.analysis.exhibits import Arrays
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import mean
from study.analysis.joined import Joined
from study.analysis.resampling import seeds_interval
from study.analysis.rows import Rows
from study.trials.exhibits import law_exhibit
from study.trials.trial import law_of

REFERENCES = ("pca", "tsne")


def build_latent_planes(joined: Joined, laws: Mapping[str, Arrays]) -> pd.DataFrame:
    """One row per cell whose models have a plane, and one per reference of its law.

    Args:
        joined: of the study.
        laws: the laws' exhibits by name; those that are missing leave their rows out.
    """
    rows: list[Row] = []
    named: dict[tuple[str, str], Row] = {}
    for cell in sorted(joined.current["measure"]):
        held = planar(joined.measured(cell))
        if not len(held):
            continue
        rows.append({**asdict(cell), "layout": "latents", "num_seeds": len(held), **_means(held)})
        law, name = law_of(cell), law_exhibit(cell)
        where = {key: getattr(law, key) for key in ("population", "distortion", "severity")}
        for method in REFERENCES:
            if f"{method}/quality" in laws.get(name, {}):
                quality = map(float, laws[name][f"{method}/quality"])
                numbers = dict(zip(PLANE_NUMBERS, quality, strict=True))
                named[name, method] = {**where, "layout": method, **numbers}
    return typed_frame([*rows, *named.values()], LATENT_PLANE_COLUMNS)


def planar(rows: Rows) -> Rows:
    """The trials whose model has a latent plane that was judged."""
    for name in PLANE_NUMBERS:
        rows = rows.known(name)
    return rows


def _means(rows: Rows) -> Row:
    found: Row = {}
    for name in PLANE_NUMBERS:
        values = rows.values(name)
        interval = seeds_interval(values, rows[0])
        found[name] = mean(values)
        if interval.lo is not None and interval.hi is not None:  # a share has no other values
            found |= {f"{name}_lo": max(0.0, interval.lo), f"{name}_hi": min(1.0, interval.hi)}
    return found
