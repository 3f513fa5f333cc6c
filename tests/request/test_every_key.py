"""No key of a study file is dropped in silence where a study goes on."""

from pathlib import Path
from typing import Any

import pytest

from study.request.extension import extend
from study.request.reading import SpecError
from study.request.sections import Section
from study.request.spec import StudySpec
from tests.request.beginning import Make, begun
from tests.small_study import TABLE

OTHERWISE: dict[str, Any] = {
    "name": "other",
    "families": ["linear", "vgg", "resnet", "unet"],
    "depths": [1, 2, 3],
    "latent_dims": [2, 5],
    "capacity": [0.5, 2.0],
    "seeds": 9,
    "precision": 0.01,
    "max_seeds": 20,
    "max_failed_share": 0.25,
    "match_parameters": False,
    "allow_mixed_code": True,
    "num_train": [64, 128, 256],
    "distorted_num_train": [64, 256],
    "distorted_depths": [1, 3],
    "populations": [*TABLE["populations"], {"name": "concentric", "scale": 2}],
    "networks": [{"name": "forest", "path": "sklearn.ensemble:RandomForestClassifier"}],
    "variants": [{"name": "dropped", "family": "vgg", "parameters": {"dropout": 0.5}}],
    "distortions": {**TABLE["distortions"], "overlap": [0.3]},
    "hyperparameters": {"linear": {"learning_rate": 0.5}},
    "search.trials": 5,
    "search.repeats": 3,
    "search.validation_size": 17,
    "search.sampler": "random",
    "search.grace_share": 0.9,
    "search.reduction_factor": 4,
    "search.parallel": 2,
    "training.budget_epochs": 7,
    "training.max_epochs": 70,
    "training.budget_steps": 70,
    "training.max_steps": 700,
    "training.ideal": True,
    "training.until": "end",
    "training.traced": 20,
    "best_in_class.restarts": 9,
    "best_in_class.num_stream": [1000, 2000, 4000],
    "best_in_class.slack_restarts": 3,
    "limit.restarts": 9,
    "limit.num_stream": [1000, 4000],
    "variance.seeds": 3,
    "cross_validation.folds": 5,
    "resources.cpus_per_trial": 2,
    "resources.gpus_per_trial": 1,
    "resources.seeds_per_trial": 2,
    "log.tensorboard": True,
    "log.mlflow": "runs",
    "log.wandb": "mine",
}
"""Of every key of a study file another value, and a larger one where that means more."""
TOGETHER: dict[str, dict[str, Any]] = {
    "precision": {"max_seeds": 20},
    "max_seeds": {"precision": 0.01},
    "budget_steps": {"max_steps": 700},
    "max_steps": {"budget_steps": 70},
    "distorted_num_train": {"num_train": [64, 128, 256]},
    "distorted_depths": {"depths": [1, 2, 3]},
    "networks": {"families": ["linear", "vgg", "resnet", "forest"]},
    "variants": {"families": ["linear", "vgg", "dropped"]},
    "latent_dims": {"families": ["linear", "vgg", "resnet", "vae_svm"]},
}
"""What else must be said where a key is."""


REFUSED = (
    *("capacity", "match_parameters", "hyperparameters"),
    *("search.trials", "search.repeats", "search.validation_size", "search.sampler"),
    *("search.grace_share", "search.reduction_factor", "search.parallel"),
    *("training.budget_epochs", "training.max_epochs"),
    *("training.budget_steps", "training.max_steps", "training.until"),
)


def test_of_every_key_it_is_known_what_another_value_means() -> None:
    """A key that is new is listed here first: as it is, nothing would tell that it was dropped."""
    keys = []
    for name, found in StudySpec.model_fields.items():
        section = found.annotation
        is_section = isinstance(section, type) and issubclass(section, Section)
        keys += [f"{name}.{key}" for key in section.model_fields] if is_section else [name]
    assert keys == list(OTHERWISE)


@pytest.mark.parametrize("key", [key for key in OTHERWISE if key != "name"])  # of the folder
def test_a_key_is_never_dropped_in_silence(key: str, make_spec: Make, tmp_path: Path) -> None:
    """Another value is either what the study goes on with, or refused in a line that names it."""
    base: dict[str, Any] = {"seeds": 5, "search": {"trials": 2}}
    there = make_spec(**base)
    records = begun(there, tmp_path)
    section, _, name = key.rpartition(".")
    changed = {name: OTHERWISE[key], **TOGETHER.get(name, {})}
    if section:
        in_steps = name in ("budget_steps", "max_steps")
        held = {} if in_steps else {**TABLE.get(section, {}), **base.get(section, {})}
        changed = {section: {**held, **changed}}
    asked = make_spec(**{**base, **changed})
    assert asked != there
    if key in REFUSED:
        with pytest.raises(SpecError, match=name):
            extend(asked, records, tmp_path, "here")
    else:
        assert extend(asked, records, tmp_path, "here") == asked
