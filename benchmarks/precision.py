"""CPU seconds until every term of a landscape is known to +-.005, by two ways.

    python benchmarks/precision.py ray_results/reference/quickstart
    python benchmarks/precision.py ray_results/reference/gaussian-small

A finished study is the pilot: its decisions say what seeds, restarts and evaluation examples each
add to a term's variance in each of its cells whose law is known, its `cpu_s` what a trial costs.
From them follow the numbers that make the half-width of a 95% interval .005, and their CPU seconds.

*Ours* is the engine's way: U_H looked for, U_A a mean over restarts on soft labels, both branches
of one trajectory, excess over the Bayes rule on one evaluation draw that all rules share, and as
many seeds in a cell as it needs. *By samples* is the field's: R_n(T), R_n(inf) and the best in
class are networks of their own, errors are counted on 10,000 labelled examples of each network's
own, and every cell has the same number of seeds. Its best in class is trained on four times our
stream, for labels in place of posteriors take that much to come as low, and it cannot tell
objective from approximation. In all else it is given the benefit of the doubt: R* for nothing, the
restarts' variance of soft labels, and of a measured trial's seconds the share of its own steps.
`seeds by cell`: were it to give every cell the seeds that it needs.

At last the correlation over seeds of R_n(T) with that of `linear` of depth 1, on the same samples:
a cheap family could serve as a control variate, which leaves 1 - r^2 of the seeds' variance.

precision_verify.py runs both ways in a cell at the numbers that are predicted here.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from precision_plans import TERMS, Parts, Theirs, binomial, fixed_plan, our_plan, parts

from study.analysis.decisions import BUDGET, CONVERGED, Decisions
from study.analysis.files import read_trials
from study.analysis.frames import to_rows
from study.trials.trial import Cell, cell_of, law_of

LONGER = 4
"""The field's large sample, in streams of ours."""
FORWARD_SHARE = 1 / 3
"""Of a training step's cost: what scoring an example takes."""
NUM_EXAMPLES = 10_000
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pilot:
    """A cell's trials: excess by rule and example `(k, N)`, and the rows of the table.

    Attributes:
        at_budget: of the seeds.
        settled: of the seeds, at R_n(inf).
        limits: of the restarts of U_A.
        best: `(1, N)` of U_H.
        searching: CPU seconds of the search for U_H, the cell's share of them.
    """

    cell: Cell
    rows: Sequence[Row]
    limit_rows: Sequence[Row]
    at_budget: np.ndarray
    settled: np.ndarray
    limits: np.ndarray
    best: np.ndarray
    searching: float

    def parts(self) -> dict[str, Parts]:
        """Of the variance of each term."""
        objective = parts(self.limits, self.best)
        return {
            "approximation": parts(self.best),
            "objective": Parts(restarts=objective.seeds, examples=objective.examples),
            "estimation": parts(self.settled, self.limits),
            "optimization": parts(self.at_budget - self.settled),
            "R_n(T)": parts(self.at_budget),
        }

    def costs(self) -> dict[str, float]:
        """CPU seconds of one trial by role, of the whole search for U_H, and of scoring."""
        limit = _mean(row["cpu_s"] for row in self.limit_rows)
        scoring = limit * NUM_EXAMPLES / self.limit_rows[0]["num_train"] * FORWARD_SHARE
        measure = _mean(row["cpu_s"] for row in self.rows)
        return {
            "measure": measure,
            "limit": limit,
            "best_in_class": self.searching,
            "scoring": scoring,
        }

    def theirs(self) -> Theirs:
        """The same by samples: variance of a network's counted errors, CPU seconds of one."""
        bayes = self.rows[0]["bayes_risk"]
        rules = {"budget": self.at_budget, "settled": self.settled, "large": self.limits}
        variance = {}
        for name, terms in rules.items():
            means = terms.mean(axis=1)
            variance[name] = float(means.var(ddof=1)) + binomial(bayes + float(means.mean()))
        share = _mean(row["budget_steps"] / row["steps"] for row in self.rows)
        costs = self.costs()
        seconds = {
            "budget": share * costs["measure"],
            # the trunk to its end, without the first of the two cooldowns
            "settled": (1 - share / 5) * costs["measure"],
            "large": LONGER * costs["limit"],
        }
        return Theirs(variance=variance, seconds=seconds)


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))


