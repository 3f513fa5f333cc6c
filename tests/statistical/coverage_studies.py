"""Studies whose answers are known, with every source of noise: how often are the answers covered?

    python -m tests.statistical.coverage_studies [CELLS]      prints the table of docs/protocol.md

Every cell has a law and an evaluation sample of its own. An example i has the weight w_i that its
Bayes class is more likely by, and a hardness u_i; a rule errs on it where hardness, the rule's own
fault and their interaction together pass a threshold,

    u_i + a z_s + c v_si > tau,

with z_s of the seed (normal or exponential), v_si of seed and example. The excess risk of such
rules is E[w] E_s Phi((a z_s - tau) / sqrt(1 + c^2)), a one-dimensional integral. R_n(T) and
R_n(inf) of a seed share its z and half of its v; restarts have a z of their own; U_H is one rule,
without z. The landscape gets records and decisions, in memory, and nothing of the above.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from study.analysis.columns import ERRORS, NOMINAL_ERRORS
from study.analysis.decisions import Decisions
from study.analysis.frames import Row, to_rows
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from study.trials.decisions import law_key, pack
from study.trials.trial import IDENTITY_VERSION, cell_of

Array = np.ndarray[Any, np.dtype[Any]]
Record = dict[str, Any]

NUM_EXAMPLES = 1_000
RESTARTS = 3
INTERACTION = 0.7  # c
THRESHOLDS = {"best": 1.3, "limit": 1.1, "converged": 0.8, "budget": 0.7}
RESTART_EFFECT = 0.05
BAYES = 0.25  # E (1 - w) / 2, w uniform
LOWER, LOWER_SLOPE = 0.1, 0.01  # L and how it moves with the seed
MIXTURES = {"examples": 0.04, "both": 0.15, "seeds": 0.4}
"""a: what most of the variance of a mean over five seeds is of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Law:
    """Of a seed's fault: mean 0, variance 1."""

    draw: Callable[[np.random.Generator, int], Array]
    density: Callable[[float], float]
    least: float


LAWS = {
    "normal": Law(draw=lambda rng, num: rng.standard_normal(num), density=norm.pdf, least=-np.inf),
    "exponential": Law(
        draw=lambda rng, num: rng.standard_exponential(num) - 1.0,
        density=lambda z: float(np.exp(-(z + 1.0))),
        least=-1.0,
    ),
}


