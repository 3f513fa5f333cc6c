"""The shapes in classcomp's signatures hold while trials of every family are trained and scored.

A module can be instrumented only as it is imported, so that this file runs itself as a program.
Checked are the arrays alone: the rest of the annotations is mypy's.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from beartype import beartype
from jaxtyping import AbstractArray, TypeCheckError, install_import_hook

ROOT = Path(__file__).parent.parent
DIGITS = ("digits", {"classes": [3, 8]})
POINTS = ("two_gaussians", {"delta": 2.0, "rendering": "none"})  # posterior and density are known
FAMILIES = (
    *("auto_decoder", "autoencoder", "autoencoder_classifier", "beta_vae"),
    *("denoising_autoencoder", "gan", "gaussian_generator", "latent_classifier", "linear"),
    *("linear_autoencoder", "linear_denoiser", "resnet", "resnet18", "resnet18_pretrained"),
    *("robust_vae", "unet", "unet_pretrained", "vae_kmeans", "vae_svm"),
    *("variational_auto_decoder", "vgg", "vq_vae"),
)
ON_POINTS = (
    *("forest", "gaussian_generator", "linear", "linear_autoencoder", "linear_denoiser", "mynet"),
    *("vae_kmeans", "vae_svm"),
)
TRAINED = {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": 16}
pytestmark = pytest.mark.long

OF_PARTS = {"head": "gaussian_mixture"}  # scikit-learn's; the default is a network's
OWN = {
    "latent_classifier": (None, TRAINED | OF_PARTS),
    "forest": ("sklearn.ensemble:RandomForestClassifier", {"n_estimators": 3}),
    "mynet": ("examples/my_network.py:Perceptron", TRAINED),
}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    command = [sys.executable, "-W", "error", "-m", "tests.test_shapes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout))


def test_no_family_is_left_out(report: dict[str, Any]) -> None:
    assert report["families"] == list(FAMILIES)


def test_every_trial_was_scored(report: dict[str, Any]) -> None:
    trials = [["digits", name] for name in FAMILIES] + [["two_gaussians", n] for n in ON_POINTS]
    assert report["scored"] == trials


def test_a_wrong_shape_is_refused(report: dict[str, Any]) -> None:
    assert report["refused"] == ["argument", "field", "result"]


def main() -> None:
    install_import_hook("classcomp", "__main__.with_shapes_checked")
    import torch

    from classcomp import pretraining
    from classcomp.models import FAMILIES as ALL

    torch.set_num_threads(1)
    pretraining.NUM_STEPS = 2  # the shapes are those of any other number
    scored = [("digits", name) for name in FAMILIES if is_scored(name, DIGITS)]
    scored += [("two_gaussians", name) for name in ON_POINTS if is_scored(name, POINTS)]
    print(json.dumps({"families": sorted(ALL), "scored": scored, "refused": refused()}))


def with_shapes_checked(function: Callable[..., Any]) -> Callable[..., Any]:
    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if has_shape(hint)}
    return beartype(function)


def has_shape(hint: object) -> bool:
    is_array = isinstance(hint, type) and issubclass(hint, AbstractArray)
    return is_array or any(has_shape(part) for part in get_args(hint))


def is_scored(family: str, population: tuple[str, dict[str, Any]]) -> bool:
    from classcomp.experiment import Experiment
    from classcomp.models import family_of
    from classcomp.tasks import TASKS
    from classcomp.trial import STREAMS, Network, Trial

    path, hyperparameters = OWN.get(family, (None, TRAINED))
    measured = Trial(
        role="measure",
        family=family,
        depth=1,
        population_name=population[0],
        population_parameters=population[1],
        distortion="label_noise",
        severity=0.1,
        num_train=32,
        budget=1,
        most=2,
        hyperparameters=hyperparameters,
        streams={name: number for number, name in enumerate(STREAMS)},
        network=None if path is None else Network(name=family, path=path),
    )
    xor = {"population_name": "xor", "population_parameters": {"sigma": 0.5}}
    trials = [measured, replace(measured, role="limit")]
    task = TASKS[family_of(family, measured.network).task]
    if task.has_best_rule:  # The posterior must be known there.
        trials.append(replace(measured, role="best_in_class", **xor))
    if task.name == "denoising":
        noisy = {"distortion": "feature_noise", "severity": 0.3}
        trials = [replace(trial, **noisy) for trial in trials]
    return all(is_finished_with_a_risk(Experiment(trial, device="cpu")) for trial in trials)


def is_finished_with_a_risk(experiment: Any) -> bool:
    while not experiment.finished:
        experiment.advance()
    return "risk" in experiment.outcome.metrics and bool(experiment.exhibits())


def refused() -> list[str]:
    import torch

    from classcomp.models import Batch, Classifier
    from classcomp.tasks.base import squared_errors

    class Transposed(Classifier):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.zeros(2, len(inputs))

    three, four = torch.zeros(3, 2), torch.zeros(4, dtype=torch.int64)
    wrong: dict[str, Callable[[], object]] = {
        "argument": lambda: squared_errors(three, torch.zeros(3, 1)),
        "field": lambda: Batch(inputs=three, labels=four, index=four),
        "result": lambda: Transposed().predict_proba(three),
    }
    return [name for name, call in wrong.items() if raises(call)]


def raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except TypeCheckError:
        return True
    return False


if __name__ == "__main__":
    main()