def pilots(folder: Path, words: Sequence[str] = ()) -> list[Pilot]:
    """A study's cells whose law is known and whose titles hold the words, each with its trials."""
    table, _ = read_trials(folder / "trials.parquet")
    rows, decisions = [r for r in to_rows(table) if r["status"] == "done"], Decisions(folder)
    found = []
    measured: dict[Cell, list[Row]] = {}
    for row in rows:
        if row["role"] == "measure" and row["converged_excess_risk"] is not None:
            measured.setdefault(cell_of(row), []).append(row)
    for cell, held in measured.items():
        if not set(words) <= set(cell.title.split()):
            continue
        limits = [r for r in rows if r["role"] == "limit" and _alike(cell_of(r), cell)]
        longest = max(row["num_train"] for row in limits)
        limits = [row for row in limits if row["num_train"] == longest]
        law = law_of(cell)
        searched = [r for r in rows if r["role"] == "best_in_class" and _alike(cell_of(r), law)]
        best = min([*searched, *limits], key=lambda row: row["selection_risk"])
        sharing = sum(_alike(law_of(other), law) for other in measured)

        def stacked(some: Sequence[Row], branch: str = BUDGET) -> np.ndarray:
            terms = [decisions.terms(row, branch) for row in some]
            assert all(held is not None for held in terms), f"{folder}: decisions are missing"
            return np.stack([np.asarray(held) for held in terms])

        found.append(
            Pilot(
                cell=cell,
                rows=held,
                limit_rows=limits,
                at_budget=stacked(held),
                settled=stacked(held, CONVERGED),
                limits=stacked(limits),
                best=stacked([best]),
                searching=sum(row["cpu_s"] for row in searched) / sharing,
            )
        )
    return found


def _alike(one: Cell, other: Cell) -> bool:
    """Whether they are one cell at any sample size."""
    return replace(one, num_train=0) == replace(other, num_train=0)


def tell(folder: Path) -> None:
    """Prints what the study says."""
    cells = sorted(pilots(folder), key=lambda pilot: pilot.cell)
    held = [pilot.parts() for pilot in cells]
    costs = [pilot.costs() for pilot in cells]
    theirs = [pilot.theirs() for pilot in cells]
    print(
        f"{len(cells)} cells; SD over seeds, in points, of T, T - inf, inf; over restarts of U_A |"
    )
    print(f"half-widths from {NUM_EXAMPLES} examples alone: {', '.join(TERMS)} |")
    print("numbers for all terms: seeds, restarts, draws of 10,000, CPU s | by samples likewise")
    common = [name for name in TERMS if name != "objective"]
    for pilot, p, cost, other in zip(cells, held, costs, theirs, strict=True):
        spread = [100 * math.sqrt(p[t].seeds) for t in ("R_n(T)", "optimization", "estimation")]
        spread.append(100 * math.sqrt(p["objective"].restarts))
        mine, field = our_plan(p, cost), other.best_plan(common)
        print(
            f"{pilot.cell.title:<38} {' '.join(f'{sd:5.2f}' for sd in spread)} | "
            f"{' '.join(f'{196 * math.sqrt(p[name].examples):.2f}' for name in TERMS)} | "
            f"{mine.seeds} {mine.restarts} {mine.draws} {mine.seconds:.0f} | "
            f"{field.seeds} {field.restarts} {field.seconds:.0f}"
        )
    for name, terms in [*((name, [name]) for name in TERMS), ("all", list(TERMS))]:
        mine = total(held, costs, terms)
        wanted = [term for term in terms if term != "objective"]
        if not wanted:
            print(f"{name:<14} ours {mine:.0f} CPU s | by samples: it cannot be told")
            continue
        fixed = fixed_plan(theirs, wanted)
        alone = sum(other.best_plan(wanted).seconds for other in theirs)
        print(
            f"{name:<14} ours {mine:.0f} CPU s | by samples {fixed.seconds:.0f} "
            f"({fixed.seeds} seeds, {fixed.restarts} large samples in every cell), "
            f"ratio {fixed.seconds / mine:.1f} | seeds by cell {alone:.0f}, "
            f"ratio {alone / mine:.1f}"
        )
    quiet = [{t: replace(part, examples=0.0) for t, part in p.items()} for p in held]
    print(f"ours, were examples without noise: {total(quiet, costs, TERMS):.0f} CPU s")
    tell_controls(cells)


def tell_controls(cells: Sequence[Pilot]) -> None:
    """Pooled within cells, by family and depth."""
    linear = {
        replace(pilot.cell, family="", depth=0): pilot
        for pilot in cells
        if (pilot.cell.family, pilot.cell.depth) == ("linear", 1)
    }
    centred: dict[str, list[np.ndarray]] = {}
    for pilot in cells:
        base = linear.get(replace(pilot.cell, family="", depth=0))
        if base is None or base is pilot:
            continue
        seeds = [{r["seed"]: r["excess_risk"] for r in held.rows} for held in (base, pilot)]
        both = sorted(set(seeds[0]) & set(seeds[1]))
        values = np.array([[held[seed] for seed in both] for held in seeds])
        name = f"{pilot.cell.family} d{pilot.cell.depth}"
        centred.setdefault(name, []).append(values - values.mean(axis=1, keepdims=True))
    told = []
    for name, held in centred.items():
        x, y = np.concatenate(held, axis=1)
        told.append(f"{name} {(x * y).sum() / math.sqrt((x * x).sum() * (y * y).sum()):.2f}")
    print(f"correlation with linear d1: {', '.join(told)}")


def total(
    held: Sequence[Mapping[str, Parts]],
    costs: Sequence[Mapping[str, float]],
    terms: Sequence[str],
) -> float:
    """CPU seconds of ours for these terms in all cells."""
    pairs = zip(held, costs, strict=True)
    return sum(our_plan({t: p[t] for t in terms}, cost).seconds for p, cost in pairs)


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    tell(parser.parse_args().folder)


if __name__ == "__main__":
    main()
