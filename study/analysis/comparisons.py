"""Families against each other, cell by cell, over the seeds they share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from study.analysis.estimates import trial_errors
from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.intervals import compare, holm, mean, mean_p_value, widen
from study.trials.schema import COMPARISON_COLUMNS
from study.trials.trial import CELL_NAMES

LEVEL = 0.05


def build_comparisons(trials: pd.DataFrame) -> pd.DataFrame:
    """Build the table of every two families in every cell; columns as COMPARISON_COLUMNS.

    Families see the same samples, so that differences are taken seed by seed. Interval and
    p-value include the evaluation noise of both rules, taken as uncorrelated, which is an upper
    bound (study.analysis.intervals.widen). An undistorted cell is one row, however many distortions show
    it; the correction (Holm 1979) runs over all rows of the table.

    Args:
        trials: the trials table.
    """
    cells: dict[tuple[Any, ...], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in to_rows(trial_errors(trials)):
        cells[tuple(row[name] for name in CELL_NAMES[1:])][row["family"]].append(row)
    rows = [
        dict(zip(CELL_NAMES[1:], key, strict=True)) | _comparison(first, second, families)
        for key, families in sorted(cells.items())
        for first, second in combinations(sorted(families), 2)
    ]
    rows = [row for row in rows if row["num_pairs"]]
    for row, adjusted in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
        row["significant"] = None if adjusted is None else adjusted < LEVEL
    return typed_frame(rows, COMPARISON_COLUMNS)


def _comparison(first: str, second: str, families: Mapping[str, Sequence[Row]]) -> Row:
    held = [{row["seed"]: row for row in families[name]} for name in (first, second)]
    shared = sorted(held[0].keys() & held[1].keys())
    risks = [{seed: rows[seed]["risk"] for seed in shared} for rows in held]
    noises = [_mean_noise([rows[seed] for seed in shared]) for rows in held]
    found = compare(*risks)
    differences = [risks[0][seed] - risks[1][seed] for seed in shared]
    named = {"first": first, "second": second, "num_pairs": found.num_pairs}
    if found.difference.value is None:
        return named
    wide = widen(found.difference.value, found.difference.interval, *noises)
    return named | {
        "difference": wide.value,
        "difference_lo": wide.lo,
        "difference_hi": wide.hi,
        "probability_first_better": found.probability_better,
        "p_value": mean_p_value(differences, *noises),
    }


def _mean_noise(rows: Sequence[Row]) -> float | None:
    known = [row["risk_noise"] for row in rows if row["risk_noise"] is not None]
    return mean(known) if known else None