class InMemory(Decisions):
    """Decisions that no folder holds."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.files: dict[str, Mapping[str, Array]] = {}

    def are_kept(self, trial_ids: Iterable[str]) -> Array:
        return np.array([trial_id in self.files for trial_id in trial_ids], dtype=bool)

    def _read(self, name: str) -> Mapping[str, Array] | None:
        return self.files.get(name)


def truths(law: Law, effect: float) -> dict[str, float]:
    """The errors, by quadrature."""

    def excess(name: str, held: Law | None, effect: float) -> float:
        scale = np.sqrt(1 + INTERACTION**2)
        if held is None:
            return 0.5 * float(norm.cdf(-THRESHOLDS[name] / scale))
        found = quad(
            lambda z: held.density(z) * norm.cdf((effect * z - THRESHOLDS[name]) / scale),
            *(held.least, np.inf),
        )
        return 0.5 * float(found[0])

    best = excess("best", None, 0.0)
    limit = excess("limit", LAWS["normal"], RESTART_EFFECT)
    converged, budget = (excess(name, law, effect) for name in ("converged", "budget"))
    return {
        "total": budget,
        "approximation": best,
        "objective": limit - best,
        "estimation": converged - limit,
        "optimization": budget - converged,
        "nominal_approximation": LOWER - BAYES,
        "nominal_estimation": BAYES + budget - LOWER,
    }


def coverage(law: str, mixture: str, num_seeds: int, *, cells: int, per_study: int) -> Row:
    """The share of cells whose intervals hold the truth, by error."""
    number = [sorted(LAWS).index(law), sorted(MIXTURES).index(mixture), num_seeds, per_study]
    rng = np.random.default_rng([20261125, *number])
    effect, known = MIXTURES[mixture], truths(LAWS[law], MIXTURES[mixture])
    held: dict[str, list[bool]] = {name: [] for name in (*ERRORS, *NOMINAL_ERRORS)}
    for _ in range(cells // per_study):
        for row in _landscape(rng, LAWS[law], effect, num_seeds, per_study):
            for name, truth in known.items():
                held[name].append(row[f"{name}_lo"] <= truth <= row[f"{name}_hi"])
    return {name: float(np.mean(values)) for name, values in held.items()}


def _landscape(
    rng: np.random.Generator, law: Law, effect: float, num_seeds: int, cells: int
) -> list[Row]:
    decisions, records = InMemory(), []
    for number in range(cells):
        records += _cell(rng, law, effect, num_seeds, f"p{number}", decisions)
    return to_rows(build_landscape(join(build_trials(records, {}), decisions), {}))


def _cell(
    rng: np.random.Generator,
    law: Law,
    effect: float,
    num_seeds: int,
    population: str,
    decisions: InMemory,
) -> list[Record]:
    weight, hardness = rng.random(NUM_EXAMPLES), rng.standard_normal(NUM_EXAMPLES)
    bayes = rng.integers(2, size=NUM_EXAMPLES)
    likelier = (1 + weight) / 2
    posterior = np.where(np.arange(2) == bayes[:, None], likelier[:, None], 1 - likelier[:, None])

    def kept(trial_id: str, **wrong: Array) -> dict[str, Array]:
        """Keeps the decisions of a trial's rules; returns the terms of their excess risks."""
        decisions.files[trial_id] = {
            name: pack(np.where(errs, 1 - bayes, bayes), 2) for name, errs in wrong.items()
        }
        return {name: weight * errs for name, errs in wrong.items()}

    def own() -> Array:
        return rng.standard_normal(NUM_EXAMPLES)

    records = []
    found = kept(f"{population}best", budget=hardness + INTERACTION * own() > THRESHOLDS["best"])
    records.append(_record("best_in_class", population, 0, f"{population}best", found))
    for restart in range(RESTARTS):
        fault = RESTART_EFFECT * rng.standard_normal()
        wrong = hardness + fault + INTERACTION * own() > THRESHOLDS["limit"]
        found = kept(f"{population}limit{restart}", budget=wrong)
        trial_id = f"{population}limit{restart}"
        records.append(_record("limit", population, restart, trial_id, found))
    for seed, fault in enumerate(law.draw(rng, num_seeds)):
        late = own()
        early = (late + own()) / np.sqrt(2)
        found = kept(
            f"{population}seed{seed}",
            budget=hardness + effect * fault + INTERACTION * early > THRESHOLDS["budget"],
            converged=hardness + effect * fault + INTERACTION * late > THRESHOLDS["converged"],
        )
        lower = LOWER + LOWER_SLOPE * fault
        trial_id = f"{population}seed{seed}"
        records.append(_record("measure", population, seed, trial_id, found, lower))
    decisions.files[f"law-{law_key(cell_of(records[0]))}"] = {"posterior": posterior}
    return records


def _record(
    role: str,
    population: str,
    seed: int,
    trial_id: str,
    terms: Mapping[str, Array],
    lower: float | None = None,
) -> Record:
    value = float(terms["budget"].mean())
    error = float(terms["budget"].std(ddof=1)) / np.sqrt(NUM_EXAMPLES)
    late = float(terms["converged"].mean()) if "converged" in terms else None
    metrics: dict[str, Any] = {
        "bayes_risk": BAYES,
        "bayes_risk_se": 0.0,
        "risk": BAYES + value,
        "excess_risk": value,
        "excess_risk_se": error,
        "converged_risk": None if late is None else BAYES + late,
        "converged_excess_risk": late,
        "final_train_risk": lower,
        # measured rules never win: the target of approximation is one known rule's
        "selection_risk": 0.2 if role == "best_in_class" else 0.9,
        "converged_selection_risk": None if late is None else 0.9,
    }
    return {
        "schema": IDENTITY_VERSION,
        "trial_id": trial_id,
        "role": role,
        "status": "done",
        "family": "linear",
        "depth": 1,
        "population": population,
        "distortion": "none",
        "severity": 0.0,
        "num_train": 100 if role == "measure" else 5000,
        "seed": seed,
        "metrics": metrics,
        "curves": [],
    }


def main() -> None:
    """Print the coverage of every error: seeds' law, mixture, cells a family has, seeds."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    names = [*ERRORS, *NOMINAL_ERRORS]
    print("| seeds | noise | cells | k |", " | ".join(names), "|")
    print("|" + "---|" * (4 + len(names)))
    for law, mixture, per_study in product(LAWS, MIXTURES, (40, 1)):
        if per_study == 1 and mixture != "seeds":
            continue  # alone or together matters where seeds do
        for num_seeds in (3, 5, 10, 20):
            shares = coverage(law, mixture, num_seeds, cells=cells, per_study=per_study)
            told = " | ".join(f"{shares[name]:.3f}" for name in names)
            print(f"| {law} | {mixture} | {per_study} | {num_seeds} | {told} |", flush=True)


if __name__ == "__main__":
    main()
