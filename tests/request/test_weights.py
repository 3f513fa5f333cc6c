"""A file of weights in a study file: named by its content, carried, refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from classcomp.models import build
from study.engine.carrying import carry
from study.engine.handover import to_trial
from study.planning.plan import next_trials
from study.planning.preflight import check
from study.request.extension import extend
from study.request.reading import SpecError, parse_spec, read_spec, write_spec
from study.storage.folder import FolderStore
from study.trials.trial import trial_from_json, trial_to_json
from tests.small_study import TABLE, record_of

FAMILY = "resnet18_pretrained"


def weights(path: Path, seed: int = 0, width: int = 4) -> Path:
    """A file that a network of this width and depth 2 starts from."""
    model = build(
        FAMILY,
        depth=2,
        input_shape=(1, 8, 8),
        num_classes=2,
        hyperparameters={"width": width},
        generator=torch.Generator().manual_seed(seed),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.get_submodule("body").state_dict(), path)
    return path


def table(wanted: Any, **changes: Any) -> dict[str, Any]:
    whole = {
        **TABLE,
        "families": [FAMILY],
        "distortions": {},
        "populations": [{"name": "digits", "classes": [0, 1]}],
        "search": {"trials": 0},
        "hyperparameters": {FAMILY: {"weights": wanted, "width": 4}},
    }
    return {**whole, **changes}


def ids(spec: Any) -> set[str]:
    found = {trial.trial_id for trial in next_trials(spec, [])}
    assert found
    return found


def test_a_trial_s_identity_is_the_content_and_not_the_place(tmp_path: Path) -> None:
    first = weights(tmp_path / "here/a.pt")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    (tmp_path / "there/a.pt").rename(tmp_path / "there/b.pth")
    other = weights(tmp_path / "other.pt", seed=1)
    specs = [
        parse_spec(table(str(path)), "test") for path in (first, tmp_path / "there/b.pth", other)
    ]
    assert ids(specs[0]) == ids(specs[1])
    assert not ids(specs[0]) & ids(specs[2])
    (trial, *_) = next_trials(specs[0], [])
    assert trial.weights == str(first)
    assert trial.hyperparameters is not None
    assert str(trial.hyperparameters["weights"]).startswith("sha256=")
    assert "a.pt" not in str(trial.identity)
    assert trial_from_json(trial_to_json(trial)) == trial


def test_words_are_the_identity_themselves(tmp_path: Path) -> None:
    spec = parse_spec(table("other_classes"), "test")
    (trial, *_) = next_trials(spec, [])
    assert trial.weights is None
    assert trial.identity["hyperparameters"]["weights"] == "other_classes"
    assert carry(spec, FolderStore(tmp_path), tmp_path) == spec


def test_the_file_is_carried_and_the_study_may_move(tmp_path: Path) -> None:
    weights(tmp_path / "source/mine.pt")
    asked = parse_spec(table("mine.pt"), "test", tmp_path / "source")
    place = tmp_path / "place"
    carried = carry(asked, FolderStore(place), place)
    write_spec(carried, place / "study.toml")
    trials = next_trials(carried, [])
    assert ids(carried) == ids(asked)
    assert not extend(asked, [record_of(trials[0])], place, "it").networks  # nothing contradicts
    shutil.rmtree(tmp_path / "source")
    found = to_trial(trials[0], str(place)).weights
    assert found is not None
    assert Path(found).parent == place / "carried"
    expected = ids(carried)
    shutil.move(place, tmp_path / "elsewhere")
    assert ids(read_spec(str(tmp_path / "elsewhere/study.toml"))) == expected


def test_another_file_is_another_study(tmp_path: Path) -> None:
    file = weights(tmp_path / "mine.pt")
    spec = parse_spec(table(str(file)), "test")
    write_spec(spec, tmp_path / "study.toml")
    other = parse_spec(table(str(weights(tmp_path / "other.pt", seed=1))), "test")
    records = [record_of(next_trials(spec, [])[0])]
    with pytest.raises(SpecError, match="resnet18_pretrained has another weights"):
        extend(other, records, tmp_path, "it")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("imagenet21k", "must be one of other_classes, imagenet or a file of weights"),
        ("sha256=0123456789abcdef", "must be one of other_classes, imagenet or a file"),
        (True, "must be one of"),
        ("/no/where.pt", "'/no/where.pt': cannot be read: No such file"),
        (["imagenet", "mine.pt"], "a file is given alone"),
    ],
)
def test_what_cannot_be_asked_is_one_line(wanted: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        parse_spec(table(wanted), "test")
    assert "\n" not in str(caught.value)


def test_a_fifth_stage_is_refused_before_anything_starts() -> None:
    with pytest.raises(SpecError, match=r"depths = 5: resnet18_pretrained has depths 1 to 4"):
        parse_spec(table("other_classes", depths=[1, 5]), "test")


@pytest.mark.slow
def test_a_file_that_does_not_fit_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = weights(tmp_path / "wide.pt", width=8)
    spec = parse_spec(table(str(file)), "test")
    with pytest.raises(SpecError, match=r"conv1.weight has shape \(8, 3, 7, 7\)") as caught:
        check(spec, None)
    where = f"hyperparameters.resnet18_pretrained.weights = '{file}': "
    assert str(caught.value).startswith(where)
    assert "\n" not in str(caught.value)
    file.write_bytes(b"")
    with pytest.raises(SpecError) as caught:
        check(parse_spec(table(str(file)), "test"), None)
    allowed = "allowed is a state dict of tensors, as torch.save writes it"
    assert str(caught.value) == f"{where}cannot be read as weights; {allowed}"
    assert check(parse_spec(table(str(weights(tmp_path / "fits.pt"))), "test"), None)


def test_weights_that_are_not_to_be_had_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for wanted, populations, said in (
        ("imagenet", [{"name": "digits", "classes": [0, 1]}], "imagenet: there is no"),
        ("other_classes", [{"name": "digits"}], "digits leaves 0 classes out"),
        ("other_classes", [{"name": "xor", "sigma": 0.5}], "is a law, and has no others"),
    ):
        with pytest.raises(
            SpecError, match=f"^hyperparameters.resnet18_pretrained.weights = .*{said}"
        ):
            check(parse_spec(table(wanted, populations=populations), "test"), None)
