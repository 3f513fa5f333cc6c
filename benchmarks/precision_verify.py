"""A cell by both ways of precision.py, at the numbers that its pilots predict.

    python benchmarks/precision_verify.py FOLDER --family linear --law gaussian_images --noise 0

On seeds that no pilot had. The two ways share the networks and no other code: that their values
agree says that either is right, and the half-widths printed are those that were really had.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from precision import (
    Ours,
    Place,
    our_costs,
    our_parts,
    our_trials,
    place_of,
    read_ours,
    read_theirs,
    run_ours,
    run_theirs,
    setting_of,
    settled_steps,
)
from precision_plans import TERMS, Plan, our_plan

from classcomp.populations import make
from study.analysis.crossed import Crossed, crossed_mean, t_quantile

FIRST_SEED = 1_000


def verify(folder: Path, place: Place) -> None:
    """Runs a cell by both ways at the numbers that were predicted, on seeds of their own.

    Intervals of ours are the engine's (study.analysis.crossed), over seeds, restarts and examples;
    of the other way t over networks.
    """
    ours = read_ours(folder)
    mine = our_plan(our_parts(ours, place), our_costs(ours, place))
    theirs = read_theirs(folder, place)
    other = theirs.best_plan([name for name in TERMS if name != "objective"])
    print(f"{place}: ours {mine.seeds} seeds, {mine.restarts} restarts", flush=True)
    print(f"by samples {other.seeds} seeds, {other.restarts} large samples", flush=True)
    trials = [t for t in our_trials(2) if place_of(t) == place and t.seed == 0]
    wanted = {"measure": mine.seeds, "limit": mine.restarts}
    rules: dict[str, list[Ours]] = {}
    for role, num in wanted.items():
        trial = next(t for t in trials if t.role == role)
        seeds = range(FIRST_SEED, FIRST_SEED + num)
        rules[role] = [run_ours(replace(trial, seed=seed)) for seed in seeds]
    at_budget = np.stack([held.budget for held in rules["measure"]])
    settled = np.stack([h.converged for h in rules["measure"] if h.converged is not None])
    limits = np.stack([held.budget for held in rules["limit"]])
    rest = [h for h in ours if h.role == "best_in_class" and alike(h.place, place)]
    best = min([h.budget for h in rest] + list(limits), key=lambda terms: float(terms.mean()))[None]
    found = {
        "approximation": crossed_mean(best, fixed_first=True, largest=1.0),
        "objective": crossed_mean(limits, best, fixed_second=True, largest=1.0),
        "estimation": crossed_mean(settled, limits, largest=1.0),
        "optimization": crossed_mean(at_budget - settled, largest=1.0),
        "R_n(T)": crossed_mean(at_budget, largest=1.0),
    }
    seconds = sum(h.seconds for held in rules.values() for h in held)
    print(
        f"ours, {seconds + sum(h.seconds for h in rest):.0f} CPU s ({mine.seconds:.0f} predicted)"
    )
    for name, crossed in found.items():
        print(f"  {name:<14} {told(crossed)}")
    verify_theirs(place, other, settled_steps(ours, place), found)


def alike(first: Place, second: Place) -> bool:
    """Whether two cells have one best rule: label noise is none of the law's."""
    return (first.family, first.law) == (second.family, second.law)


def told(crossed: Crossed) -> str:
    """A value in points and half the length of its interval."""
    if crossed.lo is None or crossed.hi is None:
        return f"{100 * crossed.value:.2f}"
    return f"{100 * crossed.value:.2f} ± {50 * (crossed.hi - crossed.lo):.2f}"


def verify_theirs(place: Place, plan: Plan, settled: int, ours: Mapping[str, Crossed]) -> None:
    """The way by samples, and how far it lies from ours in standard errors of the difference."""
    setting, first = setting_of(place), 10 * FIRST_SEED
    numbers = {"budget": plan.seeds, "settled": plan.seeds, "large": plan.restarts}
    rows = {
        what: [run_theirs(setting, what, first * (1 + n) + i, settled) for i in range(count)]
        for n, (what, count) in enumerate(numbers.items())
    }
    risks = {what: np.array([row["risk"] for row in held]) for what, held in rows.items()}
    bayes = make(setting.law, **setting.parameters).bayes_risk()
    assert bayes is not None
    mean = {what: float(held.mean()) for what, held in risks.items()}
    square = {what: float(held.var(ddof=1)) / len(held) for what, held in risks.items()}
    found = {
        "approximation": (mean["large"] - bayes.value, square["large"], numbers["large"]),
        "estimation": (
            mean["settled"] - mean["large"],
            square["settled"] + square["large"],
            numbers["large"],
        ),
        "optimization": (
            mean["budget"] - mean["settled"],
            square["budget"] + square["settled"],
            plan.seeds,
        ),
        "R_n(T)": (mean["budget"] - bayes.value, square["budget"], plan.seeds),
    }
    seconds = sum(row["seconds"] for held in rows.values() for row in held)
    print(f"by samples, {seconds:.0f} CPU s ({plan.seconds:.0f} predicted)")
    for name, (value, variance, num) in found.items():
        half = float(t_quantile(num - 1)) * math.sqrt(variance)
        error = ours[name].standard_error or 0.0
        apart = (value - ours[name].value) / math.hypot(error, math.sqrt(variance))
        print(f"  {name:<14} {100 * value:.2f} ± {100 * half:.2f}, less ours {apart:+.2f} SE")


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", default="linear")
    parser.add_argument("--law", default="gaussian_images")
    parser.add_argument("--noise", type=float, default=0.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    verify(options.folder, Place(family=options.family, law=options.law, noise=options.noise))


if __name__ == "__main__":
    main()
