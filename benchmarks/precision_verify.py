"""A cell by both ways of precision.py, at the numbers that it predicts.

    python benchmarks/precision_verify.py ray_results/reference/gaussian-small linear d1 n=256

The cell is that of the shortest name which holds all the words. All trials are new, on seeds that
the study does not have. The two ways share the networks and no other code: that their values agree
says that either is right, and the half-widths printed are those that were really had, ours over the
engine's one draw of 10,000 examples, beside those that the study's parts predict for it.
"""

import argparse
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from by_samples import Setting, trained
from precision import LONGER, Pilot, pilots
from precision_plans import TARGET, TERMS, Parts, Plan, our_plan

from classcomp.experiment import Experiment
from classcomp.models import TRAINING_HYPERPARAMETERS
from classcomp.populations import make
from study.analysis.crossed import Crossed, crossed_mean, t_quantile
from study.engine.handover import to_trial
from study.planning.plan import planned_trials
from study.request.reading import read_spec
from study.trials.trial import TrialSpec, cell_of

FIRST_SEED = 1_000
COMMON = [name for name in TERMS if name != "objective"]


def excess(trial: TrialSpec, draw: int = 0) -> dict[str, np.ndarray]:
    """Of the rules of a trial, on an evaluation draw: `budget` and maybe `converged`.

    Args:
        trial: to run.
        draw: 0 is the engine's own, which all its trials share.
    """
    asked = to_trial(trial, ".")
    streams = {**asked.streams, "evaluation": asked.streams["evaluation"] + draw}
    experiment = Experiment(replace(asked, streams=streams))
    while not experiment.finished:
        experiment.advance()
    eta = experiment.law["posterior"]
    held = {name: experiment.decisions.get(name) for name in ("budget", "converged")}
    return {
        name: eta.max(axis=1) - eta[np.arange(len(eta)), chosen]
        for name, chosen in held.items()
        if chosen is not None
    }


def trials_of(folder: Path, pilot: Pilot) -> dict[str, TrialSpec]:
    """The cell's `measure` and `limit` trial of seed 0, as the study would run them now."""
    spec = read_spec(str(folder / "study.toml"), ["search.trials=0"])
    planned = [trial for trial in planned_trials(spec) if trial.seed == 0]
    rows = {"measure": pilot.rows[0], "limit": pilot.limit_rows[0]}
    found = {}
    for role, row in rows.items():
        trial = next(t for t in planned if t.role == role and t.cell == cell_of(row))
        names = trial.hyperparameters or {}
        found[role] = replace(trial, hyperparameters={n: row[f"hp_{n}"] for n in names})
    return found


def ours(trials: Mapping[str, TrialSpec], plan: Plan, pilot: Pilot) -> dict[str, Crossed]:
    """The terms by the engine's own intervals; U_H is the study's."""
    rules = {
        role: [excess(replace(trials[role], seed=FIRST_SEED + i)) for i in range(num)]
        for role, num in (("measure", plan.seeds), ("limit", plan.restarts))
    }
    at_budget = np.stack([held["budget"] for held in rules["measure"]])
    settled = np.stack([held["converged"] for held in rules["measure"]])
    limits = np.stack([held["budget"] for held in rules["limit"]])
    return {
        "approximation": crossed_mean(pilot.best, fixed_first=True, largest=1.0),
        "objective": crossed_mean(limits, pilot.best, fixed_second=True, largest=1.0),
        "estimation": crossed_mean(settled, limits, largest=1.0),
        "optimization": crossed_mean(at_budget - settled, largest=1.0),
        "R_n(T)": crossed_mean(at_budget, largest=1.0),
    }


