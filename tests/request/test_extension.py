"""More of a study, or less, but never another one under the same name."""

from pathlib import Path
from typing import Any

import pytest

from study.planning.plan import next_trials
from study.request.extension import (
    check_code,
    check_protocol,
    extend,
    unscored_lines,
)
from study.request.reading import SpecError, write_spec
from tests.request.beginning import Make, begun
from tests.small_study import TABLE, record_of

EXTENSIONS: dict[str, dict[str, Any]] = {
    "seeds": {"seeds": 4},
    "a family": {"families": ["linear", "vgg", "resnet"]},
    "a depth": {"depths": [1, 2, 3]},
    "a sample size": {"num_train": [64, 128, 256]},
    "a level": {"distortions": {"label_noise": [0.0, 0.1, 0.2], "imbalance": [0.5, 0.9]}},
    "a distortion": {"distortions": {**TABLE["distortions"], "overlap": [0.3]}},
    "a population": {"populations": [*TABLE["populations"], {"name": "concentric", "scale": 2}]},
    "the same law once more": {"populations": [*TABLE["populations"], {"name": "xor", "sigma": 1}]},
    "restarts": {"best_in_class": {"restarts": 3, "num_stream": [1000, 2000]}},
    "restarts of the limit": {"limit": {"restarts": 3, "num_stream": [1000]}},
    "a stream of the limit": {"limit": {"restarts": 2, "num_stream": [1000, 4000]}},
    "the slack": {
        "best_in_class": {"restarts": 2, "num_stream": [1000, 2000], "slack_restarts": 1}
    },
    "a stream": {"best_in_class": {"restarts": 2, "num_stream": [1000, 2000, 4000]}},
    "other families only": {"families": ["resnet"]},
}
FREE: dict[str, dict[str, Any]] = {
    "resources": {"resources": {"cpus_per_trial": 2}},
    "failures": {"max_failed_share": 0.1},
}
SMALLER: dict[str, dict[str, Any]] = {
    "seeds": {"seeds": 2},
    "a family": {"families": ["vgg"]},
    "a level": {"distortions": {"label_noise": [0.2]}},
    "no distortion": {"distortions": {}},
    "a stream": {"best_in_class": {"restarts": 1, "num_stream": [2000]}},
    "no limit": {"limit": {"restarts": 0, "num_stream": [1000]}},
}
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "search trials": (
        {"search": {**TABLE["search"], "trials": 3}},
        "search.trials = 3 (there: 2)",
    ),
    "sampler": (
        {"search": {**TABLE["search"], "sampler": "random"}},
        "search.sampler = random (there: tpe)",
    ),
    "budget": (
        {"training": {"budget_epochs": 5, "max_epochs": 30}},
        "training.budget_epochs = 5 (there: 4)",
    ),
    "two at once": (
        {"training": {"budget_epochs": 5, "max_epochs": 31}},
        "training.budget_epochs = 5 (there: 4); training.max_epochs = 31 (there: 30)",
    ),
    "another law": (
        {"populations": [{"name": "xor", "sigma": 1}]},
        "populations: xor(sigma=1) (there: xor(sigma=0.5))",
    ),
    "searches": (
        {"search": {**TABLE["search"], "repeats": 2}},
        "search.repeats = 2 (there: 1)",
    ),
    "validation": (
        {"search": {**TABLE["search"], "validation_size": 99}},
        "search.validation_size = 99 (there: not set)",
    ),
    "steps": (
        {"training": {"budget_steps": 4, "max_steps": 30}},
        "training.budget_epochs = not set (there: 4); training.max_epochs = not set (there: 30); "
        "training.budget_steps = 4 (there: not set); training.max_steps = 30 (there: not set)",
    ),
    "another stream of the limit": (
        {"limit": {"restarts": 2, "num_stream": [500]}},
        "limit.num_stream = [500] (there: [1000])",
    ),
    "another stream": (
        {"best_in_class": {"restarts": 2, "num_stream": [1000, 3000]}},
        "best_in_class.num_stream = [1000, 3000] (there: [1000, 2000])",
    ),
}


@pytest.mark.parametrize("case", EXTENSIONS)
def test_more_is_an_extension_and_is_written_down(
    case: str, make_spec: Make, tmp_path: Path
) -> None:
    records = begun(make_spec(), tmp_path)
    asked = make_spec(**EXTENSIONS[case])
    assert extend(asked, records, tmp_path, "here") == asked


