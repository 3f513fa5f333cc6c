"""About how many seeds more would tell what a row's intervals do not.

An estimate, no promise. Values are taken to stay and intervals to be Student's over the seeds,
which shrink by their number and by its degrees of freedom. What evaluation examples and restarts of
U_A leave in an interval does not shrink, so that it may take more; the long side of a skewed one
shrinks faster, so that it may take less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import special
from study.analysis.faults import FAULTS
from study.analysis.frames import Row, half_length
from study.analysis.intervals import CONFIDENCE

MOST_SEEDS = 1_000
"""Of a cell: beyond that it is said that seeds will not do."""
_OF_SEEDS = frozenset({"estimation", "optimization"})
"""The errors whose intervals are mostly the seeds'; the others' are not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """What the seeds of a population are worth.

    Attributes:
        overlap: n_test / n_train of a set that every seed divides anew, whose seeds share examples
            (Nadeau and Bengio 2003): so much is left of the variance, however many they are.
        first_stage: seeds whose spread intervals go on using (Stein 1945); None: all of them.
    """

    overlap: float = 0.0
    first_stage: int | None = None

    def reach(self, num: Any, times: float = 1.0) -> Any:
        """Half an interval of Student's t over so many, of a standard deviation of one.

        Args:
            num: of seeds, or an array of such numbers.
            times: by how much p is multiplied for the number of comparisons.
        """
        spread = np.minimum(num, self.first_stage or num)
        quantile = special.stdtrit(spread - 1, 1 - (1 - CONFIDENCE) / 2 / times)
        return quantile * np.sqrt(1 / num + self.overlap)


OF_THEIR_OWN = Seeds()
"""Every seed has samples of its own, and is in the spread."""


def overlaps(trials: pd.DataFrame) -> dict[str, float]:
    """Return `Seeds.overlap` of the populations whose set every seed divides anew.

    Args:
        trials: the trials table.
    """
    divided = trials[trials["is_resplit"].eq(True).fillna(False)]
    shares = divided["num_test"] / divided["num_available"]
    largest = shares.groupby(divided["population"]).max().dropna()
    return {str(name): float(share) for name, share in largest.items()}


def seeds_to_part(row: Row, errors: Sequence[str], seeds: Seeds = OF_THEIR_OWN) -> int | None:
    """Return about how many seeds more would part a cell's two largest possible faults.

    Args:
        row: of the landscape.
        errors: two or more of FAULTS, whose intervals are known.
        seeds: what they are worth.

    Returns:
        None: no number up to MOST_SEEDS would; or an error's interval is not the seeds'.
    """
    num_seeds = row["estimation_num_seeds"]
    if not _OF_SEEDS.issuperset(errors) or num_seeds < 2:
        return None
    first, second = sorted(errors, key=lambda name: -float(row[name]))[:2]
    apart = float(row[first]) - float(row[second])
    meeting = (row[first] - row[f"{first}_lo"]) + (row[f"{second}_hi"] - row[second])
    return _more(num_seeds, meeting / apart, seeds) if apart > 0 else None


def seeds_to_show(row: Row, seeds: Seeds = OF_THEIR_OWN) -> int | None:
    """Return about how many seeds more would show one part of a cell to be above zero.

    None: no number up to MOST_SEEDS would; or no interval of a part above zero is the seeds'.
    """
    num_seeds = row["estimation_num_seeds"]
    if num_seeds < 2:
        return None
    asked = [
        _more(num_seeds, (row[name] - row[f"{name}_lo"]) / row[name], seeds)
        for name in positive_parts(row)
        if name in _OF_SEEDS
    ]
    return min((more for more in asked if more is not None), default=None)


def seeds_to_tell(pair: Row, seeds: Seeds = OF_THEIR_OWN) -> int | None:
    """Return about how many seeds more of every cell would tell two families apart.

    None: no number up to MOST_SEEDS would.

    Args:
        pair: of the comparisons; its interval is known, and it is of two seeds or more.
    """
    half, distance = half_length(pair, "difference"), abs(float(pair["difference"]))
    assert half is not None
    times = max(1.0, pair["p_holm"] / pair["p_value"]) if pair["p_value"] else 1.0
    return _more(pair["num_pairs"], half / distance, seeds, times) if distance else None


def positive_parts(row: Row) -> list[str]:
    """Return the parts of a row's error whose values, not all of their intervals, are above 0."""
    return [name for name in FAULTS if row[name] is not None and row[name] > 0]


def _more(num_seeds: int, ratio: float, seeds: Seeds, times: float = 1.0) -> int | None:
    """Return the seeds to add so that a 95% interval is at most `1 / ratio` as long as it is.

    Args:
        num_seeds: two or more.
        ratio: of the lengths.
        seeds: what they are worth.
        times: as `Seeds.reach` has it.
    """
    numbers = np.arange(num_seeds + 1, MOST_SEEDS + 1)
    reach = seeds.reach(num_seeds) / ratio if ratio > 0 else math.inf
    enough = numbers[seeds.reach(numbers, times) <= reach]
    return int(enough[0]) - num_seeds if len(enough) else None
