"""How often 95% intervals of the squared MMD hold the truth, near the law and far from it.

    python -m tests.statistical.discrepancy_coverage [REPETITIONS]

The law is N(0, I) in d dimensions, what is generated N(a e1, I); s^2 = d. Then
MMD^2 = 2 (1 + 2 / d)^(-d/2) (1 - exp(-a^2 / (2 (d + 2)))). By d, number of examples N and a in
units of N^(-1/2), where a model is hardly told from the law: the share of the intervals, estimate
+- 1.96 standard errors, that hold it, and of those that lie below and above it; against the law's
closed form, and against as many examples of the law.
"""

import itertools
import math
import sys
from dataclasses import replace

import numpy as np
import torch

from classcomp.populations import make
from classcomp.tasks.discrepancy import Yardstick, discrepancy_terms, yardstick

DIMENSIONS = (1, 2, 8, 64)
NUM_EXAMPLES = (50, 200)
OFFSETS = (0.0, 0.5, 1.0, 2.0, 4.0, 10.0)


def yard_of(dim: int) -> Yardstick:
    """That of N(0, I), which two classes share."""
    means, ones = [[0.0] * dim] * 2, [1.0, 1.0]
    law = make("gaussians", means=means, covariances=ones, labels=[0, 1], rendering="none")
    return yardstick(law)


def shares(
    yard: Yardstick, dim: int, num: int, offset: float, repetitions: int
) -> tuple[float, float, float]:
    """Of intervals that hold the truth, lie below it, and above it."""
    rng = np.random.default_rng([20261128, dim, num, round(10 * offset)])
    shift = offset / math.sqrt(num)
    truth = 2 * (1 + 2 / dim) ** (-dim / 2) * -math.expm1(-(shift**2) / (2 * (dim + 2)))
    below, above = 0, 0
    for _ in range(repetitions):
        made, real = torch.from_numpy(rng.standard_normal((2, num, dim), dtype=np.float32))
        made[:, 0] += shift
        terms = discrepancy_terms(made, real, yard)
        reach = 1.96 * terms.std(ddof=1) / math.sqrt(num)
        below += terms.mean() + reach < truth
        above += terms.mean() - reach > truth
    return 1 - (below + above) / repetitions, below / repetitions, above / repetitions


def main() -> None:
    """Print a line for each dimension, number of examples, offset and estimate."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    torch.set_num_threads(1)
    for dim, num, offset in itertools.product(DIMENSIONS, NUM_EXAMPLES, OFFSETS):
        yard = yard_of(dim)
        for name, judge in (("closed", yard), ("sample", replace(yard, mixture=None))):
            held, below, above = shares(judge, dim, num, offset, repetitions)
            print(
                f"d {dim:2} N {num:3} a {offset:4.1f}/sqrt(N) {name}: covered {held:.3f}, "
                f"below {below:.3f}, above {above:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
