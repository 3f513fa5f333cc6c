"""Which hyperparameters go with a small risk, of what a search proposed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.frames import Row
from study.trials.schema import PREFIX

_FEWEST = 3
"""Finished proposals that a cell must have to say anything about a hyperparameter."""
_NORMAL = 1.96  # two-sided 95%


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    """How far a hyperparameter and the selection risk go together.

    Attributes:
        name: of the hyperparameter.
        rho: Spearman's correlation of its ranks with the risk's, both within a cell and pooled
            over cells (-1 to 1): below 0 larger values went with smaller risks.
        lo: lower end of its 95% interval (Fisher's z, a degree of freedom less for each cell).
        hi: the upper end.
        num: proposals.
    """

    name: str
    rho: float
    lo: float | None
    hi: float | None
    num: int


def importance(column: str, cells: Sequence[Sequence[Row]]) -> Importance | None:
    """Return Spearman's rho, pooled over cells; None where values are no numbers or too few.

    Args:
        column: of the hyperparameter, in the trials table.
        cells: the finished proposals of each.
    """
    pairs, num_cells = [], 0
    for rows in cells:
        held = [(row[column], row["validation_risk"]) for row in rows if row[column] is not None]
        if len(held) >= _FEWEST and all(isinstance(value, int | float) for value, _ in held):
            ranks = pd.DataFrame(held).astype(float).rank(pct=True)
            pairs.append((ranks - ranks.mean()).to_numpy())
            num_cells += 1
    x, y = np.concatenate(pairs).T if pairs else np.zeros((2, 0))
    size = math.sqrt((x @ x) * (y @ y))
    if not size:
        return None
    rho, left = min(1.0, max(-1.0, float(x @ y) / size)), len(x) - num_cells - 2
    reach = _NORMAL / math.sqrt(left) if left > 0 and abs(rho) < 1 else None
    ends = [None, None] if reach is None else [_moved(rho, reach * side) for side in (-1, 1)]
    name = column.removeprefix(PREFIX)
    return Importance(name=name, rho=rho, lo=ends[0], hi=ends[1], num=len(x))


def _moved(rho: float, by: float) -> float:
    return math.tanh(math.atanh(rho) + by)
