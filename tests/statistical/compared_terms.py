"""Studies whose families do not differ in any term: how often are they said to?

    python -m tests.statistical.compared_terms [STUDIES] [--seeds K] [--skewed]

prints the tables of docs/protocol.md.

Three families, two sample sizes, three seeds and three restarts on 200 examples. Seed s has an
effect that all families share and one of the family's own, restarts likewise; every rule has
examples that it finds hard, and a noise of rule and example. Nothing of that differs in expectation
between families. Terms are numbers (denoising's), held in memory. Skewed: one family's own effect
is nothing, the others' is exponential.
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import LANDSCAPE_COLUMNS
from study.analysis.comparisons import CELL, POPULATION, build_comparisons
from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.joined import Joined, join
from study.analysis.table import build_trials
from study.analysis.term_comparisons import TERMS, build_term_comparisons
from study.trials.trial import IDENTITY_VERSION
from tests.analysis.conftest import make_record

Array = np.ndarray[Any, np.dtype[Any]]

FAMILIES = ("linear", "resnet", "vgg")
SIZES = (64, 256)
SEEDS = RESTARTS = 3
NUM_EXAMPLES = 200
RISK = "risk"
NOTHING_SETTLED: pd.DataFrame = typed_frame([], LANDSCAPE_COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Terms in place of a folder of decisions, by trial and branch."""

    terms: dict[tuple[str, str], Array] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    def are_kept(self, trial_ids: Iterable[str]) -> Array:
        """Of every trial."""
        return np.array([(name, "budget") in self.terms for name in trial_ids], dtype=bool)

    def losses(self, row: Mapping[str, Any], branch: str = "budget") -> Array | None:
        """Terms (N,) of a rule."""
        return self.terms.get((row["trial_id"], branch))

    def classes(self, row: Mapping[str, Any]) -> None:
        """None decides for any."""


def alike(rng: np.random.Generator, seeds: int = SEEDS, *, is_skewed: bool = False) -> Joined:
    """A study of families that do not differ."""
    held, records = Held(), []

    def add(role: str, family: str, num_train: int, seed: int, **branches: Array) -> None:
        metrics = {"bayes_risk": 0.3, "selection_risk": 0.3 if role == "best_in_class" else 0.9}
        for branch, terms in branches.items():
            prefix = "" if branch == "budget" else f"{branch}_"
            mean = float(terms.mean())
            metrics |= {f"{prefix}risk": 0.3 + mean, f"{prefix}excess_risk": mean}
        where = {"family": family, "num_train": num_train, "seed": seed, "task": "denoising"}
        records.append(make_record(role, schema=IDENTITY_VERSION, **where, **metrics))
        for branch, terms in branches.items():
            held.terms[records[-1]["trial_id"], branch] = terms

    def noise(scale: float, *shape: int) -> Array:
        drawn: Array = scale * rng.standard_normal(shape)
        return drawn

    def own_effect(family: str) -> Array:
        if not is_skewed:
            return noise(0.02, 1)
        return 0.02 * (family != FAMILIES[0]) * (rng.standard_exponential(1) - 1.0)

    samples, streams = noise(0.02, seeds), noise(0.01, RESTARTS)
    for family in FAMILIES:
        best, limit = noise(0.1, 2, NUM_EXAMPLES)
        add("best_in_class", family, 20_000, 0, budget=1.0 + best)
        for restart in range(RESTARTS):
            own = 1.1 + streams[restart] + noise(0.01, 1)
            terms = own + limit + noise(0.1, NUM_EXAMPLES)
            add("limit", family, 20_000, restart, budget=terms)
        for num_train in SIZES:
            settled, more = noise(0.1, 2, NUM_EXAMPLES)
            for seed in range(seeds):
                own = 1.2 + samples[seed] + own_effect(family)
                converged = own + settled + noise(0.1, NUM_EXAMPLES)
                later = 0.1 + own_effect(family) + more + noise(0.1, NUM_EXAMPLES)
                stopped = converged + later
                add("measure", family, num_train, seed, converged=converged, budget=stopped)
    return join(build_trials(records, {}), held)  # type: ignore[arg-type]


def compared(joined: Joined) -> list[Row]:
    """Its comparisons: by every term, and by R_n(T) as one more."""
    risks = [{**row, "error": RISK} for row in to_rows(build_comparisons(joined))]
    return [*to_rows(build_term_comparisons(joined, NOTHING_SETTLED)), *risks]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Of many studies' rows of a term and scope.

    Attributes:
        found: share of rows with p below .05, not corrected.
        covered: share of rows whose interval holds 0.
        false: share of studies with a corrected p below .05.
    """

    found: float
    covered: float
    false: float


def tally(studies: Iterable[list[Row]], error: str, scope: str) -> Tally:
    """Of the rows of one term and scope."""
    held = [[row for row in s if (row["error"], row["scope"]) == (error, scope)] for s in studies]
    rows = [row for rows in held for row in rows]
    return Tally(
        found=float(np.mean([row["p_value"] < 0.05 for row in rows])),
        covered=float(np.mean([r["difference_lo"] <= 0 <= r["difference_hi"] for r in rows])),
        false=float(np.mean([any(row["p_holm"] < 0.05 for row in rows) for rows in held])),
    )


def main() -> None:
    """Print a line for each term and scope."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("studies", type=int, nargs="?", default=1_000)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--skewed", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(20260713)
    studies = [
        compared(alike(rng, asked.seeds, is_skewed=asked.skewed)) for _ in range(asked.studies)
    ]
    for error in (*TERMS, RISK):
        for scope in (CELL, POPULATION):
            print(f"{error} {scope}: {tally(studies, error, scope)}", flush=True)


if __name__ == "__main__":
    main()
