"""Hundreds of trained studies: how often do their intervals hold what all of them say together?

    python -m tests.statistical.trained_studies [LAWS] [KIND ...]      as docs/protocol.md quotes

Laws of one kind differ in the sixth decimal of a parameter: the same truth, and samples, networks
and an evaluation draw of their own. The truth of a term is its mean over all laws and seeds; of
approximation on XOR it is the best line's, known in closed form (tests/statistical/test_best_line).
A study is a few laws and k of their seeds, so that skewness is pooled as it is in a study; a law's
20 seeds make 20 / k studies, which share limits and evaluation sample.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study.analysis.columns import ERRORS, NOMINAL_ERRORS
from study.analysis.frames import Row, to_rows
from study.analysis.landscape import build_landscape
from study.planning.plan import next_trials, seeds_by_cell
from study.request.reading import parse_spec
from study.request.spec import StudySpec
from tests.statistical.studies import Record, joined, run_trials

EVERY = (*ERRORS, *NOMINAL_ERRORS)
LAWS_PER_STUDY = 4
NUM_SEEDS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Laws with one truth.

    Attributes:
        population: its table, without the parameter that tells the laws apart.
        parameter: that parameter and its value.
        precision: the half-width that is asked for, see `at_precision`.
        known: truths that theory gives, by error.
        roles: of the trials that are run.
    """

    population: Mapping[str, Any]
    parameter: tuple[str, float]
    precision: float
    known: Mapping[str, float] = field(default_factory=dict)
    roles: tuple[str, ...] = ("measure", "limit")


KINDS = {
    "two Gaussians, d = 2": Kind(
        population={"name": "two_gaussians", "dim": 2},
        parameter=("delta", 2.0),
        precision=0.04,
    ),
    "two Gaussians, d = 8": Kind(
        population={"name": "two_gaussians", "dim": 8},
        parameter=("delta", 2.0),
        precision=0.04,
    ),
    "XOR": Kind(
        population={"name": "xor"},
        parameter=("sigma", 0.5),
        precision=0.07,
        known={"approximation": 0.3045570 - 0.0444793},
        roles=("measure", "limit", "best_in_class"),
    ),
}


