"""More of a study, or less, but never another one under the same name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.planning.plan import next_trials
from study.request.extension import check_code, extend
from study.request.reading import SpecError, write_spec
from study.request.spec import StudySpec
from tests.small_study import TABLE, record_of

Make = Callable[..., StudySpec]


def begun(spec: StudySpec, directory: Path) -> list[dict[str, Any]]:
    """A study of which everything that could start at once is done."""
    write_spec(spec, directory / "study.toml")
    return [record_of(trial) for trial in next_trials(spec, [])]


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
    records = begun(make_spec(search={"trials": 0, "max_epochs": 4}), tmp_path)
    asked = make_spec(search={"trials": 0, "max_epochs": 5})
    assert extend(asked, records, tmp_path, "here").search.trials == 0


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
