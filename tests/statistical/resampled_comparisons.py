"""Families on a set that every seed divides anew: tests against learners of equal expected risk.

    python -m tests.statistical.resampled_comparisons [STUDIES]

Classes are two Gaussians, and learner j sees coordinate j alone: by symmetry all learners have one
expected risk, at every size. A study is one finite set of NUM examples that is divided again and
again, in a few lines of numpy; what is looked at is the table that `build_comparisons` makes of the
learners' test risks: six pairs, at two sizes and over both.

By learners (nearest centroid, nearest neighbour) and number of seeds: the variance of a mean
difference as a multiple of the mean s^2, beside 1/k + n_test/n_train and 1/k; how often Student's t
over seeds finds a difference at 5%, and the table's test does, by cell and over a population; in
how many studies any is significant after Holm; how often .5 is in the interval of P(better).
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import scipy.stats

from study.analysis.comparisons import CELL, POPULATION, build_comparisons
from study.analysis.frames import to_rows
from study.analysis.joined import join
from study.analysis.table import build_trials
from tests.analysis.conftest import make_record

NUM, NUM_TEST, SIZES = 90, 30, (30, 60)
LEARNERS = ("a", "b", "c", "d")
APART = np.full(len(LEARNERS), 1.5)
"""Of the classes' means, by coordinate."""
PAIRS = tuple(combinations(range(len(LEARNERS)), 2))

Row = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]
Learner = Callable[[Array, Array], Array]
"""Training points (classes, n, learners) and test points (m, learners) to whether class 1."""


def nearest_centroid(x: Array, test: Array) -> Array:
    zeros, ones = x.mean(axis=1)
    found: Array = abs(test - ones) < abs(test - zeros)
    return found


def nearest_neighbour(x: Array, test: Array) -> Array:
    zeros, ones = abs(test[None, :, None] - x[:, None]).min(axis=2)
    found: Array = ones < zeros
    return found


def risks(rng: np.random.Generator, seeds: int, learner: Learner, apart: Array = APART) -> Array:
    """Test risks (learners, sizes, seeds) of the divisions of one finite set."""
    labels = np.arange(NUM) % 2
    x = rng.standard_normal((NUM, len(LEARNERS))) + apart * (labels[:, None] - 0.5)
    found = np.empty((len(LEARNERS), len(SIZES), seeds))
    for seed in range(seeds):
        by_class = np.array([rng.permutation(np.arange(c, NUM, 2)) for c in (0, 1)])
        test, rest = by_class[:, : NUM_TEST // 2].ravel(), by_class[:, NUM_TEST // 2 :]
        for place, size in enumerate(SIZES):
            is_one = learner(x[rest[:, : size // 2]], x[test])
            found[:, place, seed] = (is_one != labels[test][:, None]).mean(axis=0)
    return found


def compared(held: Array) -> list[Row]:
    """The comparisons of a study whose risks (learners, sizes, seeds) these are."""
    facts = {"is_resplit": True, "num_available": NUM - NUM_TEST, "num_test": NUM_TEST}
    records = [
        make_record(
            **{"family": LEARNERS[j], "num_train": SIZES[i], "seed": seed},
            **{"population": "digits", "risk": float(risk), **facts},
        )
        for (j, i, seed), risk in np.ndenumerate(held)
    ]
    return to_rows(build_comparisons(join(build_trials(records, {}))))


def variance_ratio(studies: Sequence[Array]) -> float:
    """Of mean differences over seeds, as a multiple of the mean variance s^2 over seeds."""
    apart = np.array([[held[i, -1] - held[j, -1] for i, j in PAIRS] for held in studies])
    return float((apart.mean(axis=2) ** 2).mean() / apart.var(axis=2, ddof=1).mean())


def found_by_seeds(studies: Sequence[Array]) -> float:
    """Share of the differences in cells that Student's t over seeds finds at 5%."""
    apart = np.array([[held[i] - held[j] for i, j in PAIRS] for held in studies])
    deviations = apart.std(axis=-1, ddof=1)
    errors = np.where(deviations > 0, deviations, np.inf) / np.sqrt(apart.shape[-1])
    t = scipy.stats.t.ppf(0.975, apart.shape[-1] - 1)
    return float((abs(apart.mean(axis=-1)) > t * errors).mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Of the comparisons of many studies whose learners do not differ.

    Attributes:
        found: share of rows with p below .05, not corrected.
        covered: share of rows whose interval holds 0.
        even: share of rows whose interval of P(better) holds .5.
        false: share of studies with a significant row.
    """

    found: float
    covered: float
    even: float
    false: float


def tally(studies: Sequence[Sequence[Row]], scope: str) -> Tally:
    """Of the rows of one scope."""
    held = [[row for row in rows if row["scope"] == scope] for rows in studies]
    rows = [row for rows in held for row in rows]
    return Tally(
        found=_share([row["p_value"] is not None and row["p_value"] < 0.05 for row in rows]),
        covered=_share([row["difference_lo"] <= 0 <= row["difference_hi"] for row in rows]),
        even=_share(
            [
                row["probability_first_better_lo"] <= 0.5 <= row["probability_first_better_hi"]
                for row in rows
            ]
        ),
        false=_share([any(row["significant"] for row in rows) for rows in held]),
    )


def _share(held: Sequence[bool | None]) -> float:
    return float(np.mean([bool(one) for one in held]))


def main() -> None:
    """Print a line for each kind of learners, number of seeds, and scope."""
    num = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for learner in (nearest_centroid, nearest_neighbour):
        for seeds in (3, 5, 10):
            rng = np.random.default_rng([20261128, seeds])
            studies = [risks(rng, seeds, learner) for _ in range(num)]
            tables = [compared(held) for held in studies]
            print(
                f"{learner.__name__} k {seeds:2}: variance {variance_ratio(studies):.2f} s^2, "
                f"taken {1 / seeds + NUM_TEST / (NUM - NUM_TEST):.2f}; "
                f"t over seeds finds {found_by_seeds(studies):.3f}"
            )
            for scope in (CELL, POPULATION):
                print(f"  {scope}: {tally(tables, scope)}", flush=True)


if __name__ == "__main__":
    main()