def spec_of(kind: Kind, numbers: Sequence[int], **changes: Any) -> StudySpec:
    """A study of some laws of a kind."""
    name, value = kind.parameter
    laws = [{**kind.population, name: value + number * 1e-6} for number in numbers]
    table = {
        "name": "t",
        "families": ["linear"],
        "depths": [1],
        "populations": laws,
        "seeds": NUM_SEEDS,
        "num_train": [64],
        "training": {"budget_steps": 10, "max_steps": 2_000},
        "hyperparameters": {"linear": {"learning_rate": 0.03}},
        "best_in_class": {"restarts": 4, "num_stream": [8_000, 32_000]},
        "limit": {"restarts": 3, "num_stream": [8_000]},
    }
    return parse_spec({**table, **changes}, "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """The trials of some laws, all seeds."""

    numbers: Sequence[int]
    records: Sequence[Record]
    folder: Path

    def landscape(self, seeds: Mapping[str, range], *, first_stage: int | None = None) -> list[Row]:
        """Of these seeds of each population."""
        taken = [r for r in self.records if r["seed"] in seeds[r["population"]] or not measures(r)]
        return to_rows(build_landscape(joined(taken, self.folder, first_stage=first_stage), {}))


def measures(record: Record) -> bool:
    """Whether a trial is one of the seeds that are counted."""
    return bool(record["role"] == "measure")


def train(numbers: Sequence[int], *, kind: str, place: Path) -> Trained:
    """Run the trials of some laws."""
    torch.set_num_threads(1)
    planned = next_trials(spec_of(KINDS[kind], numbers), [])
    trials = [trial for trial in planned if trial.role in KINDS[kind].roles]
    folder = place / f"{sorted(KINDS).index(kind)}-{numbers[0]}"
    return Trained(numbers=numbers, records=run_trials(trials, folder, {}), folder=folder)


def trained_studies(kind: str, num_laws: int, place: Path, *, processes: int) -> list[Trained]:
    """Run the studies of a kind, `LAWS_PER_STUDY` laws each."""
    studies = [
        range(first, first + LAWS_PER_STUDY) for first in range(1, num_laws + 1, LAWS_PER_STUDY)
    ]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(partial(train, kind=kind, place=place), studies))


def truths(kind: Kind, studies: Sequence[Trained]) -> dict[str, float]:
    """Of every error: what theory says, else the mean over all laws and seeds."""
    rows = [row for study in studies for row in study.landscape(_all(study, range(NUM_SEEDS)))]
    return {name: float(np.mean([row[name] for row in rows])) for name in EVERY} | dict(kind.known)


def _all(study: Trained, seeds: range) -> dict[str, range]:
    return {record["population"]: seeds for record in study.records}


def coverage(
    kind: Kind, studies: Sequence[Trained], known: Mapping[str, float], num_seeds: int
) -> dict[str, float]:
    """The share of cells whose intervals hold the truth, by error."""
    blocks = [range(k, k + num_seeds) for k in range(0, NUM_SEEDS - num_seeds + 1, num_seeds)]
    rows = [
        row for study in studies for block in blocks for row in study.landscape(_all(study, block))
    ]
    return {name: _share(rows, name, known[name]) for name in EVERY}


def _share(rows: Sequence[Row], name: str, truth: float) -> float:
    return float(np.mean([row[f"{name}_lo"] <= truth <= row[f"{name}_hi"] for row in rows]))


def at_precision(
    kind: Kind, studies: Sequence[Trained], known: Mapping[str, float], first_seeds: int
) -> Row:
    """What `precision` gives and costs, against a fixed number of seeds that does the same.

    Returns:
        cells: how many; reached: the share whose half-width is within the precision; at_most: of
        those that are not, the share that took all seeds there are; covered: the share whose
        interval of the total holds the truth; seeds: their mean number; fixed: the least fixed
        number with as large a share of cells within the precision.
    """
    rows: list[Row] = []
    counts: list[int] = []
    for study in studies:
        stage = [r for r in study.records if measures(r) and r["seed"] < first_seeds]
        spec = spec_of(
            kind,
            study.numbers,
            seeds=first_seeds,
            max_seeds=NUM_SEEDS,
            precision=kind.precision,
        )
        asked = {cell.population: range(num) for cell, num in seeds_by_cell(spec, stage).items()}
        found = study.landscape(asked, first_stage=first_seeds)
        rows += found
        counts += [len(asked[row["population"]]) for row in found]
    within = np.array([_half_width(row) <= kind.precision for row in rows])
    for fixed in range(2, NUM_SEEDS + 1):
        other = [row for study in studies for row in study.landscape(_all(study, range(fixed)))]
        if np.mean([_half_width(row) <= kind.precision for row in other]) >= within.mean():
            break
    return {
        "cells": len(rows),
        "reached": float(within.mean()),
        "at_most": float((np.array(counts)[~within] == NUM_SEEDS).mean()) if any(~within) else 1.0,
        "covered": _share(rows, "total", known["total"]),
        "seeds": float(np.mean(counts)),
        "fixed": fixed,
    }


def _half_width(row: Row) -> float:
    return float(row["total_hi"] - row["total_lo"]) / 2


def main() -> None:
    """Print coverage by kind, number of seeds and error, and what precision does."""
    num_laws = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    print("| laws | k |", " | ".join(EVERY), "|")
    print("|" + "---|" * (2 + len(EVERY)))
    with tempfile.TemporaryDirectory() as place:
        for name in sys.argv[2:] or KINDS:
            kind = KINDS[name]
            studies = trained_studies(name, num_laws, Path(place), processes=2)
            known = truths(kind, studies)
            # U_H is another rule in every cell: a mean over laws is no truth of any of them
            asked = set(EVERY) if kind.known else set(EVERY) - {"approximation", "objective"}
            print(f"| {name} | truth |", " | ".join(f"{known[e]:.4f}" for e in EVERY), "|")
            for num_seeds in (3, 5, 10, 20):
                shares = coverage(kind, studies, known, num_seeds)
                told = " | ".join(f"{shares[e]:.3f}" if e in asked else "–" for e in EVERY)
                print(f"| {name} | {num_seeds} | {told} |", flush=True)
            for first in (5, 10):
                print(first, at_precision(kind, studies, known, first), flush=True)


if __name__ == "__main__":
    main()
