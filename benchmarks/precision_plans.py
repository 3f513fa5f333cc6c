"""How many seeds, restarts and draws bring terms to a half-width, and at what cost.

Of precision.py, which says what is compared. The half-width of a 95% interval is 1.96 standard
errors.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from by_samples import NUM_TEST

TARGET = 0.005
ALLOWED = (TARGET / 1.96) ** 2
TERMS = ("approximation", "objective", "estimation", "optimization", "R_n(T)")
MOST_RESTARTS, MOST_DRAWS = 2_000, 64
NETWORKS = {
    "R_n(T)": ("budget",),
    "optimization": ("budget", "settled"),
    "estimation": ("settled",),
    "approximation": (),
}
"""Trained on small samples, of which a term by samples is made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Of the variance of a mean over k seeds, K restarts and b draws of 10,000 examples.

    V = seeds/k + restarts/K + examples/b; the seeds' and restarts' parts hold their interaction.
    """

    seeds: float = 0.0
    restarts: float = 0.0
    examples: float = 0.0

    def seeds_needed(self, restarts: np.ndarray, draws: int, allowed: float) -> np.ndarray:
        """The least k for each number of restarts; infinite where no number of seeds does."""
        left = allowed - self.restarts / restarts - self.examples / draws
        with np.errstate(divide="ignore"):
            return np.where(left > 0, np.maximum(2, np.ceil(self.seeds / left)), np.inf)


def parts(first: np.ndarray, second: np.ndarray | None = None, *, fixed: str = "") -> Parts:
    """Unbiased parts of the variance of mean(first) - mean(second); rows `fixed` are no sample."""
    held = {"seeds": first} if second is None else {"seeds": first, "restarts": second}
    columns = [rows.mean(axis=0) for rows in held.values()]
    difference = columns[0] - columns[1] if len(columns) > 1 else columns[0]
    examples, spread = difference.var(ddof=1) / difference.size, {}
    for (name, rows), column in zip(held.items(), columns, strict=True):
        if name == fixed or len(rows) < 2:
            continue
        k, num = rows.shape
        spread[name] = float(rows.mean(axis=1).var(ddof=1))
        left = rows - rows.mean(axis=1, keepdims=True) - column + column.mean()
        examples -= (left**2).sum() / ((k - 1) * (num - 1) * k * num)
    return Parts(**spread, examples=max(0.0, float(examples)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Numbers of a cell and their CPU seconds; by samples `draws` is 1."""

    seeds: int
    restarts: int
    draws: int
    seconds: float


def our_plan(
    held: Mapping[str, Parts], costs: Mapping[str, float], allowed: float = ALLOWED
) -> Plan:
    """The cheapest numbers that bring these terms' half-widths to the target.

    Args:
        held: parts by term, of those that are asked for.
        costs: CPU seconds of a `measure`, a `limit`, the `best_in_class` trials together, and of
            `scoring` one rule on 10,000 further examples.
        allowed: variance.
    """
    needs_limit = any(p.restarts for p in held.values())
    needs_seeds = any(p.seeds for p in held.values())
    tried = np.arange(2, MOST_RESTARTS + 1) if needs_limit else np.array([2])
    plans = []
    for draws in range(1, MOST_DRAWS + 1):
        k = np.max([p.seeds_needed(tried, draws, allowed) for p in held.values()], axis=0)
        further = (draws - 1) * costs["scoring"]
        seconds = needs_limit * tried * (costs["limit"] + further)
        if needs_seeds:
            seconds = seconds + k * (costs["measure"] + 2 * further)
        if needs_best(held):
            seconds = seconds + costs["best_in_class"] + further
        seconds = np.where(np.isfinite(k), seconds, np.inf)
        least = int(seconds.argmin())
        if np.isfinite(seconds[least]):
            plans.append(
                Plan(
                    seeds=int(k[least]),
                    restarts=int(tried[least]),
                    draws=draws,
                    seconds=float(seconds[least]),
                )
            )
    return min(plans, key=lambda plan: plan.seconds)


def needs_best(terms: Mapping[str, Parts]) -> bool:
    """Whether U_H is a part of one of these terms."""
    return bool({"approximation", "objective"} & set(terms))


@dataclass(frozen=True, kw_only=True, slots=True)
class Theirs:
    """A pilot by samples: variance over networks, test sample included, and CPU seconds of one."""

    variance: Mapping[str, float]
    seconds: Mapping[str, float]

    def plan(self, terms: Sequence[str], restarts: int, allowed: float) -> Plan | None:
        """Numbers for these terms with so many large samples; None where those are too few."""
        v, left = self.variance, allowed - self.variance["large"] / restarts
        if uses_large(terms) and left <= 0:
            return None
        wanted = {
            "R_n(T)": v["budget"] / allowed,
            "optimization": (v["budget"] + v["settled"]) / allowed,
            "estimation": v["settled"] / left,
            "approximation": 0.0,
        }
        seeds = max(2, math.ceil(max(wanted[name] for name in terms)))
        seconds = self.seconds_of(terms, seeds, restarts)
        return Plan(seeds=seeds, restarts=restarts, draws=1, seconds=seconds)

    def seconds_of(self, terms: Sequence[str], seeds: int, restarts: int) -> float:
        """CPU seconds of the networks that these terms are made of."""
        small = {what for name in terms for what in NETWORKS[name]}
        seconds = seeds * sum(self.seconds[what] for what in small)
        return seconds + uses_large(terms) * restarts * self.seconds["large"]

    def best_plan(self, terms: Sequence[str], allowed: float = ALLOWED) -> Plan:
        """The cheapest of them in this cell."""
        return fixed_plan([self], terms, allowed)


def binomial(risk: float) -> float:
    """Variance of the share of wrong labels in a test sample."""
    return risk * (1 - risk) / NUM_TEST


def fixed_plan(theirs: Sequence[Theirs], terms: Sequence[str], allowed: float = ALLOWED) -> Plan:
    """Seeds and large samples, the same in every cell, and CPU seconds altogether."""
    found = []
    for restarts in range(2, MOST_RESTARTS + 1) if uses_large(terms) else (2,):
        plans = [held.plan(terms, restarts, allowed) for held in theirs]
        if None in plans:
            continue
        seeds = max(plan.seeds for plan in plans if plan)
        seconds = sum(held.seconds_of(terms, seeds, restarts) for held in theirs)
        found.append(Plan(seeds=seeds, restarts=restarts, draws=1, seconds=seconds))
    return min(found, key=lambda plan: plan.seconds)


def uses_large(terms: Sequence[str]) -> bool:
    """Whether the best in class is a part of one of these terms."""
    return bool({"estimation", "approximation"} & set(terms))
