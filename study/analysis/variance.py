"""How much of a risk's variance is the data's, the initialisation's and the order's.

A crossed block of k x k x k trials (role `variance`), analysed as a balanced three-way
random-effects layout without replication: y_dio = mu + D + I + O + DI + DO + IO + DIO. A trial is
a function of its three seeds, so that DIO is their three-way interaction and not an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import VARIANCE_COLUMNS
from study.analysis.frames import Trial, typed_frame
from study.analysis.joined import Joined
from study.trials.seeds import VARIANCE_FACTORS, decode_variance_seed

QUANTITIES = ("risk", "converged_risk")
TOTAL = "total"

Array = np.ndarray[Any, np.dtype[np.float64]]
Factors = tuple[int, ...]  # axes of the block: (), (0,), (0, 1), ...

MAIN: tuple[Factors, ...] = ((0,), (1,), (2,))
PAIRS: tuple[Factors, ...] = ((0, 1), (0, 2), (1, 2))
ALL: Factors = (0, 1, 2)


def build_variance(joined: Joined) -> pd.DataFrame:
    """The variance components of every crossed cell; columns as VARIANCE_COLUMNS.

    A block with a trial missing has no rows: the method is that of balanced blocks.
    """
    rows = []
    for cell, held in sorted(joined.current["variance"].items()):
        for quantity in QUANTITIES:
            block = _block(held, quantity)
            if block is not None:
                named = {**asdict(cell), "task": joined.tasks[cell.family], "quantity": quantity}
                rows += [{**named, **component} for component in _components(block)]
    return typed_frame(rows, VARIANCE_COLUMNS)


def _block(rows: Sequence[Trial], quantity: str) -> Array | None:
    """The (k, k, k) values by seed of data, initialisation and order; None if not whole."""
    held = {decode_variance_seed(row["seed"]): row[quantity] for row in rows}
    k = 1 + max(max(crossing) for crossing in held)
    values = [held.get(index) for index in np.ndindex(k, k, k)]
    known = [value for value in values if value is not None]
    return np.array(known).reshape(k, k, k) if len(known) == len(values) and k > 1 else None


def mean_squares(block: Array) -> dict[Factors, float]:
    """The mean squares of the main effects and interactions of a (k, k, k) block."""
    k = len(block)
    effects: dict[Factors, Array] = {(): np.full_like(block, block.mean())}
    found = {}
    for factors in (*MAIN, *PAIRS, ALL):
        others = tuple(axis for axis in ALL if axis not in factors)
        level = block.mean(axis=others, keepdims=True) + np.zeros_like(block)
        lower = [held for inner, held in effects.items() if set(inner) < set(factors)]
        effects[factors] = level - sum(lower, np.zeros_like(block))
        found[factors] = float((effects[factors] ** 2).sum() / (k - 1) ** len(factors))
    return found


def variance_components(block: Array) -> dict[Factors, float]:
    """The components by the method of moments: expected mean squares, solved.

    With k levels E MS_DIO = s_DIO, E MS_DI = s_DIO + k s_DI, E MS_D = s_DIO + k s_DI + k s_DO +
    k^2 s_D (Searle, Casella and McCulloch 1992, chapter 4). Estimates may be negative and are
    shown as they come: clipped ones would be biased.
    """
    k, ms = len(block), mean_squares(block)
    components = {ALL: ms[ALL]} | {pair: (ms[pair] - ms[ALL]) / k for pair in PAIRS}
    for (axis,) in MAIN:
        pairs = sum(ms[pair] for pair in PAIRS if axis in pair)
        components[(axis,)] = (ms[(axis,)] - pairs + ms[ALL]) / k**2
    return components


def _components(block: Array) -> list[Mapping[str, Any]]:
    k, ms, found = len(block), mean_squares(block), variance_components(block)
    total = sum(found.values())

    def row(component: str, variance: float) -> dict[str, Any]:
        share = variance / total if total > 0 else None
        return {"component": component, "num_levels": k, "variance": variance, "share": share}

    rows = [
        row(" x ".join(VARIANCE_FACTORS[axis] for axis in factors), found[factors])
        | {"degrees_of_freedom": (k - 1) ** len(factors), "mean_square": ms[factors]}
        for factors in (*MAIN, *PAIRS, ALL)
    ]
    return [*rows, row(TOTAL, total)]
