"""A made-up study of the second protocol, whole: tables, curves of trunk and branches, decisions.

    python -m tests.rendering.synthetic_study FOLDER      writes it, to be looked at

Its faults are put in: `linear` lacks the architecture, `vae_kmeans` the objective, `vgg` the
sample, and label noise costs all of them. What a page says of it is known beforehand.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from study.analysis.files import write_table
from study.analysis.table import build_curves, build_trials
from study.trials.decisions import FOLDER, law_key, pack
from study.trials.seeds import encode_search_seed
from study.trials.trial import IDENTITY_VERSION, UNDISTORTED, Cell, law_of

Record = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]

LEVELS = {"label_noise": [0.0, 0.1, 0.3], "feature_noise": [0.0, 1.0]}
DAMAGES = ((UNDISTORTED, 0.0), ("label_noise", 0.1), ("label_noise", 0.3), ("feature_noise", 1.0))
XOR, DIGITS = "xor(sigma=0.5)", "digits(classes=[3, 8])"
NUM_EXAMPLES = 2_000
FAULTS = {  # excess risks at depth 1, undistorted and n = 128; deeper is a little better
    "linear": {"approximation": 0.15, "objective": 0.010, "estimation": 0.020},
    "vae_kmeans": {"approximation": 0.004, "objective": 0.110, "estimation": 0.030},
    "vgg": {"approximation": 0.006, "objective": 0.001, "estimation": 0.090},
}
SLACKS = {"vgg": 0.009, "linear": 0.001}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How large the study is."""

    families: tuple[str, ...] = tuple(FAULTS)
    depths: tuple[int, ...] = (1, 2)
    populations: tuple[str, ...] = (XOR, DIGITS)
    num_train: tuple[int, ...] = (128, 512)
    seeds: int = 5
    streams: tuple[int, ...] = (1_000, 4_000, 16_000)
    repeats: int = 1


