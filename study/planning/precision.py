"""How many seeds a cell needs until its total is known to the precision that is asked for.

Stein's (1945) two-stage rule: of the first k0 seeds only the spread s0 is looked at, the mean is
taken over all k, and sqrt(k) (mean - mu) / s0 is Student's t with k0 - 1 degrees of freedom
whatever k came out as. So the stopping costs the interval nothing, as long as the interval takes
s0 and k0 - 1 as well. One look, and no further one: k is a function of the first stage alone.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95


def seeds_needed(
    values: Sequence[float], standard_errors: Sequence[float], *, precision: float, at_most: int
) -> int:
    """Seeds of a cell altogether, its first ones included.

    Half the length of the interval at k seeds is taken to be sqrt(t^2 s0^2 / k + z^2 se^2): Stein
    (1945, Annals of Mathematical Statistics 16, eq. 12), with the noise of the evaluation sample,
    which seeds do not average away, beside it.

    Args:
        values: totals of the first stage by seed, (k0,); those of failed seeds left out.
        standard_errors: theirs over the evaluation sample; the mean of them is an upper bound of
            what is left of it in a mean over seeds.
        precision: half the length that is asked for.
        at_most: seeds where the precision cannot be had, or not with fewer.
    """
    if len(values) < 2:
        return len(values)
    spread = statistics.stdev(values)
    if spread == 0.0:
        return len(values)
    noise = float(ndtri((1 + CONFIDENCE) / 2)) * statistics.fmean(standard_errors)
    room = precision**2 - noise**2
    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    if room <= 0 or (wanted := (quantile * spread) ** 2 / room) >= at_most:
        return at_most
    return min(at_most, max(len(values), math.ceil(wanted)))


def first_totals(records: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    """Totals of a cell's measured seeds and their standard errors, those without one left out.

    A total is R_n(T) up to R*, which is the same for all of them: where R* is unknown the risk
    itself is what is to be known precisely.
    """
    values, errors = [], []
    for record in records:
        metrics = record["metrics"] if record["status"] == "done" else {}
        for name in ("excess_risk", "risk"):
            value, error = metrics.get(name), metrics.get(f"{name}_se")
            if value is not None and error is not None:
                values.append(float(value))
                errors.append(float(error))
                break
    return values, errors
