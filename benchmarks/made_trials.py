"""Trials tables of any size, made up: the schema of real ones, and decisions that bear them out.

Families x depths x laws x damages x sample sizes; of every cell as many proposals and measured
seeds as asked for, and restarts for U_H and U_A. Risks fall as power laws of n, with noise by seed.
Nothing is trained: `tables.py` times what is made of the rows, and needs a million.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from study.analysis.files import FAMILIES_KEY, LEVELS_KEY, VERSION_KEY
from study.trials.decisions import FOLDER, law_key, pack
from study.trials.schema import CURVE_COLUMNS, TABLE_VERSION, TRIAL_COLUMNS
from study.trials.trial import Cell

FAMILIES = ("linear", "mlp", "resnet", "unet", "vgg")
LEVELS = {
    "label_noise": [0.0, 0.1, 0.2, 0.3, 0.4],
    "feature_noise": [0.0, 0.25, 0.5, 1.0],
}
SIZES = (64, 128, 256, 512, 1024)
STREAMS = (4_000, 16_000, 64_000)
RESTARTS = 3
HYPERPARAMETERS = ("learning_rate", "momentum", "weight_decay")
NUM_EXAMPLES = 2_000
"""Of the evaluation sample, where decisions are kept."""
SUPERSEDED = 0.02
"""Of the cells: measured again after another winner was found."""
SEED = 13
ARROW = {"string": pa.string(), "Int64": pa.int64(), "Float64": pa.float64(), "boolean": pa.bool_()}

Array = np.ndarray[Any, np.dtype[Any]]
Columns = dict[str, Any]
"""By name values (rows,), or one for all rows; what is not named is null."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """A made study: how many rows there are of what.

    Attributes:
        laws: populations, each of its own overlap.
        seeds: measured ones of a cell.
        proposals: of a cell's search.
        deciding: sample sizes, the largest first, at which rules of the first law and the first
            depth keep what they decide.
        curves: points of each measured trial's curve.
    """

    laws: int
    depths: int
    seeds: int
    proposals: int
    deciding: int = 0
    curves: int = 0


def write_study(folder: Path, design: Design) -> int:
    """Writes trials.parquet, decisions/ and curves.parquet; returns the number of trials."""
    rng = np.random.default_rng(SEED)
    parts = [
        _proposals(rng, design),
        _merged(_measured(rng, design), _superseded(rng, design)),
        _streams(rng, design, "best_in_class"),
        _streams(rng, design, "limit"),
    ]
    first = 0
    for part in parts:
        part["trial_id"] = _names(first, len(part["family"]))
        first += len(part["family"])
    folder.mkdir(parents=True, exist_ok=True)
    if design.deciding:
        _decide(rng, design, parts, folder / FOLDER)
    _write(parts, folder / "trials.parquet")
    if design.curves:
        _write_curves(rng, parts[1]["trial_id"], design.curves, folder / "curves.parquet")
    return first


def _cells(design: Design, sizes: Sequence[int], noises: Sequence[float]) -> Columns:
    """A column of each field of every cell."""
    depths = range(1, design.depths + 1)
    laws = [f"two_gaussians(delta={delta:g})" for delta in np.linspace(1.0, 3.0, design.laws)]
    noise = [("label_noise", place, level) for place, level in enumerate(noises)]
    shift = [("feature_noise", place, level) for place, level in enumerate(LEVELS["feature_noise"])]
    damages = [damage if damage[2] else ("none", 0, 0.0) for damage in noise]
    damages += [damage for damage in shift if damage[2]]
    held = sorted(product(range(len(FAMILIES)), depths, laws, sorted(damages), sizes))
    families, depth, population, damage, num_train = zip(*held, strict=True)
    return {
        "family": np.array(FAMILIES)[list(families)],
        "depth": np.array(depth),
        "population": np.array(population),
        "distortion": np.array([name for name, _, _ in damage]),
        "level": np.array([level for _, level, _ in damage]),
        "severity": np.array([severity for _, _, severity in damage]),
        "num_train": np.array(num_train),
        "place": np.array(families),
        "cell": np.arange(len(held)),
    }


def _repeated(cells: Columns, times: int) -> Columns:
    found = {name: np.repeat(values, times) for name, values in cells.items()}
    return found | {"seed": np.tile(np.arange(times), len(cells["family"]))}


def _base(rng: np.random.Generator, columns: Columns, role: str) -> Columns:
    """What every trial has."""
    num = len(columns["family"])
    seconds = rng.integers(0, 10**6, num)
    return columns | {
        "role": role,
        "status": "done",
        "task": "classification",
        "budget_steps": 200,
        "max_steps": 4_000 if role == "measure" else 200,
        "num_parameters": 8_000 * columns["depth"],
        "steps": 200,
        "examples_seen": 6_400,
        "wall_s": rng.gamma(4.0, 0.2, num),
        "cpu_s": rng.gamma(4.0, 0.2, num),
        "code": "0" * 12,
        "attempt": 1,
        "node": "made",
        "finished_at": (np.datetime64("2026-11-01T00:00:00") + seconds).astype(str),
    }


def _risks(rng: np.random.Generator, columns: Columns) -> Columns:
    """R_n(T) and R_n(inf), above an R* that grows with the damage done to the law."""
    num, n = len(columns["family"]), columns["num_train"].astype(float)
    is_law = columns["distortion"] == "feature_noise"
    bayes = 0.05 + 0.1 * columns["severity"] * is_law
    best = 0.02 * (1 + columns["place"]) / columns["depth"]
    fall = 1.5 * (1 + columns["severity"]) * n**-0.6
    converged = best + fall * rng.gamma(40.0, 1 / 40.0, num)
    budgeted = converged + 0.01 + rng.normal(0.0, 0.004, num)
    error = np.full(num, 0.004)
    return {
        "bayes_risk": bayes,
        "bayes_risk_se": np.zeros(num),
        "risk": bayes + budgeted,
        "risk_se": error,
        "excess_risk": budgeted,
        "excess_risk_se": error,
        "converged": True,
        "converged_risk": bayes + converged,
        "converged_excess_risk": converged,
        "converged_excess_risk_se": error,
        "train_risk": converged / 2,
        "final_train_risk": converged / 4,
        "selection_risk": bayes + budgeted + rng.normal(0.0, 0.004, num),
        "converged_selection_risk": bayes + converged + rng.normal(0.0, 0.004, num),
        "balanced_risk": bayes + budgeted,
        "cross_entropy": 2 * (bayes + budgeted),
        "excess_cross_entropy": 2 * budgeted,
        "converged_excess_cross_entropy": 2 * converged,
        "calibration_error": budgeted / 2,
        "converged_calibration_error": converged / 2,
        "area_under_curve": converged,
        "steps_to_converge": rng.integers(400, 4_000, num),
    }


def _winners(cells: Columns) -> Columns:
    """The hyperparameters of a cell's first proposal, which wins."""
    num = len(cells["family"])
    rng = np.random.default_rng([SEED, num])
    return {f"hp_{name}": 10 ** rng.uniform(-4, -1, num) for name in HYPERPARAMETERS}


