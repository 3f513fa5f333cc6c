"""A small study with made-up decisions, and the parts of its intervals in plain loops.

The packing of the files is written anew here, too.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

Array = np.ndarray[Any, np.dtype[Any]]
Record = dict[str, Any]

LEVELS = {"label_noise": [0.0, 0.2], "imbalance": [0.7, 0.5]}
XOR = "xor(sigma=0.5)"
NOISE = {"distortion": "label_noise", "severity": 0.2}
SKEW = {"distortion": "imbalance", "severity": 0.7}
N, K, BAYES, BAYES_SE = 300, 3, 0.21, 0.004
ERRORS = ("total", "approximation", "objective", "estimation", "optimization")

rng = np.random.default_rng(15)
POSTERIOR = rng.dirichlet([2.0, 1.0, 1.0], N)
RIGHT = POSTERIOR.argmax(axis=1)
HARD = rng.random(N)


def rule(error: float, like: Array | None = None) -> Array:
    """Decisions (N,) that leave the Bayes rule's, or another's, on a share of the hard examples."""
    base = RIGHT if like is None else like
    return np.where(rng.random(N) < 3 * error * HARD**2, rng.integers(K, size=N), base)


def excess(decided: Array) -> Array:
    """Terms (N,): what the best class has of the posterior beyond the decided one."""
    return np.array([max(POSTERIOR[i]) - POSTERIOR[i][decided[i]] for i in range(N)])


RULES = {
    # U_H's streams; at m = 4000 restart 0 wins on the selection draw, though 1 is better where it
    # is scored, which must not choose
    "b0": rule(0.20),
    "b1": rule(0.18),
    "b2": rule(0.12),
    "b3": rule(0.03),
    "b5": rule(0.14),
    **{f"u{j}": rule(0.25) for j in range(3)},  # U_A
    **{f"v{j}": rule(0.33) for j in range(2)},  # U_A under label noise
    "w0": rule(0.5),  # U_A on a shorter stream, which does not count
}
for name, share in (("m0", 0.40), ("m1", 0.46), ("m2", 0.52), ("n0", 0.55), ("n1", 0.62)):
    RULES[f"{name} inf"] = rule(share)
    RULES[name] = rule(0.15, RULES[f"{name} inf"])
RULES["i0"], RULES["i0 inf"] = rule(0.4), rule(0.4)
LOWER = {"m0": 0.05, "m1": 0.08, "m2": 0.06, "n0": 0.11, "n1": 0.12}


def record(trial: str, role: str, *, status: str = "done", **given: Any) -> Record:
    """Return a record of family linear, depth 1; what is no key of a record is a metric."""
    whole: Record = {
        "schema": 2,
        "trial_id": trial,
        "role": role,
        "status": status,
        "error": "boom" if status == "failed" else None,
        "family": "linear",
        "depth": 1,
        "population": XOR,
        "distortion": "none",
        "severity": 0.0,
        "num_train": 100,
        "seed": 0,
        "hyperparameters": {},
        "curves": [],
    }
    metrics = {name: value for name, value in given.items() if name not in whole}
    whole |= {name: value for name, value in given.items() if name in whole}
    return {**whole, "metrics": metrics}


def scored(trial: str, role: str, *, selection: float | None, **more: Any) -> Record:
    """Return the record of a trial whose rules are in RULES."""
    metrics: Record = {"bayes_risk": BAYES, "bayes_risk_se": BAYES_SE, "selection_risk": selection}
    for prefix, key in (("", trial), ("converged_", f"{trial} inf")):
        if key in RULES:
            terms = excess(RULES[key])
            metrics[f"{prefix}excess_risk"] = float(terms.mean())
            metrics[f"{prefix}excess_risk_se"] = float(terms.std(ddof=1) / math.sqrt(N))
            metrics[f"{prefix}risk"] = BAYES + float(terms.mean())
    return record(trial, role, **metrics, **more)


def measured(trial: str, seed: int, **more: Any) -> Record:
    return scored(
        trial,
        "measure",
        selection=0.9,
        seed=seed,
        converged=seed != 2,
        converged_selection_risk=0.9,
        final_train_risk=LOWER.get(trial),
        num_parameters=3,
        **more,
    )


def restart(trial: str, role: str, m: int, seed: int, selection: float, **more: Any) -> Record:
    return scored(trial, role, selection=selection, num_train=m, seed=seed, **more)


RECORDS = [
    measured("m0", 0),
    measured("m1", 1),
    measured("m2", 2),
    measured("n0", 0, **NOISE),
    measured("n1", 1, **NOISE),
    record("n2", "measure", status="failed", seed=2, **NOISE),
    measured("i0", 0, **SKEW),
    record("i1", "measure", status="failed", seed=1, **SKEW),
    restart("b0", "best_in_class", 1000, 0, 0.33),
    restart("b1", "best_in_class", 1000, 1, 0.32),
    restart("b5", "best_in_class", 2000, 0, 0.31),
    restart("b2", "best_in_class", 4000, 0, 0.30),
    restart("b3", "best_in_class", 4000, 1, 0.31),
    record("b4", "best_in_class", status="failed", num_train=4000, seed=2),
    *(restart(f"u{j}", "limit", 4000, j, 0.5) for j in range(3)),
    restart("w0", "limit", 1000, 0, 0.5),
    *(restart(f"v{j}", "limit", 4000, j, 0.5, **NOISE) for j in range(2)),
    # on a teacher: the second is chosen
    record("t0", "slack", num_train=4000, seed=0, risk=0.3, excess_risk=0.03, selection_risk=0.31),
    record("t1", "slack", num_train=4000, seed=1, risk=0.3, excess_risk=0.02, selection_risk=0.30),
    # the search: two stopped and one failed in the undistorted cell
    record("s0", "search", status="stopped", seed=0, hyperparameters={"learning_rate": 0.1}),
    record("s1", "search", status="stopped", seed=1, hyperparameters={"learning_rate": 0.2}),
    record("s2", "search", status="failed", seed=2, hyperparameters={"learning_rate": 0.3}),
    record("s3", "search", seed=3, hyperparameters={"learning_rate": 0.4}, validation_risk=0.4),
]


def write_decisions(folder: Path) -> None:
    """Writes decisions/ as docs/protocol.md has it: two bits a decision, the higher one first."""
    (folder / "decisions").mkdir()
    for trial in {name.removesuffix(" inf") for name in RULES}:
        arrays = {}
        for key, branch in ((trial, "budget"), (f"{trial} inf", "converged")):
            if key in RULES:
                bits = "".join(format(int(said), "02b") for said in RULES[key])
                whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
                held = [int(whole[at : at + 8], 2) for at in range(0, len(whole), 8)]
                arrays[branch] = np.array(held, dtype=np.uint8)
        np.savez(folder / "decisions" / f"{trial}.npz", **arrays)
    for law in ([XOR, "none", 0.0], [XOR, "imbalance", 0.7]):
        key = hashlib.sha256(json.dumps(law).encode()).hexdigest()[:16]
        np.savez(folder / "decisions" / f"law-{key}.npz", posterior=POSTERIOR)


def half_width(*factors: tuple[float, float]) -> float:
    """Of components (variance, degrees of freedom): the mean of two squares.

    Satterthwaite's t^2 V, and Banerjee's sum of t_i^2 V_i.
    """
    total = sum(variance for variance, _ in factors)
    freedom = total**2 / sum(variance**2 / df for variance, df in factors)
    pooled = scipy.stats.t.ppf(0.975, freedom) ** 2 * total
    apart = sum(scipy.stats.t.ppf(0.975, df) ** 2 * variance for variance, df in factors)
    return math.sqrt((pooled + apart) / 2)


def between(terms: Array) -> tuple[float, float]:
    """The rows' part of the variance of the mean: MS_rows / (kN), k - 1 degrees of freedom."""
    k, n = terms.shape
    grand = terms.sum() / (k * n)
    return n * sum((terms[s].mean() - grand) ** 2 for s in range(k)) / (k - 1) / (k * n), k - 1


