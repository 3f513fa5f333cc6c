"""About how many seeds more would tell what a row's intervals do not.

An estimate, no promise. Values are taken to stay and intervals to be Student's over the seeds,
which shrink by their number and by its degrees of freedom. What evaluation examples and restarts of
U_A leave in an interval does not shrink, so that it may take more; the long side of a skewed one
shrinks faster, so that it may take less. Seeds that divide the same few examples anew share most
of them (Nadeau and Bengio 2003): their `overlap` is left, however many they are.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from study.analysis import special
from study.analysis.faults import FAULTS
from study.analysis.frames import Row, half_length
from study.analysis.intervals import CONFIDENCE

MOST_SEEDS = 1_000
"""Of a cell: beyond that it is said that seeds will not do."""
OF_SEEDS = frozenset({"estimation", "optimization"})
"""The errors whose intervals are mostly the seeds'; the others' are not."""


def seeds_to_part(row: Row, errors: Sequence[str], overlap: float = 0.0) -> int | None:
    """Return about how many seeds more would part a cell's two largest possible faults.

    Args:
        row: of the landscape.
        errors: two or more of FAULTS, whose intervals are known.
        overlap: n_test / n_train of a set that every seed divides anew.

    Returns:
        None: no number up to MOST_SEEDS would; or an error's interval is not the seeds'.
    """
    num_seeds = row["estimation_num_seeds"]
    if not OF_SEEDS.issuperset(errors) or num_seeds < 2:
        return None
    first, second = sorted(errors, key=lambda name: -float(row[name]))[:2]
    apart = float(row[first]) - float(row[second])
    meeting = (row[first] - row[f"{first}_lo"]) + (row[f"{second}_hi"] - row[second])
    return _more(num_seeds, meeting / apart, overlap) if apart > 0 else None


def seeds_to_show(row: Row, overlap: float = 0.0) -> int | None:
    """Return about how many seeds more would show one part of a cell to be above zero.

    None: no number up to MOST_SEEDS would; or no interval of a part above zero is the seeds'.
    """
    num_seeds = row["estimation_num_seeds"]
    asked = [
        _more(num_seeds, (row[name] - row[f"{name}_lo"]) / row[name], overlap)
        for name in positive_parts(row)
        if name in OF_SEEDS and num_seeds > 1
    ]
    return min((more for more in asked if more is not None), default=None)


def seeds_to_tell(pair: Row, overlap: float = 0.0) -> int | None:
    """Return about how many seeds more of every cell would tell two families apart.

    None: no number up to MOST_SEEDS would.

    Args:
        pair: of the comparisons; its interval is known, and it is of two seeds or more.
    """
    half, distance = half_length(pair, "difference"), abs(float(pair["difference"]))
    assert half is not None
    times = max(1.0, pair["p_holm"] / pair["p_value"]) if pair["p_value"] else 1.0
    return _more(pair["num_pairs"], half / distance, overlap, times) if distance else None


def positive_parts(row: Row) -> list[str]:
    """Return the parts of a row's error whose values, not all of their intervals, are above 0."""
    return [name for name in FAULTS if row[name] is not None and row[name] > 0]


def _more(num_seeds: int, ratio: float, overlap: float, times: float = 1.0) -> int | None:
    """Return the seeds to add so that a 95% interval is at most `1 / ratio` as long as it is.

    Args:
        num_seeds: two or more.
        ratio: of the lengths.
        overlap: as `seeds_to_part` has it.
        times: by how much p is multiplied for the number of comparisons.
    """
    numbers = np.arange(num_seeds + 1, MOST_SEEDS + 1)
    reach = _reach(num_seeds, overlap, 1.0) / ratio if ratio > 0 else math.inf
    enough = numbers[_reach(numbers, overlap, times) <= reach]
    return int(enough[0]) - num_seeds if len(enough) else None


def _reach(num_seeds: Any, overlap: float, times: float) -> Any:
    """Half an interval of Student's t over seeds, of a standard deviation of one."""
    quantile = special.stdtrit(num_seeds - 1, 1 - (1 - CONFIDENCE) / 2 / times)
    return quantile * np.sqrt(1 / num_seeds + overlap)
