"""Families against each other, cell by cell, over the seeds they share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations

import pandas as pd

from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import compare, holm, mean_known, mean_p_value, widen
from study.analysis.joined import Joined
from study.trials.schema import COMPARISON_COLUMNS
from study.trials.trial import Cell

LEVEL = 0.05


def build_comparisons(joined: Joined) -> pd.DataFrame:
    """The table of every two families of a task in every cell; columns as COMPARISON_COLUMNS.

    Families see the same samples, so that differences are taken seed by seed. Interval and
    p-value include the evaluation noise of both rules, taken as uncorrelated, which is an upper
    bound (study.analysis.intervals.widen). An undistorted cell is one row, however many
    distortions show it; the correction (Holm 1979) runs over all rows of a task.
    """
    meetings: dict[Cell, dict[str, Sequence[Row]]] = defaultdict(dict)
    for cell, rows in joined.errors.items():
        meetings[replace(cell, family="")][cell.family] = rows
    rows = [
        asdict(meeting) | {"task": joined.tasks[first]} | _comparison(first, second, families)
        for meeting, families in sorted(meetings.items())
        for first, second in combinations(sorted(families), 2)
        if joined.tasks[first] == joined.tasks[second]
    ]
    rows = [row for row in rows if row["num_pairs"]]
    for task in set(joined.tasks.values()):
        _correct([row for row in rows if row["task"] == task])
    return typed_frame(rows, COMPARISON_COLUMNS)


def _comparison(first: str, second: str, families: Mapping[str, Sequence[Row]]) -> Row:
    held = [{row["seed"]: row for row in families[name]} for name in (first, second)]
    shared = sorted(held[0].keys() & held[1].keys())
    risks = [{seed: rows[seed]["risk"] for seed in shared} for rows in held]
    noises = [mean_known(rows[seed]["risk_noise"] for seed in shared) for rows in held]
    found = compare(*risks)
    named = {"first": first, "second": second, "num_pairs": found.num_pairs}
    if found.difference.value is None:
        return named
    wide = widen(found.difference.value, found.difference.interval, *noises)
    return named | {
        "difference": wide.value,
        "difference_lo": wide.lo,
        "difference_hi": wide.hi,
        "probability_first_better": found.probability_better,
        "p_value": mean_p_value([risks[0][seed] - risks[1][seed] for seed in shared], *noises),
    }


def _correct(rows: Sequence[Row]) -> None:
    """Adds to one task's rows what the number of tests leaves of their p-values."""
    for row, adjusted in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
        row["significant"] = None if adjusted is None else adjusted < LEVEL
