"""Synthetic records: a study whose numbers are made up but whose shape is a real one's."""

import hashlib
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from study.trials.trial import AXES, IDENTITY_VERSION

Record = dict[str, Any]

LEVELS = {"label_noise": [0.0, 0.1, 0.2], "imbalance": [0.5, 0.8]}
FAMILIES = ("linear", "resnet", "unet_pretrained")
NAMES = ("family", "depth", "population", "distortion", "severity", "num_train", "seed")


def make_record(role: str = "measure", status: str = "done", **changes: Any) -> Record:
    """Return a record as the ledger holds it; changes go to its keys, else to its metrics."""
    record: Record = {
        "schema": IDENTITY_VERSION,
        "role": role,
        "status": status,
        "error": None,
        "family": "linear",
        "task": None,
        "depth": 1,
        "population": "xor(sigma=0.5)",
        "distortion": "none",
        "severity": 0.0,
        "num_train": 256,
        "latent_dim": None,
        "capacity": None,
        "seed": 0,
        "budget_epochs": 10,
        "max_epochs": 100,
        "hyperparameters": {},
        "curves": [],
        "source": None,
        "code": None,
        "node": "here",
        "finished_at": "2026-11-21T12:00:00Z",
        "attempt": 1,
    }
    record |= {name: value for name, value in changes.items() if name in record}
    held = record["hyperparameters"]
    named = [role, *(record[name] for name in NAMES), held, record["source"]]
    named += [record[name] for name in AXES if record[name] is not None]
    digest = hashlib.sha256(repr(named).encode()).hexdigest()[:16]
    record["trial_id"] = changes.get("trial_id", digest)
    known = {*record, "metrics"}
    record["metrics"] = {name: value for name, value in changes.items() if name not in known}
    return record


def _risks(rng: np.random.Generator, base: float, excess: float, gap: float) -> dict[str, Any]:
    converged = max(0.0, excess + 0.02 * rng.standard_normal())
    budgeted = max(0.0, converged + gap + 0.004 * rng.standard_normal())
    return {
        "bayes_risk": base,
        "bayes_risk_se": 0.0,
        "risk": base + budgeted,
        "risk_se": 0.002,
        "excess_risk": budgeted,
        "excess_risk_se": 0.0006,
        "converged": bool(rng.random() > 0.1),
        "converged_risk": base + converged,
        "converged_excess_risk": converged,
        "converged_excess_risk_se": 0.0006,
        "train_risk": 0.03,
        "selection_risk": 0.6,
        "converged_selection_risk": 0.6,
        "final_train_risk": 0.03 + 0.002 * float(rng.standard_normal()),
        "num_parameters": 1234,
        "wall_s": 2.5,
    }


def _curve(rng: np.random.Generator, floor: float, num_epochs: int) -> list[dict[str, Any]]:
    return [
        {
            "step": 8 * epoch,
            "epoch": epoch,
            "train_loss": 0.7,
            "train_risk": float(
                np.clip(floor + (0.5 - floor) * np.exp(-epoch / 4) + 0.01 * rng.normal(), 0, 1)
            ),
        }
        for epoch in range(num_epochs)
    ]


def study_records(num_seeds: int = 4, num_train: tuple[int, ...] = (256,)) -> list[Record]:
    """Return a study of 3 families x 2 depths on XOR and on digits, some of it failed."""
    rng = np.random.default_rng(20260101)
    damages = [("none", 0.0), ("label_noise", 0.1), ("label_noise", 0.2), ("imbalance", 0.8)]
    records = []
    for number, (family, depth) in enumerate(product(FAMILIES, (1, 3))):
        approximation = 0.26 / (1 + number)
        for population, (distortion, severity) in product(("xor(sigma=0.5)", "digits"), damages):
            named = {"family": family, "depth": depth, "population": population}
            real = population == "digits"
            law = {"distortion": distortion, "severity": severity}
            cells = [
                {**named, **law, "num_train": n, "seed": s}
                for n in num_train
                for s in range(num_seeds)
            ]
            for cell in cells:
                excess = approximation + 0.05 + 0.3 * severity * (distortion == "label_noise")
                metrics = _risks(rng, 0.04, excess, 0.01 - 0.02 * severity)
                if real:
                    metrics |= {
                        name: None
                        for name in metrics
                        if "bayes" in name or "excess" in name or "selection" in name
                    }
                curve = _curve(rng, 0.02 * (1 + number), 15 + 5 * cell["seed"])
                records.append(make_record(**cell, **metrics, curves=curve))
            for stream, restart in product((20000, 40000), (0, 1)):
                u = approximation + 0.01 + 0.05 * severity + 100 / stream + 0.001 * restart
                known = {"excess_risk": u, "selection_risk": 0.5}
                metrics = {"risk": 0.04 + u, **({} if real else known)}
                held = {"num_train": stream, "seed": restart}
                records.append(make_record("limit", **named, **law, **held, **metrics))
            if distortion == "label_noise" or real:
                continue
            for stream, restart in product((20000, 40000), (0, 1)):
                u = approximation + 100 / stream + 0.001 * restart
                metrics = {
                    "risk": 0.04 + u,
                    "risk_se": 0.002,
                    "excess_risk": u,
                    "excess_risk_se": 0.0004,
                    "selection_risk": 0.04 + u,
                }
                held = {"num_train": stream, "seed": restart}
                records.append(make_record("best_in_class", **named, **law, **held, **metrics))
    failed = {"family": "resnet", "depth": 3, "population": "xor(sigma=0.5)"}
    for record in records:
        held = {name: record[name] for name in failed} == failed and record["role"] == "measure"
        if held and record["distortion"] == "label_noise" and record["seed"] == 1:
            record["status"] = "failed"
            record["error"] = "FloatingPointError: the loss is <nan>\n  at step 12"
            record["metrics"], record["curves"] = {}, []
    records.append(make_record("search", "stopped", hyperparameters={"learning_rate": 0.1}))
    return records


@pytest.fixture
def make() -> Callable[..., Record]:
    """Return the maker of single records."""
    return make_record


@pytest.fixture
def records() -> list[Record]:
    """Return the records of a study of some two hundred trials, four seeds a cell."""
    return study_records()


@pytest.fixture
def levels() -> dict[str, list[float]]:
    """Return the study's levels."""
    return {name: list(values) for name, values in LEVELS.items()}
