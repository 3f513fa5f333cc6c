"""Two families whose rules are known, and a second computation of what a term's test says."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.frames import Row, to_rows
from study.analysis.joined import Joined
from study.analysis.landscape import build_landscape
from study.analysis.term_comparisons import build_term_comparisons
from tests.analysis.decided import Written

Array = np.ndarray[Any, np.dtype[Any]]
N = 500
SIZES = (64, 256)


def compared(joined: Joined) -> list[Row]:
    """The rows of a study whose landscape says what has settled."""
    return to_rows(build_term_comparisons(joined, build_landscape(joined, {})))


def only(rows: list[Row], error: str, scope: str) -> list[Row]:
    """The rows of a term in a scope."""
    return [row for row in rows if (row["error"], row["scope"]) == (error, scope)]


class Study(Written):
    """Of rules that turn the Bayes rule over here and there, of two families at two sizes.

    Attributes:
        losses: (N,) of every rule, by family and what it is.
    """

    def __init__(self, folder: Path, seed: int, *, seeds: int = 4, restarts: int = 3) -> None:
        self.rng = np.random.default_rng(seed)
        eta = self.rng.beta(0.6, 0.6, size=N)
        super().__init__(folder, np.column_stack([1 - eta, eta]), 0.1)
        self.losses: dict[tuple[Any, ...], Array] = {}
        for place, family in enumerate(("linear", "vgg")):
            rate, named = 0.02 + 0.04 * place, {"family": family}
            for num_stream in (5_000, 20_000):
                rule = self._rule(rate, (family, "best", num_stream))
                held = {"num_train": num_stream, "seed": 0}
                self.add("best_in_class", classes={"budget": rule}, **named, **held)
            for restart in range(restarts):
                rule = self._rule(rate + 0.02, (family, "limit", restart))
                held = {"num_train": 20_000, "seed": restart}
                self.add("limit", classes={"budget": rule}, **named, **held)
            for num_train in SIZES:
                for number in range(seeds):
                    more = 0.02 * self.rng.random()
                    classes = {
                        branch: self._rule(rate + more + 0.02, (family, branch, num_train, number))
                        for branch in ("budget", "converged")
                    }
                    self.add(classes=classes, **named, num_train=num_train, seed=number)

    def _rule(self, rate: float, key: tuple[Any, ...]) -> Array:
        decided: Array = (self.rng.random(N) < rate) ^ self.posterior.argmax(axis=1)
        self.losses[key] = 1 - self.posterior[np.arange(N), decided]
        return decided

    def apart(self, *key: Any) -> Array:
        """The losses (N,) of the first family's rule less the second's."""
        return self.losses["linear", *key] - self.losses["vgg", *key]

    def by_seed(self, branch: str) -> Array:
        """Of both sizes (2, k, N)."""
        seeds = sorted({key[3] for key in self.losses if key[1] == branch})
        return np.array([[self.apart(branch, n, s) for s in seeds] for n in SIZES])


def crossed(*groups: Array) -> list[tuple[float, float]]:
    """Variances and degrees of freedom of the sum of means over (k, N): rows', then examples'."""
    num = groups[0].shape[1]
    mean = np.sum([terms.mean(axis=0) for terms in groups], axis=0)
    parts, examples = [], mean.var(ddof=1) / num
    for terms in groups:
        k = len(terms)
        left = terms - terms.mean(axis=1)[:, None] - terms.mean(axis=0) + terms.mean()
        examples -= (left**2).sum() / ((k - 1) * (num - 1)) / (k * num)
        parts.append((float(terms.mean(axis=1).var(ddof=1)) / k, k - 1.0))
    return [*parts, (max(0.0, float(examples)), num - 1.0)]


def holds(row: Row, value: float, parts: list[tuple[float, float]]) -> None:
    """Asserts a row's test: half the mean of Satterthwaite's and Banerjee's squares."""
    variance = sum(v for v, _ in parts)
    freedom = variance**2 / sum(v**2 / d for v, d in parts)

    def reach(level: float) -> float:
        pooled = variance * scipy.stats.t.isf(level / 2, freedom) ** 2
        apart = sum(v * scipy.stats.t.isf(level / 2, d) ** 2 for v, d in parts)
        return math.sqrt((pooled + apart) / 2)

    assert row["difference"] == pytest.approx(value, abs=1e-9)
    assert row["standard_error"] == pytest.approx(math.sqrt(variance), rel=1e-6)
    assert row["degrees_of_freedom"] == pytest.approx(freedom, rel=1e-6)
    assert row["difference_hi"] - row["difference"] == pytest.approx(reach(0.05), rel=1e-6)
    assert reach(row["p_value"]) == pytest.approx(abs(value), rel=1e-6)