class Maker:
    """Makes the records of a study and, beside them, what their rules decide."""

    def __init__(self, asked: Asked) -> None:
        """Draws what all rules have in common: how hard each evaluation example is."""
        self.asked = asked
        self.rng = np.random.default_rng(20261125)
        self.hardness = self.rng.random(NUM_EXAMPLES)
        self.files: dict[str, dict[str, Array]] = {}
        self.num_records = 0
        classes = self.rng.integers(0, 2, NUM_EXAMPLES)
        sure = 0.5 + 0.5 * self.rng.beta(6, 1, NUM_EXAMPLES)
        self.labels = classes.astype(np.int64)
        other = np.where(classes[:, None] == np.arange(2), sure[:, None], 1 - sure[:, None])
        self.posterior = other

    def records(self) -> list[Record]:
        """Make every trial of the study."""
        found: list[Record] = []
        for family in self.asked.families:
            for depth in self.asked.depths:
                for population in self.asked.populations:
                    for damage in DAMAGES:
                        found += self._of_a_level(family, depth, population, *damage)
        return found

    def _of_a_level(
        self, family: str, depth: int, population: str, distortion: str, severity: float
    ) -> Iterable[Record]:
        parts = _parts(family, depth, distortion, severity)
        level = Cell(
            family=family,
            depth=depth,
            population=population,
            distortion=distortion,
            severity=severity,
            num_train=0,
        )
        is_real = population == DIGITS
        for n in self.asked.num_train:
            cell = _sized(level, n)
            for repeat in range(self.asked.repeats):
                for number in range(3):
                    seed = encode_search_seed(repeat, number)
                    status = "done" if number else "stopped"
                    yield self._record("search", cell, seed, status=status, validation_risk=0.2)
            for seed in range(self.asked.seeds):
                yield self._measured(cell, seed, parts, (128 / n) ** 0.5)
        limit = parts["approximation"] + parts["objective"]
        for stream in self.asked.streams:
            for restart in range(3):
                yield self._streamed("limit", _sized(level, stream), restart, limit)
                if level == law_of(level) and not is_real:
                    cell, excess = _sized(level, stream), parts["approximation"] + 4 / stream
                    yield self._streamed("best_in_class", cell, restart, excess)
        if level == law_of(level) and not is_real and family in SLACKS:
            cell = _sized(level, self.asked.streams[-1])
            yield self._record(
                "slack", cell, 0, excess_risk=SLACKS[family], risk=0.2, selection_risk=0.2
            )

    def _measured(self, cell: Cell, seed: int, parts: Mapping[str, float], shrink: float) -> Record:
        limit = parts["approximation"] + parts["objective"]
        luck = 0.006 * float(self.rng.standard_normal())
        settled = limit + shrink * parts["estimation"] + luck
        budgeted = settled + parts["optimization"] + 0.002 * float(self.rng.standard_normal())
        converged = bool(self.rng.random() > 0.06)
        rules = {"budget": self._rule(budgeted), "converged": self._rule(settled)}
        metrics: Record = {
            "converged": converged,
            "final_train_risk": 0.01 + cell.severity * (cell.distortion == "label_noise"),
            "num_parameters": 1234,
            "wall_s": 2.5,
        }
        for name, prefix in (("budget", ""), ("converged", "converged_")):
            metrics |= self._scores(cell, rules[name], prefix)
        record = self._record("measure", cell, seed, **metrics)
        record["curves"] = _curve(self.rng, 0.03 + settled / 2, seed, converged)
        self._keep(record, cell, rules)
        return record

    def _streamed(self, role: str, cell: Cell, restart: int, excess: float) -> Record:
        rule = self._rule(excess + 0.0005 * float(self.rng.standard_normal()))
        record = self._record(role, cell, restart, **self._scores(cell, rule, ""))
        self._keep(record, cell, {"budget": rule})
        return record

    def autoencoded(self, family: str) -> Iterable[Record]:
        """Make the trials of an autoencoder of depth 1: what it lacks is examples, then steps.

        U_A is .02 squared input, R_n(inf) .03 at n = 128, R_n(T) .004 above that; each example has
        a part of that of its own.
        """
        for population in self.asked.populations:
            for distortion, severity in DAMAGES:
                level = Cell(
                    family=family,
                    depth=1,
                    population=population,
                    distortion=distortion,
                    severity=severity,
                    num_train=0,
                )
                for n in self.asked.num_train:
                    for seed in range(self.asked.seeds):
                        luck = 0.0005 * float(self.rng.standard_normal())
                        settled = 0.02 + 0.01 * (128 / n) ** 0.5 + luck
                        risks = {"budget": settled + 0.004, "converged": settled}
                        yield self._of_terms("measure", _sized(level, n), seed, risks)
                for restart in range(3):
                    luck = 0.0001 * float(self.rng.standard_normal())
                    cell = _sized(level, self.asked.streams[-1])
                    yield self._of_terms("limit", cell, restart, {"budget": 0.02 + luck})

    def _of_terms(self, role: str, cell: Cell, seed: int, risks: Mapping[str, float]) -> Record:
        metrics: Record = {"risk_se": 0.0005}
        arrays: dict[str, Array] = {}
        for branch, risk in risks.items():
            terms = risk * (0.5 + self.hardness + 0.1 * self.rng.random(NUM_EXAMPLES))
            metrics[f"{'' if branch == 'budget' else f'{branch}_'}risk"] = float(terms.mean())
            arrays[f"{branch}_terms"] = terms.astype(np.float16)
        if role == "measure":
            metrics |= {"converged": True, "final_train_risk": 0.01, "wall_s": 1.5}
        record = self._record(role, cell, seed, **metrics)
        record["task"] = "reconstruction"
        if role == "measure":
            record["curves"] = [
                point | {"train_risk": 3 * point["train_risk"]}
                for point in _curve(self.rng, 0.03, seed, True)
            ]
        self.files[record["trial_id"]] = arrays
        return record

    def _rule(self, excess: float) -> Array:
        """Decide as the Bayes rule does, but for as many hard examples as cost `excess`."""
        weight = float((2 * self.posterior.max(axis=1) - 1).mean())
        noise = 0.02 * self.rng.standard_normal(NUM_EXAMPLES)
        is_wrong = self.hardness + noise < max(0.0, excess) / weight
        best = self.posterior.argmax(axis=1)
        decided: Array = np.where(is_wrong, 1 - best, best)
        return decided

    def _scores(self, cell: Cell, rule: Array, prefix: str) -> Record:
        if cell.population == DIGITS:
            return {f"{prefix}risk": float((rule != self.labels).mean()), f"{prefix}risk_se": 0.005}
        losses = 1 - self.posterior[np.arange(NUM_EXAMPLES), rule]
        floor = 1 - self.posterior.max(axis=1)
        found = {
            f"{prefix}risk": float(losses.mean()),
            f"{prefix}excess_risk": float((losses - floor).mean()),
            f"{prefix}excess_risk_se": float((losses - floor).std(ddof=1) / NUM_EXAMPLES**0.5),
            f"{prefix}selection_risk": float(losses.mean()),
            "bayes_risk": float(floor.mean()),
            "bayes_risk_se": 0.0,
        }
        return found | ({} if prefix else {"risk_se": 0.005})

    def _keep(self, record: Record, cell: Cell, rules: Mapping[str, Array]) -> None:
        self.files[record["trial_id"]] = {name: pack(rule, 2) for name, rule in rules.items()}
        law: dict[str, Array] = {"posterior": self.posterior}
        if cell.population == DIGITS:
            law = {"labels": self.labels, "num_classes": np.array(2)}
        self.files[f"law-{law_key(cell)}"] = law

    def _record(
        self, role: str, cell: Cell, seed: int, *, status: str = "done", **metrics: Any
    ) -> Record:
        self.num_records += 1
        return {
            "schema": IDENTITY_VERSION,
            "trial_id": f"{self.num_records:016x}",
            "role": role,
            "status": status,
            "error": None,
            "family": cell.family,
            "task": "classification",
            "depth": cell.depth,
            "population": cell.population,
            "distortion": cell.distortion,
            "severity": cell.severity,
            "num_train": cell.num_train,
            "seed": seed,
            "budget_epochs": 10,
            "max_epochs": 40,
            "hyperparameters": {"learning_rate": 0.01},
            "curves": [],
            "metrics": metrics,
            "code": "abc",
            "finished_at": "2026-11-21T12:00:00Z",
            "attempt": 1,
        }


