"""Small studies run to their end in this process, through the plan and the tables, without Ray."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from classcomp.experiment import Experiment
from study.analysis.decisions import open_decisions
from study.analysis.joined import Joined, join
from study.analysis.table import build_trials
from study.engine.handover import to_trial
from study.planning.plan import next_trials
from study.request.reading import parse_spec
from study.trials.decisions import FOLDER, law_key, pack
from study.trials.trial import TrialSpec

Record = dict[str, Any]


def run_study(
    table: Mapping[str, Any],
    folder: Path,
    *,
    roles: Collection[str],
    hyperparameters: Mapping[str, Any] | None = None,
) -> Joined:
    """Run a study's trials of some roles; return them joined, with what their rules decided.

    Args:
        table: a study file's content; `search.trials` must be 0.
        folder: where decisions are written.
        roles: which of its trials to run.
        hyperparameters: in place of the family's defaults.
    """
    planned = next_trials(parse_spec({"name": "t", **table}, "test"), [])
    wanted = [trial for trial in planned if trial.role in roles]
    return joined(run_trials(wanted, folder, hyperparameters or {}), folder)


def run_trials(
    planned: Iterable[TrialSpec], folder: Path, hyperparameters: Mapping[str, Any]
) -> list[Record]:
    """Run trials; write what their rules decided into a folder; return their records."""
    records = []
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for each in planned:
        chosen = {**(each.hyperparameters or {}), **hyperparameters}
        trial = replace(each, hyperparameters=chosen)
        experiment = Experiment(to_trial(trial, "."))
        while not experiment.finished:
            experiment.advance()
        done = {
            "status": "done",
            "task": experiment.task.name,
            "metrics": dict(experiment.outcome.metrics),
            "curves": [],
        }
        records.append({**trial.identity, "trial_id": trial.trial_id, **done})
        law, kept = experiment.law, experiment.decisions
        packed = {
            name: pack(kept[name], int(law["num_classes"]))
            for name in ("budget", "converged")
            if name in kept
        }
        np.savez(folder / FOLDER / f"law-{law_key(trial.cell)}.npz", **law)
        np.savez(folder / FOLDER / f"{trial.trial_id}.npz", **{**kept, **packed})
    return records


def joined(records: Sequence[Record], folder: Path, *, first_stage: int | None = None) -> Joined:
    """Records of `run_trials` with the decisions in its folder; `first_stage` as `join` has it."""
    return join(build_trials(records, {}), open_decisions(folder), first_stage=first_stage)
