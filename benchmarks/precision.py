"""CPU seconds until every term of a small landscape is known to +-.005, by two ways.

    python benchmarks/precision.py pilot FOLDER     # trains both ways' pilots; goes on where it was
    python benchmarks/precision.py tell FOLDER      # variances, seeds needed, CPU seconds

Two families on two laws at label noise 0 and .2, n = 128, T = 100 steps. *Ours* is the engine's:
U_H looked for, U_A a mean over restarts on soft labels, both branches of one trajectory, excess
over the Bayes rule on one evaluation draw that all rules share, and as many seeds as a cell needs.
*By samples* is the field's (by_samples.py): R_n(T), R_n(inf) and the best in class are networks of
their own, the last trained on a large labelled sample; errors are counted on test samples of their
own, and every cell has the same number of seeds. It cannot tell objective from approximation.

The half-width of a 95% interval is 1.96 standard errors, whose parts the pilots give.
precision_verify.py runs a cell by both ways with the numbers that are predicted.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from by_samples import Setting, trained
from precision_plans import (
    TERMS,
    Parts,
    Theirs,
    binomial,
    fixed_plan,
    our_plan,
    parts,
)

from classcomp.experiment import Experiment
from study.engine.handover import to_trial
from study.planning.plan import planned_trials
from study.request.reading import read_spec
from study.trials.trial import TrialSpec

SETTINGS = (
    'families=["linear","vgg"]',
    "num_train=[128]",
    'populations=[{name="xor",sigma=0.5},'
    '{name="gaussian_images",mu0=0.0,mu1=0.15,sigma0=1.0,sigma1=1.2,size=8}]',
    "distortions={label_noise=[0.0,0.2]}",
    "search.trials=0",
    "training={budget_steps=100,max_steps=2000}",
    "best_in_class={restarts=2,num_stream=[16000]}",
    "limit={restarts=3,num_stream=[16000]}",
)
LARGE = 64_000
"""The field's large sample: labels are noisier than the posterior, so it is the larger one."""
COOLDOWN = 20
PILOT_SEEDS = {"linear": 12, "vgg": 6}
LARGE_SEEDS = {"linear": 3, "vgg": 2}


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
    """Both ways' pilots, clean labels first; what is in the folder is not trained again."""
    (folder / "ours").mkdir(parents=True, exist_ok=True)
    trials = [t for t in our_trials(max(PILOT_SEEDS.values())) if t.role != "slack"]
    cells = sorted({place_of(t) for t in trials}, key=lambda place: (place.noise, str(place)))
    for place in cells:
        for trial in (t for t in trials if place_of(t) == place):
            path = folder / "ours" / f"{trial.trial_id}.npz"
            if trial.role == "measure" and trial.seed >= PILOT_SEEDS[place.family]:
                continue
            if not path.exists():
                write(path, run_ours(trial))
                print(trial.role, place, trial.seed, flush=True)
        path = by_samples_path(folder, place)
        if not path.exists():
            path.write_text(json.dumps(their_pilot(read_ours(folder), place)))
            print("by samples", place, flush=True)


def their_pilot(ours: Sequence[Ours], place: Place) -> list[dict[str, Any]]:
    """The pilot by samples of a cell whose own is there."""
    setting, settled = setting_of(place), settled_steps(ours, place)
    seeds = PILOT_SEEDS[place.family]
    numbers = {"budget": seeds, "settled": seeds, "large": LARGE_SEEDS[place.family]}
    return [
        run_theirs(setting, what, 1_000 * number + seed, settled)
        for number, (what, count) in enumerate(numbers.items())
        for seed in range(count)
    ]


def by_samples_path(folder: Path, place: Place) -> Path:
    """Where the pilot by samples of a cell is kept."""
    return folder / f"theirs-{str(place).replace(' ', '-')}.json"


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


def read_theirs(folder: Path, place: Place) -> Theirs:
    """The pilot by samples of a cell."""
    rows = json.loads(by_samples_path(folder, place).read_text())
    by = {w: [r for r in rows if r["what"] == w] for w in ("budget", "settled", "large")}
    # no sample of risks varies less than its test samples make it
    least = {w: binomial(float(np.mean([r["risk"] for r in held]))) for w, held in by.items()}
    return Theirs(
        variance={
            w: max(least[w], float(np.var([r["risk"] for r in held], ddof=1)))
            for w, held in by.items()
        },
        seconds={w: float(np.mean([r["seconds"] for r in held])) for w, held in by.items()},
    )


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


def tell(folder: Path) -> None:
    """Prints what the pilots say."""
    ours = read_ours(folder)
    cells = [place for place in places(ours) if by_samples_path(folder, place).exists()]
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
            f"one: measure {c['measure']:.2f} limit {c['limit']:.2f} "
            f"best {c['best_in_class']:.2f}, "
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
        fixed = fixed_plan(list(theirs.values()), wanted)
        alone = sum(cell.best_plan(wanted).seconds for cell in theirs.values())
        print(
            f"{name:<14} ours {mine:.0f} CPU s | by samples {fixed.seconds:.0f} ({fixed.seeds} seeds, {fixed.restarts} "
            f"large in every cell), ratio {fixed.seconds / mine:.1f} | seeds by cell {alone:.0f}, "
            f"ratio {alone / mine:.1f}"
        )
    quiet = {
        place: {t: replace(p, examples=0.0) for t, p in held[place].items()} for place in cells
    }
    no_noise = sum(our_plan(quiet[place], costs[place]).seconds for place in cells)
    print(f"ours, were there no noise of examples at all: {no_noise:.0f} CPU s")


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pilot", "tell"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "pilot":
        pilot(options.folder)
    else:
        tell(options.folder)


if __name__ == "__main__":
    main()