def _sized(cell: Cell, num_train: int) -> Cell:
    return Cell(
        family=cell.family,
        depth=cell.depth,
        population=cell.population,
        distortion=cell.distortion,
        severity=cell.severity,
        num_train=num_train,
    )


def _parts(family: str, depth: int, distortion: str, severity: float) -> dict[str, float]:
    parts = {**FAULTS[family], "optimization": 0.008}
    parts["approximation"] /= depth**0.25
    parts["estimation"] *= 1 + 0.15 * (depth - 1)
    if distortion == "label_noise":
        parts["estimation"] += 0.3 * severity
        parts["optimization"] -= 0.06 * severity
    if distortion == "feature_noise":
        parts["estimation"] += 0.02
    return parts


def _curve(rng: np.random.Generator, floor: float, seed: int, converged: bool) -> list[Record]:
    """Ten epochs of T, two of them cooling; the trunk goes on for a while and is cooled as well."""
    last = 14 + 3 * (seed % 4) if converged else 38

    def risk(epoch: float, cooled: float) -> float:
        value = floor + (0.5 - floor) * np.exp(-epoch / 4) - 0.03 * cooled
        return float(np.clip(value + 0.004 * rng.standard_normal(), 0, 1))

    phases = [("budget", epoch, 0.0) for epoch in range(9)]
    phases += [("cooldown", 8 + passed, passed / 2) for passed in (1, 2)]
    phases += [("settle", epoch, 0.0) for epoch in range(9, last + 1)]
    phases += [("final_cooldown", last + passed, passed / 2) for passed in (1, 2)]
    return [
        {
            "phase": phase,
            "step": 8 * epoch,
            "epoch": float(epoch),
            "train_loss": 0.7,
            "train_risk": risk(epoch, cooled),
        }
        for phase, epoch, cooled in phases
    ]


def write_study(
    folder: Path, asked: Asked | None = None, *, autoencoders: Iterable[str] = ()
) -> Path:
    """Write the study's tables, decisions and provenance; return its folder.

    Args:
        folder: to write to.
        asked: how large it is.
        autoencoders: families whose risk is no 0-1 risk, beside the classifiers.
    """
    maker = Maker(asked or Asked())
    records = [*maker.records(), *(r for f in autoencoders for r in maker.autoencoded(f))]
    (folder / FOLDER).mkdir(parents=True)
    for name, arrays in maker.files.items():
        np.savez(folder / FOLDER / f"{name}.npz", allow_pickle=False, **arrays)
    write_table(build_trials(records, LEVELS), folder / "trials", levels=LEVELS)
    write_table(build_curves(records), folder / "curves")
    (folder / "provenance.json").write_text(json.dumps({"name": "made up"}), encoding="utf-8")
    return folder


if __name__ == "__main__":
    write_study(Path(sys.argv[1]))
