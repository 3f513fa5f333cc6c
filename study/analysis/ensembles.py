"""Seeds as an ensemble: what a vote of them would decide, and 0-1 bias and variance.

With m the seeds' majority (Domingos 2000, the main prediction), the risk splits exactly into

    mean risk = R* + (risk of m - R*) + (mean risk - risk of m),

James's (2003) systematic effect and variance effect. For two classes they are Domingos's bias and
net variance: where m is right, seeds that leave it cost, and where it is wrong they gain. Of k
seeds this is the vote of k, whose risk is not yet that of the vote of infinitely many: the bias
holds some variance still.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from study.analysis.columns import ENSEMBLE_COLUMNS
from study.analysis.crossed import crossed_mean
from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.analysis.rows import Rows
from study.trials.trial import Cell

MIN_SEEDS = 3  # two never outvote each other


Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Classes = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def build_ensembles(joined: Joined) -> pd.DataFrame:
    """The table of cells with three seeds' decisions or more; columns as ENSEMBLE_COLUMNS."""
    rows = [
        asdict(cell) | {"task": joined.tasks[cell.family]} | found
        for cell in sorted(joined.current["measure"])
        if (found := _cell_columns(joined, cell, joined.measured(cell))) is not None
    ]
    return typed_frame(rows, ENSEMBLE_COLUMNS)


def majority(decided: Classes, losses: Array) -> tuple[Array, Array]:
    """The majority's losses (N,), and the share of seeds (N,) that are not of it.

    Where several classes have as many votes, the loss is their mean: what a draw among them costs.

    Args:
        decided: (k, N) classes by seed.
        losses: (k, N) of these decisions.
    """
    votes = np.array([(decided == own).sum(axis=0) for own in decided])  # itself counted
    most = votes.max(axis=0)
    is_of_it = votes == most
    # every tied class has as many seeds as the others, so that the mean over seeds is over classes
    return (losses * is_of_it).sum(axis=0) / is_of_it.sum(axis=0), 1 - most / len(decided)


def _cell_columns(joined: Joined, cell: Cell, rows: Rows) -> Row | None:
    if joined.decisions is None or len(rows) < MIN_SEEDS:
        return None
    held = [
        (joined.decisions.classes(row), joined.decisions.losses(row))
        for row in joined.deciding(rows)
    ]
    known = [
        (classes, losses) for classes, losses in held if classes is not None and losses is not None
    ]
    if len(known) < len(rows):
        return None
    losses = np.array([losses for _, losses in known])
    voted, left = majority(np.array([classes for classes, _ in known]), losses)
    floor = joined.decisions.floor(cell)
    bias = None if floor is None else float((voted - floor).mean())
    bayes_risk = rows[0]["bayes_risk"]
    # the vote is of these seeds: what they gain by it is a mean over the examples alone
    gain = crossed_mean((losses.mean(axis=0) - voted)[None], fixed_first=True)
    ensemble_risk = float(voted.mean()) if bias is None or bayes_risk is None else bayes_risk + bias
    return {
        "num_seeds": len(rows),
        "bayes_risk": bayes_risk,
        "mean_risk": ensemble_risk + gain.value,
        "ensemble_risk": ensemble_risk,
        "bias": bias,
        "net_variance": gain.value,
        "net_variance_lo": gain.lo,
        "net_variance_hi": gain.hi,
        "disagreement": float(left.mean()),
    }