def interaction(terms: Array) -> float:
    """The interaction's part of it: MS_interaction / (kN)."""
    k, n = terms.shape
    grand = terms.sum() / (k * n)
    left = sum(
        (terms[s, i] - terms[s].mean() - terms[:, i].mean() + grand) ** 2
        for s in range(k)
        for i in range(n)
    )
    return float(left / ((k - 1) * (n - 1)) / (k * n))


def over_examples(terms: Array, *rows: Array) -> tuple[float, float]:
    """The examples' part: of the difference's terms (N,), less the rows' interactions."""
    whole = terms.var(ddof=1) / len(terms) - sum(interaction(row) for row in rows)
    return max(0.0, float(whole)), len(terms) - 1


def stacked(*names: str) -> Array:
    return np.stack([excess(RULES[name]) for name in names])


def assert_error(row: dict[str, Any], name: str, value: float, half: float) -> None:
    assert row[name] == pytest.approx(value, abs=1e-12)
    assert row[f"{name}_lo"] == pytest.approx(value - half, abs=1e-9)
    assert row[f"{name}_hi"] == pytest.approx(value + half, abs=1e-9)


def assert_parts(row: dict[str, Any], seeds: list[str], limits: list[str]) -> None:
    """Every part of a row against the loops above; U_H is b2."""
    budget, converged = stacked(*seeds), stacked(*(f"{name} inf" for name in seeds))
    limit, best = stacked(*limits), excess(RULES["b2"])
    half = half_width(between(budget), over_examples(budget.mean(axis=0), budget))
    assert_error(row, "total", budget.mean(), half)
    half = 1.959963984540054 * best.std(ddof=1) / math.sqrt(N)
    assert_error(row, "approximation", best.mean(), half)
    half = half_width(between(limit), over_examples(limit.mean(axis=0) - best, limit))
    assert_error(row, "objective", limit.mean() - best.mean(), half)
    moved = converged.mean(axis=0) - limit.mean(axis=0)
    half = half_width(between(converged), between(limit), over_examples(moved, converged, limit))
    assert_error(row, "estimation", converged.mean() - limit.mean(), half)
    paired = budget - converged
    half = half_width(between(paired), over_examples(paired.mean(axis=0), paired))
    assert_error(row, "optimization", paired.mean(), half)
    # L is one number a seed: its own variance, and R*'s error, known
    lower = np.array([LOWER[name] for name in seeds])
    bayes = (BAYES_SE**2, 1e12)
    half = half_width((lower.var(ddof=1) / len(seeds), len(seeds) - 1), bayes)
    assert_error(row, "nominal_approximation", lower.mean() - BAYES, half)
    # R_n(T) - L: the seeds' part of the pairs, the examples' of R_n(T) alone
    own = budget - lower[:, None]
    half = half_width(between(own), over_examples(budget.mean(axis=0), budget), bayes)
    assert_error(row, "nominal_estimation", BAYES + budget.mean() - lower.mean(), half)
    assert row["total"] == pytest.approx(math.fsum(row[name] for name in ERRORS[1:]), abs=1e-12)
    nominal = row["nominal_approximation"] + row["nominal_estimation"]
    assert row["total"] == pytest.approx(nominal, abs=1e-12)
    assert row["resubstitution_risk"] == pytest.approx(lower.mean())