AXIS: dict[str, Any] = {
    "families": ["linear", "vae_svm"],
    "latent_dims": [2, 8],
    "search": {**TABLE["search"], "trials": 0},
}


def test_a_further_latent_dimension_keeps_all_that_is_finished(
    make_spec: Make, tmp_path: Path
) -> None:
    there, asked = make_spec(**AXIS), make_spec(**{**AXIS, "latent_dims": [2, 5, 8]})
    records = begun(there, tmp_path)
    finished = {record["trial_id"] for record in records}
    assert not next_trials(there, records)
    assert extend(asked, records, tmp_path, "here") == asked
    more = next_trials(asked, records)
    assert {trial.cell.latent_dim for trial in more} == {5}
    assert finished < {trial.trial_id for trial in next_trials(asked, [])}
    assert len(more) == sum(record.get("latent_dim") == 8 for record in records)
    less = make_spec(**{**AXIS, "latent_dims": [8]})
    assert extend(less, records, tmp_path, "here") == there


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        ([], [2, 8], "latent_dims = not set (there: [2, 8])"),
        ([2, 8], [], "latent_dims = [2, 8] (there: not set)"),
    ],
)
def test_an_axis_is_there_from_the_beginning_or_not_at_all(
    new: list[int], old: list[int], said: str, make_spec: Make, tmp_path: Path
) -> None:
    """Else the cells of a family would be trained with a default and along an axis."""
    records = begun(make_spec(**{**AXIS, "latent_dims": old}), tmp_path)
    with pytest.raises(SpecError) as refused:
        extend(make_spec(**{**AXIS, "latent_dims": new}), records, tmp_path, "here")
    assert said in str(refused.value)


def test_an_axis_may_come_with_the_first_family_that_has_it(
    make_spec: Make, tmp_path: Path
) -> None:
    records = begun(make_spec(), tmp_path)
    asked = make_spec(families=["linear", "vgg", "vae_svm"], latent_dims=[2, 8])
    assert extend(asked, records, tmp_path, "here") == asked


def test_distortions_at_more_sizes_keep_all_that_is_finished(
    make_spec: Make, tmp_path: Path
) -> None:
    unsearched = {"search": {**TABLE["search"], "trials": 0}}
    there = make_spec(distorted_num_train=[64], **unsearched)
    asked = make_spec(**unsearched)
    records = begun(there, tmp_path)
    finished = {record["trial_id"] for record in records}
    assert not next_trials(there, records)
    assert extend(asked, records, tmp_path, "here") == asked
    more = next_trials(asked, records)
    assert {(t.cell.num_train, t.cell.is_undistorted) for t in more} == {(128, False)}
    assert finished.isdisjoint(t.trial_id for t in more)


def test_distortions_at_fewer_sizes_leave_what_is_written_down(
    make_spec: Make, tmp_path: Path
) -> None:
    records = begun(make_spec(), tmp_path)
    asked = make_spec(distorted_num_train=[64])
    assert extend(asked, records, tmp_path, "here") == make_spec()


def test_undistorted_samples_alone_are_less_than_what_is_there(
    make_spec: Make, tmp_path: Path
) -> None:
    there = make_spec(distorted_num_train=[64])
    asked = make_spec(distortions={"label_noise": [0.0]})
    assert extend(asked, begun(there, tmp_path), tmp_path, "here") == there


CAPACITIES: dict[str, Any] = {"capacity": [0.5, 2.0], "search": {**TABLE["search"], "trials": 0}}


def test_a_further_capacity_keeps_all_that_is_finished(make_spec: Make, tmp_path: Path) -> None:
    there, asked = make_spec(**CAPACITIES), make_spec(**{**CAPACITIES, "capacity": [0.5, 1.0, 2.0]})
    records = begun(there, tmp_path)
    assert extend(asked, records, tmp_path, "here") == asked
    assert {trial.cell.capacity for trial in next_trials(asked, records)} == {1.0}
    less = make_spec(**{**CAPACITIES, "capacity": [2.0]})
    assert extend(less, records, tmp_path, "here") == there


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        ([], [0.5, 2.0], "capacity = not set (there: [0.5, 2.0])"),
        ([0.5, 2.0], [], "capacity = [0.5, 2.0] (there: not set)"),
    ],
)
def test_capacity_is_there_from_the_beginning_or_not_at_all(
    new: list[float], old: list[float], said: str, make_spec: Make, tmp_path: Path
) -> None:
    records = begun(make_spec(**{**CAPACITIES, "capacity": old}), tmp_path)
    with pytest.raises(SpecError) as refused:
        extend(make_spec(**{**CAPACITIES, "capacity": new}), records, tmp_path, "here")
    assert said in str(refused.value)


