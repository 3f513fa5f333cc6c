"""How many seeds a cell is measured with, once its first ones have told how far they lie apart.

Stein's (1945) two-stage rule, see study.analysis.precision: one look at the first stage, and no
further one, so that the plan stays a function of the ledger whatever finishes first.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.precision import seeds_needed


def seeds_asked(
    values: Sequence[float], standard_errors: Sequence[float], *, precision: float, at_most: int
) -> int:
    """Seeds of a cell altogether, its first ones included.

    Args:
        values: totals of the first stage by seed, (k0,); those of failed seeds left out.
        standard_errors: theirs over the evaluation sample; the mean of them is an upper bound of
            what is left of it in a mean over seeds.
        precision: half the length that the interval is to have.
        at_most: seeds where the precision cannot be had, or not with fewer.
    """
    if len(values) < 2 or statistics.stdev(values) == 0.0:
        return len(values)
    examples_variance = statistics.fmean(standard_errors) ** 2
    found = seeds_needed(values, precision, examples_variance=examples_variance, at_most=at_most)
    return at_most if found is None else found


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
