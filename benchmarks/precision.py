"""CPU seconds until every term of a small landscape is known to +-.005, by two ways.

    python benchmarks/precision.py pilot FOLDER            # trains both ways' pilots; goes on where it was
    python benchmarks/precision.py tell FOLDER             # variances, seeds needed, CPU seconds
    python benchmarks/precision.py verify FOLDER --family linear --law gaussian_images --noise 0

Two families on two laws at label noise 0 and .2, n = 128, T = 100 steps. *Ours* is the engine's: U_H
looked for, U_A a mean over restarts on soft labels, both branches of one trajectory, excess over
the Bayes rule on one evaluation draw that all rules share, and as many seeds in a cell as it needs.
*By samples* is the field's (by_samples.py): R_n(T), R_n(inf) and the best in class are networks of
their own, the last trained on a large labelled sample; errors are counted on test samples of their
own, and every cell has the same number of seeds. It cannot tell objective from approximation.

The half-width of a 95% interval is 1.96 standard errors, whose parts the pilots give. `verify` runs
one cell by both ways with the numbers that were predicted, on seeds that no pilot had.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from by_samples import NUM_TEST, Setting, trained

from classcomp.experiment import Experiment
from classcomp.populations import make
from study.analysis.crossed import Crossed, crossed_mean, t_quantile
from study.engine.handover import to_trial
from study.planning.plan import planned_trials
from study.request.reading import read_spec
from study.trials.trial import TrialSpec

TARGET = 0.005
ALLOWED = (TARGET / 1.96) ** 2
SETTINGS = (
    'families=["linear","vgg"]',
    "num_train=[128]",
    'populations=[{name="xor",sigma=0.5},'
    '{name="gaussian_images",mu0=0.0,mu1=0.15,sigma0=1.0,sigma1=1.2,size=8}]',
    "distortions={label_noise=[0.0,0.2]}",
    "search.trials=0",
    "training={budget_steps=100,max_steps=2000}",
    "best_in_class={restarts=2,num_stream=[32000]}",
    "limit={restarts=3,num_stream=[32000]}",
)
LARGE = 64_000
"""The field's large sample: labels are noisier than the posterior, so it is the larger one."""
COOLDOWN = 20
PILOT_SEEDS = {"linear": 24, "vgg": 10}
FIRST_VERIFYING_SEED = 1_000
MOST_RESTARTS, MOST_DRAWS = 400, 64
TERMS = ("approximation", "objective", "estimation", "optimization", "R_n(T)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A cell: what both ways measure."""

    family: str
    law: str
    noise: float

    def __str__(self) -> str:
        return f"{self.family} {self.law} {self.noise:g}"


def place_of(trial: TrialSpec) -> Place:
    """The cell of one of our trials."""
    noise = trial.cell.severity if trial.cell.distortion == "label_noise" else 0.0
    return Place(family=trial.cell.family, law=trial.population_name, noise=noise)


def our_trials(seeds: int) -> list[TrialSpec]:
    """All trials of the landscape with so many seeds."""
    return planned_trials(read_spec("smoke", [*SETTINGS, f"seeds={seeds}"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """One of our rules, or the two of a measured trial: excess by example, and CPU seconds."""

    role: str
    place: Place
    seed: int
    seconds: float
    steps: int
    budget: np.ndarray
    converged: np.ndarray | None


def run_ours(trial: TrialSpec) -> Ours:
    """Runs a trial as a worker does, its network's scores included."""
    experiment = Experiment(to_trial(trial, "."))
    while not experiment.finished:
        experiment.advance()
    eta, metrics = experiment.law["posterior"], experiment.outcome.metrics

    def terms(name: str) -> np.ndarray | None:
        chosen = experiment.decisions.get(name)
        return None if chosen is None else eta.max(axis=1) - eta[np.arange(len(eta)), chosen]

    budget = terms("budget")
    assert budget is not None
    return Ours(
        role=trial.role,
        place=place_of(trial),
        seed=trial.seed,
        seconds=float(metrics["cpu_s"] or 0.0),
        steps=int(metrics.get("steps_to_converge") or 2_000),
        budget=budget,
        converged=terms("converged"),
    )


def setting_of(place: Place) -> Setting:
    """What by_samples.py calls a cell; hyperparameters are the engine's defaults."""
    trial = next(t for t in our_trials(2) if place_of(t) == place and t.role == "measure")
    return Setting(
        family=place.family,
        law=place.law,
        parameters=dict(trial.population_parameters),
        label_noise=place.noise,
        hyperparameters=dict(trial.hyperparameters or {}),
    )


def run_theirs(setting: Setting, what: str, seed: int, settled: int) -> dict[str, Any]:
    """A network by samples: `budget`, `settled` (after as many steps as ours took), or `large`."""
    if what == "large":
        steps = LARGE // int(setting.hyperparameters["batch_size"])
        found = trained(setting, num=LARGE, steps=steps, cooldown=steps, seed=seed)
    else:
        steps = {"budget": 100, "settled": settled + COOLDOWN}[what]
        found = trained(setting, num=128, steps=steps, cooldown=COOLDOWN, seed=seed)
    return {"what": what, "seed": seed, "risk": found.risk, "seconds": found.seconds}


def pilot(folder: Path) -> None:
    """Both ways' pilots; what is in the folder is not trained again."""
    (folder / "ours").mkdir(parents=True, exist_ok=True)
    for trial in our_trials(max(PILOT_SEEDS.values())):
        path = folder / "ours" / f"{trial.trial_id}.npz"
        if trial.role == "slack" or path.exists():
            continue
        if trial.role == "measure" and trial.seed >= PILOT_SEEDS[trial.cell.family]:
            continue
        write(path, run_ours(trial))
        print(trial.role, place_of(trial), trial.seed, flush=True)
    ours = read_ours(folder)
    for place in places(ours):
        path = folder / f"theirs-{str(place).replace(' ', '-')}.json"
        if path.exists():
            continue
        setting, settled = setting_of(place), settled_steps(ours, place)
        numbers = {
            "budget": PILOT_SEEDS[place.family],
            "settled": PILOT_SEEDS[place.family],
            "large": 3,
        }
        found = [
            run_theirs(setting, what, 1_000 * number + seed, settled)
            for number, (what, count) in enumerate(numbers.items())
            for seed in range(count)
        ]
        path.write_text(json.dumps(found))
        print("by samples", place, flush=True)


def write(path: Path, held: Ours) -> None:
    """Keeps a rule's terms."""
    extra = {} if held.converged is None else {"converged": held.converged.astype(np.float32)}
    facts = [
        held.role,
        held.place.family,
        held.place.law,
        held.place.noise,
        held.seed,
        held.seconds,
        held.steps,
    ]
    np.savez_compressed(
        path, budget=held.budget.astype(np.float32), facts=json.dumps(facts), **extra
    )


def read_ours(folder: Path) -> list[Ours]:
    """The pilot's rules."""
    found = []
    for path in sorted((folder / "ours").glob("*.npz")):
        with np.load(path) as held:
            role, family, law, noise, seed, seconds, steps = json.loads(str(held["facts"]))
            found.append(
                Ours(
                    role=role,
                    place=Place(family=family, law=law, noise=noise),
                    seed=seed,
                    seconds=seconds,
                    steps=steps,
                    budget=held["budget"].astype(np.float64),
                    converged=held["converged"].astype(np.float64) if "converged" in held else None,
                )
            )
    return found


def places(ours: Sequence[Ours]) -> list[Place]:
    """The landscape's cells."""
    return sorted({held.place for held in ours if held.role == "measure"}, key=str)


def settled_steps(ours: Sequence[Ours], place: Place) -> int:
    """After how many steps our trunk had settled, in the mean."""
    steps = [held.steps for held in ours if held.role == "measure" and held.place == place]
    return round(float(np.mean(steps)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Of the variance of a mean over k seeds, K restarts and b draws of 10,000 examples.

    V = seeds/k + restarts/K + examples/b; the seeds' and restarts' parts hold their interaction.
    """

    seeds: float = 0.0
    restarts: float = 0.0
    examples: float = 0.0

    def variance(self, k: int, restarts: int, draws: int) -> float:
        return self.seeds / k + self.restarts / restarts + self.examples / draws

    def seeds_needed(self, restarts: int, draws: int) -> float:
        """The least k, or infinity where no number of seeds does."""
        left = ALLOWED - self.restarts / restarts - self.examples / draws
        if left <= 0:
            return math.inf
        return max(2, math.ceil(self.seeds / left)) if self.seeds else 2


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


def our_parts(ours: Sequence[Ours], place: Place) -> dict[str, Parts]:
    """By term, from the pilot of a cell."""
    here = [
        held for held in ours if held.place.family == place.family and held.place.law == place.law
    ]
    measured = [held for held in here if held.role == "measure" and held.place == place]
    at_budget = np.stack([held.budget for held in measured])
    settled = np.stack([held.converged for held in measured if held.converged is not None])
    limits = np.stack([h.budget for h in here if h.role == "limit" and h.place == place])
    rules = [h.budget for h in here if h.role == "best_in_class"] + list(limits)
    best = min(rules, key=lambda terms: terms.mean())[None]
    objective = parts(limits, best, fixed="restarts")
    return {
        "approximation": parts(best),
        "objective": Parts(restarts=objective.seeds, examples=objective.examples),
        "estimation": parts(settled, limits),
        "optimization": parts(at_budget - settled),
        "R_n(T)": parts(at_budget),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Numbers of a cell and their CPU seconds; of the field's way `draws` is 1."""

    seeds: int
    restarts: int
    draws: int
    seconds: float


def our_plan(held: Mapping[str, Parts], costs: Mapping[str, float]) -> Plan:
    """The cheapest numbers that bring these terms' half-widths to the target.

    Args:
        held: parts by term, of those that are asked for.
        costs: CPU seconds of a `measure`, a `limit`, the `best_in_class` trials together, and of
            `scoring` one rule on 10,000 further examples.
    """
    needs_limit = any(p.restarts for p in held.values())
    needs_seeds = any(p.seeds for p in held.values())
    plans = []
    for draws in range(1, MOST_DRAWS + 1):
        for restarts in range(2, MOST_RESTARTS + 1) if needs_limit else (2,):
            k = max(p.seeds_needed(restarts, draws) for p in held.values())
            if math.isinf(k):
                continue
            further = (draws - 1) * costs["scoring"]
            seconds = needs_seeds * k * (costs["measure"] + 2 * further)
            seconds += needs_limit * restarts * (costs["limit"] + further)
            seconds += costs["best_in_class"] + further if needs_best(held) else 0.0
            plans.append(Plan(seeds=int(k), restarts=restarts, draws=draws, seconds=seconds))
    return min(plans, key=lambda plan: plan.seconds)


def needs_best(terms: Mapping[str, Parts]) -> bool:
    """Whether U_H is a part of one of these terms."""
    return bool({"approximation", "objective"} & set(terms))


@dataclass(frozen=True, kw_only=True, slots=True)
class Theirs:
    """A pilot by samples: variance over networks, test sample included, and CPU seconds of one."""

    variance: Mapping[str, float]
    seconds: Mapping[str, float]

    def plan(self, terms: Sequence[str], restarts: int) -> Plan:
        """Numbers for these terms with so many large samples; infinite where that is too few."""
        v, left = self.variance, ALLOWED - self.variance["large"] / restarts
        wanted = {
            "R_n(T)": v["budget"] / ALLOWED,
            "optimization": (v["budget"] + v["settled"]) / ALLOWED,
            "estimation": v["settled"] / left if left > 0 else math.inf,
            "approximation": 0.0 if left > 0 else math.inf,
        }
        k = max(wanted[name] for name in terms)
        networks = {"R_n(T)": ("budget",), "estimation": ("settled",)} | {
            "optimization": ("budget", "settled"),
            "approximation": (),
        }
        trained_ones = {what for name in terms for what in networks[name]}
        seeds = max(2, math.ceil(k)) if math.isfinite(k) else 10**9
        seconds = seeds * sum(self.seconds[what] for what in trained_ones)
        if {"estimation", "approximation"} & set(terms):
            seconds += restarts * self.seconds["large"]
        return Plan(seeds=seeds, restarts=restarts, draws=1, seconds=seconds)

    def best_plan(self, terms: Sequence[str]) -> Plan:
        """The cheapest of them in this cell."""
        plans = (self.plan(terms, restarts) for restarts in range(2, MOST_RESTARTS))
        return min(plans, key=lambda plan: plan.seconds)


def read_theirs(folder: Path, place: Place) -> Theirs:
    """The pilot by samples of a cell."""
    rows = json.loads((folder / f"theirs-{str(place).replace(' ', '-')}.json").read_text())
    by = {w: [r for r in rows if r["what"] == w] for w in ("budget", "settled", "large")}
    # no sample of risks varies less than its test samples make it
    least = {w: _binomial(float(np.mean([r["risk"] for r in held]))) for w, held in by.items()}
    return Theirs(
        variance={
            w: max(least[w], float(np.var([r["risk"] for r in held], ddof=1)))
            for w, held in by.items()
        },
        seconds={w: float(np.mean([r["seconds"] for r in held])) for w, held in by.items()},
    )


def _binomial(risk: float) -> float:
    return risk * (1 - risk) / NUM_TEST


def our_costs(ours: Sequence[Ours], place: Place) -> dict[str, float]:
    """Mean CPU seconds of a trial by role; `best_in_class`: of all restarts of the law, shared."""
    alike = [h for h in ours if h.place.family == place.family and h.place.law == place.law]
    seconds = {
        role: float(np.mean([h.seconds for h in alike if h.role == role and h.place == place]))
        for role in ("measure", "limit")
    }
    levels = len({h.place for h in alike})
    best = sum(h.seconds for h in alike if h.role == "best_in_class") / levels
    return {**seconds, "best_in_class": best, "scoring": scoring_seconds(place)}


def scoring_seconds(place: Place) -> float:
    """CPU seconds of one rule's decisions on 10,000 examples."""
    return trained(setting_of(place), num=32, steps=1, cooldown=1, seed=0).seconds


def fixed_plan(theirs: Mapping[Place, Theirs], terms: Sequence[str]) -> tuple[int, int, float]:
    """Seeds and large samples, the same in every cell, and CPU seconds altogether."""
    found = []
    for restarts in range(2, MOST_RESTARTS):
        k = max(held.plan(terms, restarts).seeds for held in theirs.values())
        seconds = 0.0
        for held in theirs.values():
            plan = held.plan(terms, restarts)
            fixed = plan.seconds - restarts * held.seconds["large"] * uses_large(terms)
            seconds += fixed / plan.seeds * k + restarts * held.seconds["large"] * uses_large(terms)
        found.append((k, restarts, seconds))
    return min(found, key=lambda one: one[2])


def uses_large(terms: Sequence[str]) -> bool:
    """Whether the best in class is a part of one of these terms."""
    return bool({"estimation", "approximation"} & set(terms))


def tell(folder: Path) -> None:
    """Prints what the pilots say."""
    ours = read_ours(folder)
    cells = places(ours)
    theirs = {place: read_theirs(folder, place) for place in cells}
    held = {place: our_parts(ours, place) for place in cells}
    costs = {place: our_costs(ours, place) for place in cells}
    print("standard deviations over seeds, in points; half-widths from 10,000 examples alone")
    for place in cells:
        p, t = held[place], theirs[place].variance
        sd = [100 * math.sqrt(p[name].seeds) for name in ("R_n(T)", "optimization", "estimation")]
        half = " ".join(f"{196 * math.sqrt(p[name].examples):.2f}" for name in TERMS)
        field = " ".join(f"{100 * math.sqrt(t[w]):.2f}" for w in ("budget", "settled", "large"))
        limit = 100 * math.sqrt(p["objective"].restarts)
        print(
            f"{place!s:<28} T {sd[0]:.2f} T-inf {sd[1]:.2f} inf {sd[2]:.2f} U_A {limit:.2f} | "
            f"examples ({', '.join(TERMS)}) {half} | by samples T, inf, large {field}"
        )
    print("numbers for all terms, and CPU seconds: seeds, restarts, draws of 10,000")
    common = [name for name in TERMS if name != "objective"]
    for place in cells:
        mine, other = our_plan(held[place], costs[place]), theirs[place].best_plan(common)
        c, s = costs[place], theirs[place].seconds
        print(
            f"{place!s:<28} ours {mine.seeds} {mine.restarts} {mine.draws} {mine.seconds:.0f} s | "
            f"by samples, this cell alone {other.seeds} {other.restarts} {other.seconds:.0f} s | "
            f"one: measure {c['measure']:.2f} limit {c['limit']:.2f} best {c['best_in_class']:.2f}, "
            f"T {s['budget']:.2f} inf {s['settled']:.2f} large {s['large']:.2f}"
        )
    for name, terms in [*((name, [name]) for name in TERMS), ("all", list(TERMS))]:
        mine = sum(
            our_plan({t: held[place][t] for t in terms}, costs[place]).seconds for place in cells
        )
        wanted = [t for t in terms if t != "objective"]
        if not wanted:
            print(f"{name:<14} ours {mine:.0f} CPU s | by samples: cannot be told")
            continue
        k, restarts, fixed = fixed_plan(theirs, wanted)
        alone = sum(held_.best_plan(wanted).seconds for held_ in theirs.values())
        print(
            f"{name:<14} ours {mine:.0f} CPU s | by samples {fixed:.0f} ({k} seeds, {restarts} large "
            f"in every cell), ratio {fixed / mine:.1f} | seeds by cell {alone:.0f}, ratio {alone / mine:.1f}"
        )
    quiet = {
        place: {t: replace(p, examples=0.0) for t, p in held[place].items()} for place in cells
    }
    no_noise = sum(our_plan(quiet[place], costs[place]).seconds for place in cells)
    print(f"ours, were there no noise of examples at all: {no_noise:.0f} CPU s")


def verify(folder: Path, place: Place) -> None:
    """Runs a cell by both ways at the numbers that were predicted, on seeds of their own.

    Intervals of ours are the engine's (study.analysis.crossed), over seeds, restarts and examples;
    of the other way t over networks.
    """
    ours = read_ours(folder)
    mine = our_plan(our_parts(ours, place), our_costs(ours, place))
    theirs = read_theirs(folder, place)
    other = theirs.best_plan([name for name in TERMS if name != "objective"])
    print(
        f"{place}: ours {mine.seeds} seeds, {mine.restarts} restarts; {other.seeds}, {other.restarts}"
    )
    trials = [t for t in our_trials(2) if place_of(t) == place and t.seed == 0]
    wanted = {"measure": mine.seeds, "limit": mine.restarts}
    rules: dict[str, list[Ours]] = {}
    for role, num in wanted.items():
        trial = next(t for t in trials if t.role == role)
        seeds = range(FIRST_VERIFYING_SEED, FIRST_VERIFYING_SEED + num)
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
    verify_theirs(place, theirs, other, settled_steps(ours, place), found)


def alike(first: Place, second: Place) -> bool:
    """Whether two cells have one best rule: label noise is none of the law's."""
    return (first.family, first.law) == (second.family, second.law)


def told(crossed: Crossed) -> str:
    """A value in points and half the length of its interval."""
    if crossed.lo is None or crossed.hi is None:
        return f"{100 * crossed.value:.2f}"
    return f"{100 * crossed.value:.2f} ± {50 * (crossed.hi - crossed.lo):.2f}"


def verify_theirs(
    place: Place, theirs: Theirs, plan: Plan, settled: int, ours: Mapping[str, Crossed]
) -> None:
    """The way by samples, and how far it lies from ours in standard errors of the difference."""
    setting, first = setting_of(place), 10 * FIRST_VERIFYING_SEED
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
    parser.add_argument("what", choices=("pilot", "tell", "verify"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", default="linear")
    parser.add_argument("--law", default="gaussian_images")
    parser.add_argument("--noise", type=float, default=0.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "pilot":
        pilot(options.folder)
    elif options.what == "tell":
        tell(options.folder)
    else:
        place = Place(family=options.family, law=options.law, noise=options.noise)
        verify(options.folder, place)


if __name__ == "__main__":
    main()