def by_samples(
    trials: Mapping[str, TrialSpec], plan: Plan, pilot: Pilot
) -> dict[str, tuple[float, float, int]]:
    """Value, variance and number of networks of the terms that the field knows."""
    trial = trials["measure"]
    held = dict(trial.hyperparameters or {})
    setting = Setting(
        family=trial.cell.family,
        law=trial.population_name,
        parameters=dict(trial.population_parameters),
        label_noise=trial.cell.severity if trial.cell.distortion == "label_noise" else 0.0,
        hyperparameters={name: held[name] for name in (*TRAINING_HYPERPARAMETERS, "batch_size")},
    )
    steps, cooldown = trial.budget.to_budget, trial.budget.to_budget // 5
    settled = round(float(np.mean([row["steps"] for row in pilot.rows]))) - cooldown
    stream = LONGER * pilot.limit_rows[0]["num_train"]
    passes = stream // int(held["batch_size"])
    shapes = {
        "budget": (plan.seeds, trial.cell.num_train, steps, cooldown),
        "settled": (plan.seeds, trial.cell.num_train, settled, cooldown),
        "large": (plan.restarts, stream, passes, passes),
    }
    risks = {
        name: np.array(
            [
                trained(setting, num=size, steps=length, cooldown=cooling, seed=10**6 * n + i).risk
                for i in range(count)
            ]
        )
        for n, (name, (count, size, length, cooling)) in enumerate(shapes.items(), start=1)
    }
    bayes = make(setting.law, **setting.parameters).bayes_risk()
    assert bayes is not None
    mean = {name: float(values.mean()) for name, values in risks.items()}
    square = {name: float(values.var(ddof=1)) / len(values) for name, values in risks.items()}
    k, few = plan.seeds, min(plan.seeds, plan.restarts)
    return {
        "approximation": (mean["large"] - bayes.value, square["large"], plan.restarts),
        "estimation": (mean["settled"] - mean["large"], square["settled"] + square["large"], few),
        "optimization": (mean["budget"] - mean["settled"], square["budget"] + square["settled"], k),
        "R_n(T)": (mean["budget"] - bayes.value, square["budget"], k),
    }


def predicted(held: Parts, plan: Plan) -> float:
    """The half-width on one draw of examples."""
    seeds, restarts = held.seeds / plan.seeds, held.restarts / plan.restarts
    return 1.96 * math.sqrt(seeds + restarts + held.examples)


def verify(folder: Path, words: list[str], half_width: float) -> None:
    """Runs both and prints what they found, in points."""
    pilot = min(pilots(folder, words), key=lambda p: len(p.cell.title))
    parts, theirs = pilot.parts(), pilot.theirs()
    allowed = (half_width / 1.96) ** 2
    mine = our_plan(parts, pilot.costs(), allowed)
    other = theirs.best_plan(COMMON, allowed)
    trials = trials_of(folder, pilot)
    print(f"{pilot.cell.title}: ours {mine.seeds} seeds, {mine.restarts} restarts", flush=True)
    begin = time.process_time()
    found = ours(trials, mine, pilot)
    print(f"{time.process_time() - begin:.0f} CPU s")
    for name, crossed in found.items():
        assert crossed.lo is not None
        assert crossed.hi is not None
        half = 50 * (crossed.hi - crossed.lo)
        print(
            f"  {name:<14} {100 * crossed.value:.2f} ± {half:.2f}, "
            f"predicted ± {100 * predicted(parts[name], mine):.2f}",
            flush=True,
        )
    print(f"by samples {other.seeds} seeds, {other.restarts} large samples", flush=True)
    begin = time.process_time()
    counted = by_samples(trials, other, pilot)
    print(f"{time.process_time() - begin:.0f} CPU s")
    for name, (value, variance, num) in counted.items():
        half = float(t_quantile(num - 1)) * math.sqrt(variance)
        error = found[name].standard_error or 0.0
        apart = (value - found[name].value) / math.hypot(error, math.sqrt(variance))
        print(f"  {name:<14} {100 * value:.2f} ± {100 * half:.2f}, less ours {apart:+.2f} SE")


def other_draws(folder: Path, words: list[str], half_width: float, num: int) -> None:
    """Prints R_n(T) of our networks on as many other draws: what the one draw of all is worth."""
    pilot = min(pilots(folder, words), key=lambda p: len(p.cell.title))
    plan = our_plan(pilot.parts(), pilot.costs(), (half_width / 1.96) ** 2)
    trial = trials_of(folder, pilot)["measure"]
    for draw in range(num + 1):
        seeds = [replace(trial, seed=FIRST_SEED + i) for i in range(plan.seeds)]
        found = 100 * np.stack([excess(seed, draw)["budget"] for seed in seeds])
        of_seeds, of_examples = (
            found.mean(axis).std(ddof=1) / math.sqrt(found.shape[1 - axis]) for axis in (1, 0)
        )
        print(
            f"draw {draw}: R_n(T) {found.mean():.2f}, standard error {of_seeds:.2f} by seeds, "
            f"{of_examples:.2f} by examples",
            flush=True,
        )


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("words", nargs="+")
    parser.add_argument("--half-width", type=float, default=TARGET)
    parser.add_argument("--draws", type=int, default=0, help="ours on so many other draws, alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.draws:
        other_draws(options.folder, options.words, options.half_width, options.draws)
    else:
        verify(options.folder, options.words, options.half_width)


if __name__ == "__main__":
    main()
