"""Small studies run to their end in this process, through the plan and the tables, without Ray."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from classcomp.experiment import run
from study.analysis.table import build_trials
from study.engine.handover import to_trial
from study.planning.plan import next_trials
from study.request.reading import parse_spec


def run_study(
    table: Mapping[str, Any],
    *,
    roles: Collection[str],
    hyperparameters: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Run a study's trials of some roles; return the trials table.

    Args:
        table: a study file's content; `search.trials` must be 0.
        roles: which of its trials to run.
        hyperparameters: in place of the family's defaults.
    """
    records = []
    for planned in next_trials(parse_spec({"name": "t", **table}, "test"), []):
        if planned.role in roles:
            chosen = {**(planned.hyperparameters or {}), **(hyperparameters or {})}
            trial = replace(planned, hyperparameters=chosen)
            outcome = run(to_trial(trial, "."))
            done = {"status": "done", "metrics": dict(outcome.metrics), "curves": []}
            records.append({**trial.identity, "trial_id": trial.trial_id, **done})
    return build_trials(records, {})