@pytest.mark.parametrize("case", SMALLER)
def test_less_leaves_what_is_written_down(case: str, make_spec: Make, tmp_path: Path) -> None:
    records = begun(make_spec(), tmp_path)
    assert extend(make_spec(**SMALLER[case]), records, tmp_path, "here") == make_spec()


@pytest.mark.parametrize("case", FREE)
def test_what_determines_no_result_may_change(case: str, make_spec: Make, tmp_path: Path) -> None:
    records = begun(make_spec(), tmp_path)
    asked = make_spec(**FREE[case])
    assert extend(asked, records, tmp_path, "here") == asked


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_another_study_is_refused_with_the_difference(
    case: str, make_spec: Make, tmp_path: Path
) -> None:
    changes, difference = CONTRADICTIONS[case]
    records = begun(make_spec(), tmp_path)
    with pytest.raises(SpecError) as refused:
        extend(make_spec(**changes), records, tmp_path, "here")
    assert str(refused.value) == (
        f"here was begun with other settings: {difference}; ask for what is there, "
        "or give the study another --name"
    )


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_nothing_contradicts_what_has_not_begun(case: str, make_spec: Make, tmp_path: Path) -> None:
    begun(make_spec(), tmp_path)
    asked = make_spec(**CONTRADICTIONS[case][0])
    assert extend(asked, [], tmp_path, "here") == asked


def test_settings_of_a_search_nobody_asks_for_are_free(make_spec: Make, tmp_path: Path) -> None:
    records = begun(make_spec(search={"trials": 0, "grace_share": 0.4}), tmp_path)
    asked = make_spec(search={"trials": 0, "grace_share": 0.5})
    assert extend(asked, records, tmp_path, "here").search.trials == 0


FINE = {"seeds": 5, "precision": 0.01, "max_seeds": 20}


@pytest.mark.parametrize(
    ("change", "is_more"),
    [
        ({"precision": 0.005}, True),
        ({"max_seeds": 30}, True),
        ({"precision": 0.02}, False),
        ({"max_seeds": 10}, False),
    ],
)
def test_a_precision_may_be_made_finer(
    change: dict[str, Any], is_more: bool, make_spec: Make, tmp_path: Path
) -> None:
    there, asked = make_spec(**FINE), make_spec(**{**FINE, **change})
    records = begun(there, tmp_path)
    assert extend(asked, records, tmp_path, "here") == (asked if is_more else there)


def test_a_precision_may_be_asked_for_later(make_spec: Make, tmp_path: Path) -> None:
    """Its first stage is what is there: the same rule as if it had been asked for at once."""
    records = begun(make_spec(seeds=5), tmp_path)
    assert extend(make_spec(**FINE), records, tmp_path, "here") == make_spec(**FINE)
    with pytest.raises(SpecError, match=r"seeds = 6 \(there: 5; they are the first stage"):
        extend(make_spec(**{**FINE, "seeds": 6}), records, tmp_path, "here")


def test_how_seeds_were_counted_is_not_forgotten(make_spec: Make, tmp_path: Path) -> None:
    """Intervals have to know that the number of seeds came from their spread."""
    records = begun(make_spec(**FINE), tmp_path)
    with pytest.raises(SpecError, match=r"precision = not set \(there: 0\.01\)"):
        extend(make_spec(seeds=9), records, tmp_path, "here")
    with pytest.raises(SpecError, match=r"seeds = 7 \(there: 5; they are the first stage"):
        extend(make_spec(**{**FINE, "seeds": 7}), records, tmp_path, "here")


def test_trials_of_another_protocol_are_refused_in_one_line(make_spec: Make) -> None:
    records = [record_of(trial) for trial in next_trials(make_spec(), [])]
    check_protocol(records, "res/small")
    old = [{**record, "schema": 1} for record in records[:3]]
    with pytest.raises(SpecError) as refused:
        check_protocol([*records, *old], "res/small")
    assert str(refused.value) == (
        "res/small: 3 of its trials are of another protocol (identity version 1, this program's "
        "is 2); give the study another --name"
    )


