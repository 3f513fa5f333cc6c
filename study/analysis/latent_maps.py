"""How far apart classes lie among latents, and in maps of these: means over seeds.

All are of the law's first evaluation examples, the same for every model; where seeds divide a real
set anew, each has some of its own.
"""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from study.analysis.columns import LATENT_MAP_COLUMNS, MAP_LAYOUTS, MAP_NUMBERS
from study.analysis.exhibits import MAP_QUALITY, Array, Arrays
from study.analysis.frames import Row, Trial, typed_frame
from study.analysis.intervals import mean
from study.analysis.joined import Joined
from study.analysis.resampling import seeds_interval

_ENDS = {"silhouette": (-1.0, 1.0), "knn_accuracy": (0.0, 1.0), "stress": (0.0, np.inf)}


def build_latent_maps(joined: Joined, maps: Mapping[str, Arrays]) -> pd.DataFrame:
    """One row per layout and cell whose trials have maps.

    Args:
        joined: of the study.
        maps: the trials' exhibits, by trial; those that are missing are not in the means.
    """
    rows: list[Row] = []
    for cell in sorted(joined.current["measure"]) if maps else ():
        measured = joined.measured(cell)
        held = [row for row in measured if MAP_QUALITY in maps.get(row["trial_id"], {})]
        if not held:
            continue
        quality = np.stack([maps[row["trial_id"]][MAP_QUALITY] for row in held])
        named = {**asdict(cell), "num_seeds": len(held)}
        for place, layout in enumerate(MAP_LAYOUTS):
            numbers = _numbers(quality[:, place], held[0])
            if numbers:
                rows.append({**named, "layout": layout, **numbers})
    return typed_frame(rows, LATENT_MAP_COLUMNS)


def _numbers(values: Array, row: Trial) -> Row:
    """Means over seeds, (seeds, numbers), of what all of them know."""
    found: Row = {}
    for name, column in zip(MAP_NUMBERS, values.T.astype(float), strict=True):
        if not np.isnan(column).any():
            interval = seeds_interval(column.tolist(), row)
            found[name] = mean(column.tolist())
            if interval.lo is not None and interval.hi is not None:
                least, most = _ENDS[name]
                found[f"{name}_lo"] = max(least, interval.lo)
                found[f"{name}_hi"] = min(most, interval.hi)
    return found
