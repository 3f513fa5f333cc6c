"""A small study, and records as the engine would write them."""

from collections.abc import Mapping
from typing import Any

from search_spaces import SPACES
from study.trials.trial import TrialSpec, trial_id

TABLE: dict[str, Any] = {
    "name": "small",
    "families": ["linear", "vgg"],
    "depths": [1, 2],
    "seeds": 3,
    "num_train": [64, 128],
    "populations": [{"name": "xor", "sigma": 0.5}],
    "distortions": {"label_noise": [0.0, 0.2], "imbalance": [0.5, 0.9]},
    "search": {"trials": 2, "grace_share": 0.25},
    "training": {"budget_epochs": 4, "max_epochs": 30},
    "best_in_class": {"restarts": 2, "num_stream": [1000, 2000]},
    "limit": {"restarts": 2, "num_stream": [1000]},
}


def record_of(
    trial: TrialSpec, *, status: str = "done", metrics: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The record of a trial, its hyperparameters the defaults where a search is to propose."""
    identity = trial.identity
    if trial.hyperparameters is None:
        known = SPACES.get(trial.cell.family)
        identity["hyperparameters"] = dict(known.defaults) if known else {"dropout": 0.25}
    return {
        **identity,
        "trial_id": trial_id(identity),
        "status": status,
        "error": None,
        "metrics": {"validation_risk": 0.1 + 0.01 * trial.seed, "wall_s": 1.0, **(metrics or {})},
        "curves": [],
    }
