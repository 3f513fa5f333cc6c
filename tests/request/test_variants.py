"""Variants: a family under a name of its own, with hyperparameters of its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_spaces import SPACES, Float
from study.engine.handover import to_trial
from study.planning.plan import enumerate_cells, next_trials
from study.planning.sizes import size_lines
from study.request.extension import extend
from study.request.reading import SpecError, parse_spec, read_spec, write_spec
from study.request.spec import StudySpec
from study.trials.trial import TrialSpec, trial_from_json, trial_to_json
from tests.small_study import TABLE, record_of

Make = Callable[..., StudySpec]
NARROW = {"name": "vae_tight", "family": "beta_vae", "parameters": {"beta": 4.0}}
LOOSE = {"name": "vae_loose", "family": "beta_vae", "parameters": {"beta": 0.1}}
DROPPED = {"name": "vgg_dropped", "family": "vgg", "parameters": {"dropout": 0.5}}
STUDY: dict[str, Any] = {
    "families": ["beta_vae", "vae_tight", "vae_loose", "vgg", "vgg_dropped"],
    "variants": [NARROW, LOOSE, DROPPED],
    "depths": [1],
    "num_train": [64],
    "distortions": {},
    "search": {"trials": 0},
}


def measured(spec: StudySpec) -> dict[str, TrialSpec]:
    """The first measured trial of every family by name."""
    trials = [trial for trial in next_trials(spec, []) if trial.role == "measure"]
    return {trial.cell.family: trial for trial in trials if trial.seed == 0}


def test_a_variant_is_its_family_with_its_own_values(make_spec: Make) -> None:
    spec = make_spec(**STUDY, hyperparameters={"beta_vae": {"width": 7.0, "beta": 2.0}})
    trials = measured(spec)
    assert set(trials) == set(STUDY["families"])
    values = {name: trial.hyperparameters for name, trial in trials.items()}
    assert [values[n]["beta"] for n in ("beta_vae", "vae_tight", "vae_loose")] == [2.0, 4.0, 0.1]
    assert [values[n]["width"] for n in ("beta_vae", "vae_tight", "vae_loose")] == [7.0] * 3
    assert values["vgg_dropped"] == {**values["vgg"], "dropout": 0.5}
    families = {name: to_trial(trial, ".").family for name, trial in trials.items()}
    assert families == {
        **{"beta_vae": "beta_vae", "vae_tight": "beta_vae", "vae_loose": "beta_vae"},
        **{"vgg": "vgg", "vgg_dropped": "vgg"},
    }
    tasks = {name: spec.space_of(name).task for name in STUDY["families"]}
    assert tasks["vae_tight"] == "reconstruction"
    assert tasks["vgg_dropped"] == "classification"


def test_the_identity_of_a_family_is_what_it_was_and_a_variant_s_says_whose_it_is(
    make_spec: Make,
) -> None:
    plain = measured(make_spec(**{**STUDY, "families": ["beta_vae", "vgg"], "variants": []}))
    trials = measured(make_spec(**STUDY))
    for name in ("beta_vae", "vgg"):
        assert trials[name].identity == plain[name].identity
        assert "variant_of" not in trials[name].identity
    tight = trials["vae_tight"]
    assert tight.identity == {
        **trials["beta_vae"].identity,
        "family": "vae_tight",
        "hyperparameters": {**SPACES["beta_vae"].defaults, "beta": 4.0},
        "variant_of": "beta_vae",
    }
    assert len({trial.trial_id for trial in trials.values()}) == len(trials)
    assert trial_from_json(trial_to_json(tight)) == tight


def test_variants_begin_alike_and_see_the_same(make_spec: Make) -> None:
    """The same weights, samples, order and noise: what differs is what they are named for."""
    trials = measured(make_spec(**STUDY))
    assert trials["vae_tight"].streams == trials["vae_loose"].streams
    assert trials["vae_tight"].streams == trials["beta_vae"].streams
    assert trials["vgg_dropped"].streams == trials["vgg"].streams
    assert trials["vgg"].streams["init"] != trials["beta_vae"].streams["init"]


def test_a_variant_may_search(make_spec: Make) -> None:
    ranged = {**DROPPED, "parameters": {"dropout": [0.1, 0.4]}}
    spec = make_spec(**{**STUDY, "variants": [NARROW, LOOSE, ranged], "search": {"trials": 2}})
    assert spec.space_of("vgg_dropped").space["dropout"] == Float(
        low=0.1, high=0.4, log=False, default=0.25
    )
    assert "beta" not in spec.space_of("vae_tight").space
    assert "dropout" not in spec.space_of("vgg").space
    searched = {t.cell.family for t in next_trials(spec, []) if t.role == "search"}
    assert searched == set(STUDY["families"])


def test_variants_are_on_the_axis_of_their_family(make_spec: Make) -> None:
    spec = make_spec(**STUDY, latent_dims=[2, 5])
    dims = {(cell.family, cell.latent_dim) for cell in enumerate_cells(spec)}
    assert {k for name, k in dims if name == "vae_tight"} == {2, 5}
    assert {k for name, k in dims if name == "vgg_dropped"} == {None}


def test_sizes_are_asked_of_the_family_that_is_built(make_spec: Make) -> None:
    wide = {**NARROW, "parameters": {"latent_dim": 2_000}}
    asked = make_spec(**{**STUDY, "families": ["vae_tight"], "variants": [wide]})
    (line,) = size_lines(asked, None)
    assert line.startswith("beta_vae at depth 1, k = 2000")


def test_a_study_with_variants_reads_back(make_spec: Make, tmp_path: Path) -> None:
    spec = make_spec(**STUDY)
    write_spec(spec, tmp_path / "study.toml")
    assert read_spec(str(tmp_path / "study.toml")) == spec


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variants": [{**NARROW, "name": "vgg"}]}, "variants.0: 'vgg' is taken by a family"),
        ({"variants": [{**NARROW, "name": "2vae"}]}, 'variants.0.name = "2vae"'),
        ({"variants": [NARROW, NARROW]}, "no value twice"),
        (
            {"variants": [{**NARROW, "family": "vaee"}]},
            "variants.0: family = 'vaee' is none of ours; allowed are linear",
        ),
        (
            {"variants": [{**NARROW, "parameters": {"betaa": 1}}]},
            "variants.vae_tight.parameters.betaa: vae_tight has none of that name; it has",
        ),
        (
            {"variants": [{**NARROW, "parameters": {"beta": -1.0}}]},
            "variants.vae_tight.parameters.beta = -1.0: must be a finite number of at least 0",
        ),
        ({"variants": [{**NARROW, "parameters": {}}]}, "variants.0.parameters"),
        (
            {"variants": [{**NARROW, "parameters": {"beta": float("inf")}}]},
            "beta: inf is no finite number",
        ),
        ({"variants": [{"name": "v", "family": "vgg"}]}, "variants.0.parameters: is missing"),
        ({"variants": [{**NARROW, "widths": 3}]}, "variants.0.widths: no such key"),
        (
            {"hyperparameters": {"vae_tight": {"beta": 1.0}}},
            "hyperparameters: 'vae_tight' is no family; allowed are linear",
        ),
        ({"families": ["vae_taut"]}, "families: 'vae_taut' is no family; allowed are linear"),
        (
            {
                "variants": [
                    {
                        "name": "mine",
                        "family": "resnet18_pretrained",
                        "parameters": {"weights": "my.pt"},
                    }
                ]
            },
            "a file belongs to [hyperparameters.resnet18_pretrained]",
        ),
        (
            {
                "networks": [{"name": "vae_tight", "path": "sklearn.svm:SVC"}],
                "variants": [NARROW],
            },
            "variants: 'vae_tight' is taken by a network of yours",
        ),
        (
            {"variants": [{**NARROW, "parameters": {"latent_dim": 3}}], "latent_dims": [2]},
            "hyperparameters.vae_tight.latent_dim = 3: allowed is it or latent_dims = [2]",
        ),
        ({"depths": [5], "families": ["small18"]}, "depths = 5: small18 has depths 1 to 4"),
    ],
)
def test_a_wrong_variant_is_one_line(changes: dict[str, Any], said: str) -> None:
    small = {"name": "small18", "family": "resnet18", "parameters": {"width": 8.0}}
    held = {"families": ["vae_tight"], "variants": [NARROW, small], **changes}
    with pytest.raises(SpecError) as caught:
        parse_spec({**TABLE, **held}, "study.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_variants_are_an_extension_and_another_one_is_none(
    make_spec: Make, tmp_path: Path
) -> None:
    there = make_spec(**{**STUDY, "families": ["vgg", "vgg_dropped"]})
    write_spec(there, tmp_path / "study.toml")
    records = [record_of(trial) for trial in next_trials(there, [])]
    more = make_spec(**STUDY)
    assert extend(more, records, tmp_path, "here") == more
    fewer = make_spec(**{**STUDY, "families": ["vgg"], "variants": []})
    assert extend(fewer, records, tmp_path, "here") == there
    others = {
        "variants: vgg_dropped is of resnet (there: vgg)": {**DROPPED, "family": "resnet"},
        "hyperparameters: vgg_dropped has another dropout": {
            **DROPPED,
            "parameters": {"dropout": 0.4},
        },
    }
    for said, variant in others.items():
        changed = {"families": ["vgg_dropped"], "variants": [variant]}
        with pytest.raises(SpecError, match=said.replace("(", r"\(").replace(")", r"\)")):
            extend(make_spec(**{**STUDY, **changed}), records, tmp_path, "here")


def test_a_variant_of_another_family_is_another_trial(make_spec: Make) -> None:
    """VGG and ResNet have the same hyperparameters: the name alone would not tell them apart."""
    trial = measured(make_spec(**STUDY))["vgg_dropped"]
    assert replace(trial, variant_of="resnet").trial_id != trial.trial_id
