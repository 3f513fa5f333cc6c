"""What was chosen by some seeds is judged by the others: no number flatters the choice.

The smallest of many means is too small by the luck that made it the smallest. Half of the seeds
choose, the others say what the choice is worth to them, and that is averaged over the ways to
divide the seeds: unbiased for what somebody gets who takes the choice of half as many runs.

**Its spread.** Judgements of different divisions depend on each other; what is certain is that a
mean over divisions varies no more than one of them, whose judges know nothing of the choosers: s^2
over the number of judges, s^2 their own spread. That is taken, at a degree of freedom for each seed
but one: up to sqrt(2) too wide where all divisions choose alike. (Leaving out one seed at a time
looks cheaper, but folds depend on each other and Student's interval does not know: of flat studies
of 20 seeds it leaves 0 out in 17%, docs/adr/0026-traces.md.)

**Examples.** Seeds share their evaluation examples, and so do choosers and judges: a division of
seeds does not tell a choice that those examples flatter. The noise of a point's mean over examples
is known, point by point. A contrast's is taken as if each point had examples of its own, an upper
bound wherever what is hard for one rule is hard for the other, and at Bonferroni's level over all
contrasts that might have been chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from study.analysis import special
from study.analysis.intervals import CONFIDENCE, Estimate
from study.analysis.moments import Part, half_widths

MIN_SEEDS = 3
"""One to choose, and two to see a spread among."""
MOST_DIVISIONS = 256
"""Ten seeds have 252; of more seeds as many are drawn."""

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """C contrasts that choosers chose, as D divisions' judges see them.

    Attributes:
        means: (D, C) over a division's judges.
        seeds: (C,) variances of the contrasts' means over divisions; `examples` likewise.
        num_seeds: of judges and choosers together.
        num_choices: contrasts that each of them might have been.
    """

    means: Array
    seeds: Array
    examples: Array
    num_seeds: int
    num_choices: int

    @property
    def estimates(self) -> list[Estimate]:
        """Each contrast's mean and 95% interval."""
        values, halves = self.means.mean(axis=0), self.half_widths(CONFIDENCE)
        return [
            Estimate(value, value - half, value + half)
            for value, half in zip(values.tolist(), halves.tolist(), strict=True)
        ]

    def half_widths(self, confidence: float) -> Array:
        """Of the contrasts' intervals (C,)."""
        tail = (1 - confidence) / 2
        inflated = (special.ndtri(tail / self.num_choices) / special.ndtri(tail)) ** 2
        parts = (
            Part(covariance=np.diag(self.seeds), degrees_of_freedom=self.num_seeds - 1),
            Part(covariance=np.diag(inflated * self.examples), degrees_of_freedom=np.inf),
        )
        return half_widths(parts, np.eye(len(self.seeds)), confidence)


def one_over(num: int) -> float:
    """What the variance of independent seeds is multiplied by, for that of their mean."""
    return 1 / num


def cross_fit(
    values: Array,
    choose: Callable[[Array], Array],
    *,
    num_choices: int,
    noise: Array | None = None,
    factor: Callable[[int], float] = one_over,
) -> Judged:
    """Lets half of the seeds choose contrasts and the others judge them.

    Args:
        values: (S, P) of S seeds, three at least, at P points.
        choose: of the choosers' means (P,), the contrasts (C, P).
        num_choices: how many contrasts a row of these might have been.
        noise: (P,) variances of each point's mean over the evaluation examples that all seeds
            share; None: every seed has examples of its own.
        factor: of a number of seeds what their variance is multiplied by, for that of their mean.
    """
    num_seeds = len(values)
    assert num_seeds >= MIN_SEEDS, "fewer seeds do not both choose and judge"
    means, spreads, noises = [], [], []
    for choosers, judges in divisions(num_seeds):
        contrasts = choose(values[choosers].mean(axis=0))
        seen = values[judges] @ contrasts.T
        means.append(seen.mean(axis=0))
        spreads.append(seen.var(axis=0, ddof=1) * factor(len(judges)))
        noises.append(np.zeros(len(contrasts)) if noise is None else contrasts**2 @ noise)
    return Judged(
        means=np.array(means),
        seeds=np.mean(spreads, axis=0),
        examples=np.mean(noises, axis=0),
        num_seeds=num_seeds,
        num_choices=num_choices,
    )


def divisions(num_seeds: int) -> list[tuple[list[int], list[int]]]:
    """Choosers, half of the seeds rounded down, and judges, the others: all ways, or many."""
    num, everyone = num_seeds // 2, range(num_seeds)
    if comb(num_seeds, num) <= MOST_DIVISIONS:
        chosen = [list(held) for held in combinations(everyone, num)]
    else:
        rng = np.random.default_rng(0)
        chosen = [rng.permutation(num_seeds)[:num].tolist() for _ in range(MOST_DIVISIONS)]
    return [(held, [seed for seed in everyone if seed not in held]) for held in chosen]
