"""How often 95% intervals over seeds and evaluation examples hold the truth.

    python benchmarks/coverage.py [CELLS]

Means alone: a cell's seeds are drawn around 0, and one evaluation sample's noise, of known
variance, moves them all. By law of the seeds, number of cells that a family has, number of seeds,
and share of the seeds in the variance of the mean: coverage as shipped, and of Satterthwaite's t in
brackets. tests/statistical/coverage_studies.py does the same for every error, through decisions and
landscape.
"""

import math
import sys
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import scipy.special

from study.analysis.crossed import combine, known, rows_component
from study.analysis.skewness import pooled_skewness

Array = np.ndarray[Any, np.dtype[Any]]

SHARES = (1.0, 0.9, 0.7, 0.4, 0.1)


def _log_normal(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Of skewness 1.75, standardised."""
    mean, variance = math.exp(0.125), math.expm1(0.25) * math.exp(0.25)
    return (np.exp(0.5 * rng.standard_normal(shape)) - mean) / math.sqrt(variance)


LAWS: Mapping[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "log-normal": _log_normal,
    "exponential": lambda rng, shape: rng.standard_exponential(shape) - 1.0,
}


def covered(
    law: str, cells: int, num_seeds: int, share: float, num_cells: int
) -> tuple[float, float]:
    """Coverage as shipped, and of Satterthwaite's t, over as many cells as asked for."""
    rng = np.random.default_rng([20261125, list(LAWS).index(law), cells, num_seeds])
    held, plain = [], []
    for _ in range(num_cells // cells):
        seeds = LAWS[law](rng, (cells, num_seeds)) * math.sqrt(share * num_seeds)
        noise = rng.standard_normal(cells) * math.sqrt(1 - share)
        skewness = pooled_skewness(seeds)
        for values, moved in zip(seeds, noise, strict=True):
            component = rows_component(values, skewness=skewness)
            assert component is not None
            found = combine(float(values.mean() + moved), [component, known(1 - share)])
            assert found.lo is not None
            assert found.hi is not None
            assert found.standard_error is not None
            held.append(found.lo <= 0.0 <= found.hi)
            reach = scipy.special.stdtrit(found.degrees_of_freedom, 0.975) * found.standard_error
            plain.append(abs(found.value) <= reach)
    return float(np.mean(held)), float(np.mean(plain))


def main() -> None:
    """Print the table."""
    num_cells = int(sys.argv[1]) if len(sys.argv) > 1 else 24_000
    print("| seeds | cells | k |", " | ".join(f"seeds' share {share}" for share in SHARES), "|")
    print("|" + "---|" * (3 + len(SHARES)))
    for law, cells, num_seeds in product(LAWS, (1, 12, 48), (3, 5, 10, 20)):
        found = [covered(law, cells, num_seeds, share, num_cells) for share in SHARES]
        told = " | ".join(f"{new:.3f} ({old:.3f})" for new, old in found)
        print(f"| {law} | {cells} | {num_seeds} | {told} |", flush=True)


if __name__ == "__main__":
    main()
