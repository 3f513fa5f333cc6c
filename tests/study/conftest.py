"""A small study, and records as the engine would write them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from search_spaces import SPACES
from study.request.spec import StudySpec
from study.trials.trial import TrialSpec
from study.request.reading import parse_spec

TABLE: dict[str, Any] = {
    "name": "small",
    "families": ["linear", "vgg"],
    "depths": [1, 2],
    "seeds": 3,
    "num_train": [64, 128],
    "populations": [{"name": "xor", "sigma": 0.5}],
    "distortions": {"label_noise": [0.0, 0.2], "imbalance": [0.5, 0.9]},
    "search": {"trials": 2, "max_epochs": 4, "grace_epochs": 1},
    "training": {"budget_epochs": 4, "max_epochs": 30},
    "best_in_class": {"restarts": 2, "num_stream": [1000, 2000]},
}


@pytest.fixture
def make_spec() -> Callable[..., StudySpec]:
    def make(**changes: Any) -> StudySpec:
        return parse_spec({**TABLE, **changes}, "test")

    return make


def record_of(
    trial: TrialSpec, *, status: str = "done", metrics: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The record of a trial, its hyperparameters the defaults where a search is to propose."""
    identity = trial.identity
    if trial.hyperparameters is None:
        identity["hyperparameters"] = dict(SPACES[trial.family].defaults)
    from study.trials.trial import trial_id

    return {
        **identity,
        "trial_id": trial_id(identity),
        "status": status,
        "error": None,
        "metrics": {"validation_risk": 0.1 + 0.01 * trial.seed, "wall_s": 1.0, **(metrics or {})},
        "curves": [],
    }
