"""Made-up studies with decisions on disk, joined: what the tables need beyond a trials table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.analysis.decisions import open_decisions
from study.analysis.joined import Joined, join
from study.analysis.table import build_trials
from study.trials.decisions import FOLDER, law_key, pack
from study.trials.trial import IDENTITY_VERSION, cell_of
from tests.analysis.conftest import make_record

Array = np.ndarray[Any, np.dtype[Any]]
BRANCHES = {"budget": "", "converged": "converged_"}


class Written:
    """A study that is written trial by trial, on one law of two classes or more."""

    def __init__(self, folder: Path, posterior: Array, bayes_risk: float) -> None:
        self.folder, self.posterior, self.bayes_risk = folder, posterior, bayes_risk
        self.records: list[dict[str, Any]] = []
        (folder / FOLDER).mkdir(parents=True)

    def add(
        self,
        role: str = "measure",
        *,
        classes: Mapping[str, Array],
        predictions: Mapping[str, Array] | None = None,
        **named: Any,
    ) -> None:
        """Adds a trial that decides for `classes` (N,) and predicts (M, K), by branch."""
        rows, floor = np.arange(len(self.posterior)), 1 - self.posterior.max(axis=1)
        metrics: dict[str, Any] = {"bayes_risk": self.bayes_risk, "bayes_risk_se": 0.0}
        arrays: dict[str, Array] = {}
        for branch, decided in classes.items():
            excess = float((1 - self.posterior[rows, decided] - floor).mean())
            prefix = BRANCHES[branch]
            metrics |= {f"{prefix}risk": self.bayes_risk + excess, f"{prefix}excess_risk": excess}
            metrics |= {f"{prefix}excess_risk_se": 0.001}
            arrays[branch] = pack(decided, self.posterior.shape[1])
        for branch, probabilities in (predictions or {}).items():
            with np.errstate(divide="ignore"):
                logs = np.log(probabilities).astype(np.float16)
            arrays[f"{BRANCHES[branch]}log_probabilities"] = logs
        metrics |= {"risk_se": 0.001, "selection_risk": metrics["risk"]}
        record = make_record(role, schema=IDENTITY_VERSION, **metrics, **named)
        self.records.append(record)
        np.savez(self.folder / FOLDER / f"{record['trial_id']}.npz", **arrays)  # type: ignore[arg-type]
        law = self.folder / FOLDER / f"law-{law_key(cell_of(record))}.npz"
        np.savez(law, posterior=self.posterior)

    def add_terms(
        self,
        role: str = "measure",
        *,
        terms: Mapping[str, Array],
        task: str = "reconstruction",
        floor: float | None = None,
        classes: Mapping[str, Array] | None = None,
        **named: Any,
    ) -> None:
        """Adds a trial of another risk, to which examples contribute `terms` (N,), by branch.

        With a floor they are what examples contribute to the excess over it. `classes` are the
        arrays that say whose the examples are.
        """
        metrics: dict[str, Any] = {"risk_se": 0.001}
        arrays: dict[str, Array] = {}
        if floor is not None:
            metrics |= {"bayes_risk": floor, "bayes_risk_se": 0.0}
        for branch, held in terms.items():
            prefix, mean = BRANCHES[branch], float(held.mean())
            metrics[f"{prefix}risk"] = (floor or 0.0) + mean
            if floor is not None:
                metrics |= {f"{prefix}excess_risk": mean, f"{prefix}excess_risk_se": 0.001}
            arrays[f"{branch}_terms"] = held.astype(np.float16)
        arrays |= classes or {}
        record = make_record(role, task=task, **{**metrics, **named})
        self.records.append(record)
        np.savez(self.folder / FOLDER / f"{record['trial_id']}.npz", **arrays)  # type: ignore[arg-type]

    def joined(self, levels: Mapping[str, Sequence[float]] | None = None) -> Joined:
        """What was added, joined."""
        return join(build_trials(self.records, levels or {}), open_decisions(self.folder))

    def without_decisions(self) -> Joined:
        """The same of the trials table alone."""
        return join(build_trials(self.records, {}))
