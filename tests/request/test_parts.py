"""A family of parts in a study file: variants of other encoders and heads, and the axis of k."""

from collections.abc import Callable
from typing import Any

import pytest

from study.planning.plan import enumerate_cells, next_trials
from study.request.reading import SpecError
from study.request.spec import StudySpec

Make = Callable[..., StudySpec]
QUANTISED = {
    "name": "quantised",
    "family": "latent_classifier",
    "parameters": {"encoder": "vq_vae", "head": "knn", "codes": 16},
}
NEAREST = {
    "name": "nearest",
    "family": "latent_classifier",
    "parameters": {"head": "knn", "neighbours": 3},
}
STUDY: dict[str, Any] = {
    "families": ["latent_classifier", "nearest", "quantised"],
    "variants": [NEAREST, QUANTISED],
    "depths": [1],
    "num_train": [64],
    "distortions": {},
    "search": {"trials": 0},
    "hyperparameters": {"latent_classifier": {"beta": 0.5, "trainable": "all", "width": 5.0}},
}


def test_a_variant_s_trials_have_what_its_parts_have_and_no_more(make_spec: Make) -> None:
    trials = [trial for trial in next_trials(make_spec(**STUDY), []) if trial.role == "measure"]
    own = {trial.cell.family: trial.hyperparameters for trial in trials}
    assert own["latent_classifier"]["trainable"] == "all"
    of_head = {"trainable", "fine_tuning_rate", "hidden"}
    shared = own["latent_classifier"].keys() - of_head
    assert own["nearest"].keys() == shared | {"neighbours"}
    assert {n: own["nearest"][n] for n in shared - {"head"}} == {
        n: own["latent_classifier"][n] for n in shared - {"head"}
    }
    assert not own["quantised"].keys() & {"beta", "latent_dim", "trainable", "dropout"}
    assert own["quantised"]["codes"] == 16
    assert own["quantised"]["width"] == 5.0
    identities = {trial.trial_id for trial in trials}
    assert len(identities) == len(trials)


def test_an_encoder_without_a_latent_dimension_is_on_that_axis_once(make_spec: Make) -> None:
    cells = enumerate_cells(make_spec(**STUDY, latent_dims=[2, 4]))
    on_axis = {(cell.family, cell.latent_dim) for cell in cells}
    assert {k for name, k in on_axis if name == "nearest"} == {2, 4}
    assert {k for name, k in on_axis if name == "quantised"} == {None}


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        (
            {"head": "svm", "trainable": "all"},
            "variants.wrong.parameters.trainable: wrong has none",
        ),
        ({"head": "svm", "beta": -1.0}, "variants.wrong.parameters.beta = -1.0: must be"),
        ({"encoder": "unet"}, "variants.wrong.parameters.encoder = 'unet': must be one of auto"),
    ],
)
def test_what_a_part_has_not_is_refused_where_it_stands(
    make_spec: Make, parameters: dict[str, Any], line: str
) -> None:
    wrong = {"name": "wrong", "family": "latent_classifier", "parameters": parameters}
    asked = {**STUDY, "families": ["wrong"], "variants": [wrong], "hyperparameters": {}}
    with pytest.raises((ValueError, SpecError)) as caught:
        make_spec(**asked)
    assert line in str(caught.value)