def _proposals(rng: np.random.Generator, design: Design) -> Columns:
    cells = _cells(design, SIZES, LEVELS["label_noise"])
    found = _repeated(cells, design.proposals)
    num, is_first = len(found["family"]), found["seed"] == 0
    for name, values in _winners(cells).items():
        tried = 10 ** rng.uniform(-4, -1, num)
        found[name] = np.where(is_first, np.repeat(values, design.proposals), tried)
    is_done = is_first | (rng.random(num) < 0.5)
    found["status"] = np.where(is_done, "done", "stopped")
    score = np.where(is_first, 0.2, rng.uniform(0.25, 0.5, num))
    return {
        **_base(rng, found, "search"),
        "status": found["status"],
        "num_validation": 128,
        "validation_risk": score,
        "train_risk": score / 2,
    }


def _measured(rng: np.random.Generator, design: Design) -> Columns:
    cells = _cells(design, SIZES, LEVELS["label_noise"])
    found = _repeated(cells | _winners(cells), design.seeds)
    return _base(rng, found, "measure") | _risks(rng, found)


def _superseded(rng: np.random.Generator, design: Design) -> Columns:
    """Seeds of some cells that were measured before their search went on."""
    cells = _cells(design, SIZES, LEVELS["label_noise"])
    taken = rng.random(len(cells["family"])) < SUPERSEDED
    found = _repeated({name: values[taken] for name, values in cells.items()}, 3)
    found |= {
        f"hp_{name}": 10 ** rng.uniform(-4, -1, len(found["seed"])) for name in HYPERPARAMETERS
    }
    old = {"finished_at": "2026-10-01T00:00:00"}
    return _base(rng, found, "measure") | _risks(rng, found) | old


def _merged(first: Columns, second: Columns) -> Columns:
    """Both, in order of cell and seed, as tables are."""
    sizes = len(first["cell"]), len(second["cell"])
    found = {
        name: np.concatenate(
            [np.broadcast_to(p[name], n) for p, n in zip((first, second), sizes, strict=True)]
        )
        for name in first
    }
    order = np.lexsort((found["seed"], found["cell"]))
    return {name: values[order] for name, values in found.items()}


