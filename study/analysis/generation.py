"""What generated examples are like: discrepancy, Frechet distance, precision and recall.

Of every family that generates, whatever its task. Means over the measured seeds, at T.
"""

from dataclasses import asdict

import pandas as pd

from study.analysis.columns import GENERATION_COLUMNS, GENERATION_NUMBERS
from study.analysis.completeness import shown_as
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import mean, mean_known
from study.analysis.joined import Joined
from study.analysis.resampling import seeds_interval
from study.analysis.rows import Rows
from study.analysis.table import Levels

_LEAST = {"frechet_distance": 0.0, "precision": 0.0, "recall": 0.0}
_MOST = {"precision": 1.0, "recall": 1.0}


def build_generation(joined: Joined, levels: Levels) -> pd.DataFrame:
    """One row per cell and distortion whose models generate; columns as GENERATION_COLUMNS.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    rows: list[Row] = []
    for cell in sorted(joined.current["measure"]):
        held = joined.measured(cell).known("mmd2")
        if not len(held):
            continue
        named = {**asdict(cell), "task": joined.tasks[cell.family], "num_seeds": len(held)}
        real = mean_known(held.listed("frechet_distance_real"))
        found = {**_means(held), "frechet_distance_real": real}
        rows += [{**named, **found, **shown} for shown in shown_as(cell, levels)]
    return typed_frame(rows, GENERATION_COLUMNS)


def _means(rows: Rows) -> Row:
    """Means and Student's intervals over seeds; one that a seed lacks, as of points, is null.

    Seeds that are all alike, such as a recall of 0, say nothing of their spread: no interval.
    """
    found: Row = {}
    for name in GENERATION_NUMBERS:
        known = rows.listed(name)
        if len(known) < len(rows):
            continue
        interval = seeds_interval(known, rows[0])
        found[name] = mean(known)
        if interval.lo is None or interval.hi is None or interval.lo == interval.hi:
            continue
        # no such number has other values
        found[f"{name}_lo"] = max(_LEAST.get(name, interval.lo), interval.lo)
        found[f"{name}_hi"] = min(_MOST.get(name, interval.hi), interval.hi)
    return found