def test_a_law_asked_for_long_ago_is_remembered(make_spec: Make, tmp_path: Path) -> None:
    """`study.toml` tells what was asked last, the ledger what is there."""
    records = begun(make_spec(), tmp_path)
    begun(make_spec(populations=[{"name": "concentric", "scale": 2}]), tmp_path)
    with pytest.raises(SpecError, match=r"xor\(sigma=1\) \(there: xor\(sigma=0\.5\)\)"):
        extend(make_spec(populations=[{"name": "xor", "sigma": 1}]), records, tmp_path, "here")


def test_a_damaged_study_file_in_the_folder_is_refused(make_spec: Make, tmp_path: Path) -> None:
    records = begun(make_spec(), tmp_path)
    (tmp_path / "study.toml").write_text("name = [")
    with pytest.raises(SpecError, match="is not TOML"):
        extend(make_spec(), records, tmp_path, "here")


def test_other_code_is_refused_unless_the_user_insists(make_spec: Make) -> None:
    spec = make_spec(search={"trials": 0})
    records = [{**record_of(t), "code": "aaaaaaaaaaaa"} for t in next_trials(spec, [])[:3]]
    assert check_code(spec, records, "aaaaaaaaaaaa", "res/small") == []
    with pytest.raises(SpecError, match="3 by code aaaaaaaaaaaa; the code is bbbbbbbbbbbb now"):
        check_code(spec, records, "bbbbbbbbbbbb", "res/small")
    insisting = make_spec(search={"trials": 0}, allow_mixed_code=True)
    (line,) = check_code(insisting, records, "bbbbbbbbbbbb", "res/small")
    assert "3 by code aaaaaaaaaaaa" in line


def test_a_ledger_from_before_the_fingerprint_goes_on_and_says_so(make_spec: Make) -> None:
    spec = make_spec(search={"trials": 0})
    records = [record_of(trial) for trial in next_trials(spec, [])[:2]]
    (line,) = check_code(spec, records, "bbbbbbbbbbbb", "res/small")
    assert "nobody noted which code ran 2 of its trials" in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"match_parameters": False}, "match_parameters = false (there: true)"),
        (
            {"hyperparameters": {"vgg": {"dropout": 0.5}}},
            "hyperparameters: vgg has another dropout",
        ),
    ],
)
def test_other_dials_are_another_study(
    make_spec: Make, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    write_spec(make_spec(), tmp_path / "study.toml")
    records = [record_of(trial) for trial in next_trials(make_spec(), [])[:1]]
    with pytest.raises(SpecError) as caught:
        extend(make_spec(**change), records, tmp_path, "res/small")
    assert said in str(caught.value)
    assert extend(make_spec(allow_mixed_code=True), records, tmp_path, "res").allow_mixed_code


def test_a_corruption_that_comes_later_is_said_to_lack_a_share_of_none(
    make_spec: Make, tmp_path: Path
) -> None:
    """Finished rules are not kept: they cannot be scored under it any more."""
    law = {"mu0": 0.0, "mu1": 1.0, "sigma0": 1.0, "sigma1": 1.0, "size": 4}
    images = [{"name": "gaussian_images", **law}]
    there = {"populations": images, "distortions": {"occlusion": [0.0, 0.3]}}
    first = make_spec(**there)
    records = begun(first, tmp_path)
    measured = [
        {**record, "role": "measure", "distortion": distortion, "metrics": {"occlusion_risk": 0.2}}
        for record in records[:3]
        for distortion in ("none", "occlusion")
    ]
    assert unscored_lines(first, measured, tmp_path) == []
    more = make_spec(**{**there, "distortions": {"occlusion": [0.0, 0.3], "pixel_noise": [0.3]}})
    (line,) = unscored_lines(more, measured, tmp_path)
    assert line.startswith(
        "pixel_noise is new here: 3 finished trials on undistorted samples were not scored under "
        "it, and pixel_noise_risk stays null of them"
    )
    scored = [{**r, "metrics": {**r["metrics"], "pixel_noise_risk": 0.3}} for r in measured]
    assert unscored_lines(more, scored, tmp_path) == []
    assert unscored_lines(more, [], tmp_path) == []
    assert unscored_lines(more, measured, tmp_path / "elsewhere") == []
