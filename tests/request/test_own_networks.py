"""Networks and data of the user's own in a study file: carried, moved, edited, refused."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.engine.carrying import carry
from study.engine.proposals import check_search
from study.planning.plan import next_trials
from study.request.extension import extend
from study.request.reading import SpecError, parse_spec, read_spec, write_spec
from study.storage.folder import FolderStore
from tests.small_study import TABLE, record_of

NETWORK = "class Net:\n    pass\n"


def own_table(folder: Path, **changes: Any) -> dict[str, Any]:
    """A study with a network and two data sets of equal content, its files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.py").write_text(NETWORK)
    y = np.arange(60) % 2
    for name in ("mine", "copy"):
        np.savez(folder / f"{name}.npz", x=np.random.default_rng(0).random((60, 3)), y=y)
    table = {
        **TABLE,
        "families": ["mynet", "linear"],
        "distortions": {},
        "networks": [{"name": "mynet", "path": "net.py:Net", "space": {"dropout": [0.0, 0.5]}}],
        "populations": [{"name": "arrays", "path": f"{name}.npz"} for name in ("mine", "copy")],
    }
    return {**table, **changes}


def carried_study(folder: Path, place: Path) -> Path:
    """The study as its own folder holds it; the path of its file."""
    spec = parse_spec(own_table(folder), "test", folder)
    write_spec(carry(spec, FolderStore(place), place), place / "study.toml")
    return place / "study.toml"


def test_a_study_s_folder_may_move(tmp_path: Path) -> None:
    file = carried_study(tmp_path / "source", tmp_path / "place")
    asked = parse_spec(own_table(tmp_path / "source"), "test", tmp_path / "source")
    ids = {trial.seed: trial for trial in next_trials(asked, [])}
    assert ids
    shutil.rmtree(tmp_path / "source")
    shutil.move(file.parent, tmp_path / "elsewhere")
    moved = read_spec(str(tmp_path / "elsewhere/study.toml"))
    assert [p.label for p in moved.populations] == [p.label for p in asked.populations]
    assert moved.network_of("mynet").source == asked.network_of("mynet").source  # type: ignore[union-attr]


def test_equal_content_under_two_names_is_two_populations(tmp_path: Path) -> None:
    spec = read_spec(str(carried_study(tmp_path / "source", tmp_path / "place")))
    assert len({p.label for p in spec.populations}) == 2
    assert len(list((tmp_path / "place/carried").glob("*.npz"))) == 2


def test_a_study_s_own_file_under_another_name_is_carried_again(tmp_path: Path) -> None:
    spec = read_spec(str(carried_study(tmp_path / "source", tmp_path / "place")))
    other = carry(spec, FolderStore(tmp_path / "other"), tmp_path / "other")
    assert {Path(n.path.partition(":")[0]).parent for n in other.networks} == {
        tmp_path / "other/carried"
    }
    assert len(list((tmp_path / "other/carried").iterdir())) == 3


def test_a_network_that_is_listed_and_not_asked_for_is_written_back(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    spec = parse_spec(own_table(folder, families=["linear"]), "test", folder)
    write_spec(spec, tmp_path / "study.toml")
    assert read_spec(str(tmp_path / "study.toml")).networks == spec.networks


def test_another_source_is_another_study_whatever_the_file_says_now(tmp_path: Path) -> None:
    """Of a module nothing is carried: what ran is in the records alone."""
    spec = parse_spec(own_table(tmp_path), "test", tmp_path)
    write_spec(spec, tmp_path / "study.toml")
    records = [record_of(trial) for trial in next_trials(spec, []) if trial.cell.family == "mynet"]
    assert extend(spec, records, tmp_path, "res")
    older = [{**record, "source": "0123456789abcdef"} for record in records]
    with pytest.raises(SpecError, match=r"source of mynet is .* \(there: 0123456789abcdef\)"):
        extend(spec, older, tmp_path, "res")


def test_a_family_that_is_no_longer_asked_for_is_no_hindrance(tmp_path: Path) -> None:
    spec = parse_spec(own_table(tmp_path), "test", tmp_path)
    records = [record_of(t) for t in next_trials(spec, []) if t.cell.family == "mynet"]
    without = parse_spec(own_table(tmp_path, families=["linear"], networks=[]), "test", tmp_path)
    assert records
    check_search(without, records)


def test_what_scikit_learn_calls_a_learning_rate_is_the_classifier_s(tmp_path: Path) -> None:
    network = {
        "name": "boosting",
        "path": "sklearn.ensemble:GradientBoostingClassifier",
        "parameters": {"learning_rate": 0.05},
        "kind": "sklearn",
    }
    table = own_table(tmp_path, families=["boosting"], networks=[network])
    assert parse_spec(table, "test", tmp_path).space_of("boosting").defaults == {
        "learning_rate": 0.05
    }
    unknown_yet = {key: value for key, value in network.items() if key != "kind"}
    assert parse_spec({**table, "networks": [unknown_yet]}, "test", tmp_path)


def test_a_parameter_is_fixed_in_one_place(tmp_path: Path) -> None:
    network = {
        "name": "forest",
        "path": "sklearn.ensemble:RandomForestClassifier",
        "parameters": {"n_estimators": 100},
        "space": {"min_samples_leaf": [1, 8]},
        "kind": "sklearn",
    }
    table = own_table(tmp_path, families=["forest"], networks=[network])
    twice = {"forest": {"n_estimators": 4}}
    with pytest.raises(SpecError) as caught:
        parse_spec({**table, "hyperparameters": twice}, "test", tmp_path)
    assert str(caught.value) == (
        "test: hyperparameters.forest.n_estimators = 4: allowed is it or the network's parameters, "
        "n_estimators = 100, not both"
    )
    searched = {"forest": {"min_samples_leaf": 2}}
    spec = parse_spec({**table, "hyperparameters": searched}, "test", tmp_path)
    assert spec.space_of("forest").defaults == {"n_estimators": 100, "min_samples_leaf": 2}


@pytest.mark.parametrize(
    ("facts", "is_on"),
    [
        ({}, True),  # nobody has tried it out yet
        ({"kind": "torch", "matched": True}, True),
        ({"kind": "torch", "matched": False}, False),
        ({"kind": "torch", "matched": True, "parameters": {"width": 8}}, False),
        ({"kind": "sklearn"}, False),
    ],
)
def test_a_network_is_on_the_axis_of_capacities_where_a_budget_chooses_its_width(
    facts: dict[str, Any], is_on: bool, tmp_path: Path
) -> None:
    network = {"name": "mynet", "path": "net.py:Net", **facts}
    table = own_table(tmp_path, networks=[network], capacity=[0.5, 2.0])
    spec = parse_spec(table, "test", tmp_path)
    assert spec.capacities_of("mynet") == ((0.5, 2.0) if is_on else (None,))
    assert spec.capacities_of("linear") == (0.5, 2.0)
    if not is_on:
        with pytest.raises(SpecError, match="no width of families"):
            parse_spec({**table, "families": ["mynet"]}, "test", tmp_path)


@pytest.mark.parametrize("where", ["parameters", "space"])
def test_numbers_are_finite(where: str, tmp_path: Path) -> None:
    network = {"name": "mynet", "path": "net.py:Net", where: {"clip": [float("nan"), 1.0]}}
    with pytest.raises(
        SpecError, match=f"networks.0.{where}.*: clip: nan is no finite number"
    ) as caught:
        parse_spec(own_table(tmp_path, networks=[network]), "test", tmp_path)
    assert "\n" not in str(caught.value)