def _streams(rng: np.random.Generator, design: Design, role: str) -> Columns:
    """Restarts on streams, those of U_H for every law, of U_A for every level of label noise."""
    is_limit = role == "limit"
    sizes = STREAMS[-1:] if is_limit else STREAMS
    cells = _cells(design, sizes, LEVELS["label_noise"] if is_limit else [0.0])
    found = _repeated(cells | _winners(cells), RESTARTS)
    risks = _risks(rng, found)
    kept = {name: values for name, values in risks.items() if not name.startswith("converged")}
    return _base(rng, found, role) | kept


def _names(first: int, num: int) -> Array:
    """16 hex digits, as hashes have them: in no order."""
    places = (np.arange(first, first + num, dtype=np.uint64) + np.uint64(1)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    return np.array([f"{place:016x}" for place in places.tolist()])


def _decide(
    rng: np.random.Generator, design: Design, parts: Sequence[Columns], folder: Path
) -> None:
    """Decisions of the rules of the first law and depth, and the risks that they have."""
    folder.mkdir(exist_ok=True)
    law, smallest = parts[1]["population"][0], sorted(SIZES)[-design.deciding]
    logits = rng.normal(0.0, 3.0, NUM_EXAMPLES)
    eta = 1 / (1 + np.exp(-logits))
    posterior = np.column_stack([1 - eta, eta])
    floor = 1 - posterior.max(axis=1)
    damages = [("none", 0.0), *(("feature_noise", s) for s in LEVELS["feature_noise"][1:])]
    for distortion, severity in damages:
        cell = Cell(
            family="",
            depth=1,
            population=law,
            distortion=distortion,
            severity=severity,
            num_train=0,
        )
        np.savez(folder / f"law-{law_key(cell)}.npz", posterior=posterior)
    for part in parts[1:]:
        is_deciding = (part["population"] == law) & (part["depth"] == 1)
        is_deciding &= part["num_train"] >= smallest
        for row in np.flatnonzero(is_deciding):
            part["bayes_risk"][row] = floor.mean()
            held = {}
            for branch, prefix in (("budget", ""), ("converged", "converged_")):
                if f"{prefix}excess_risk" not in part:
                    continue
                shift = rng.normal(0.0, 0.2) + 10 * part[f"{prefix}excess_risk"][row]
                decided = (logits + rng.normal(0.0, 1.0, NUM_EXAMPLES) > shift).astype(np.int64)
                losses = 1 - posterior[np.arange(NUM_EXAMPLES), decided]
                part[f"{prefix}risk"][row] = losses.mean()
                part[f"{prefix}excess_risk"][row] = (losses - floor).mean()
                held[branch] = pack(decided, 2)
            np.savez(folder / f"{part['trial_id'][row]}.npz", **held)


def _write(parts: Sequence[Columns], path: Path) -> None:
    """The trials table, as `study.analysis.files.write_table` writes it."""
    columns = {column.name: ARROW[column.dtype] for column in TRIAL_COLUMNS}
    columns |= {f"hp_{name}": pa.float64() for name in HYPERPARAMETERS}
    metadata = {
        LEVELS_KEY: json.dumps(LEVELS).encode(),
        FAMILIES_KEY: json.dumps(FAMILIES).encode(),
        VERSION_KEY: str(TABLE_VERSION).encode(),
    }
    schema = pa.schema(list(columns.items()), metadata=metadata)
    with pq.ParquetWriter(path, schema) as writer:
        for part in parts:
            arrays = [_array(part, name, held) for name, held in columns.items()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _array(part: Columns, name: str, held: pa.DataType) -> pa.Array:
    num, values = len(part["family"]), part.get(name)
    if isinstance(values, np.ndarray):
        return pa.array(values, held)
    return pa.repeat(pa.scalar(values, held), num) if values is not None else pa.nulls(num, held)


def _write_curves(rng: np.random.Generator, trials: Array, points: int, path: Path) -> None:
    """A falling training risk for each trial."""
    num = len(trials) * points
    step = np.tile(np.arange(1, points + 1) * 100, len(trials))
    risk = 0.5 * step**-0.3 + rng.uniform(0.0, 0.01, num)
    held: Columns = {
        "family": np.empty(num),  # its length
        "trial_id": np.repeat(trials, points),
        "phase": "budget",
        "step": step,
        "epoch": step / 2.0,
        "train_loss": 2 * risk,
        "train_risk": risk,
        "gradient_norm": risk,
        "wall_s": step / 1000.0,
    }
    arrays = {c.name: _array(held, c.name, ARROW[c.dtype]) for c in CURVE_COLUMNS}
    pq.write_table(pa.table(arrays), path)
