"""Corrupted training images in a study: one law for all, and under what rules are scored."""

from collections.abc import Callable
from typing import Any

import pytest

from study.planning.plan import enumerate_cells, next_trials, places_of
from study.request.reading import SpecError, parse_spec
from study.request.spec import StudySpec
from study.trials.roles import ROLES
from study.trials.trial import law_of
from tests.small_study import TABLE

Make = Callable[..., StudySpec]
IMAGES = {"name": "gaussian_images", "mu0": 0, "mu1": 1, "sigma0": 1, "sigma1": 1, "size": 8}
STUDY: dict[str, Any] = {
    "populations": [IMAGES],
    "distortions": {
        "outliers": [0.0, 0.2, 0.4],
        "label_noise": [0.0, 0.3],
        "occlusion": [0.1],
    },
    "search": {"trials": 0},
    "depths": [1],
    "num_train": [64],
    "families": ["vgg"],
}


def test_one_law_one_best_rule_and_a_limit_for_each_share(make_spec: Make) -> None:
    """Corruption is none of the law's: U_H is looked for once, U_A under every level."""
    spec = make_spec(**STUDY)
    cells = enumerate_cells(spec)
    levels = {(cell.distortion, cell.severity) for cell in cells}
    assert levels == {
        *(("none", 0.0), ("outliers", 0.2), ("outliers", 0.4)),
        *(("label_noise", 0.3), ("occlusion", 0.1)),
    }
    assert {law_of(cell).distortion for cell in cells} == {"none"}
    trials = next_trials(spec, [])
    roles = {t.role for t in trials}
    found = {role: {t.cell.distortion for t in trials if t.role == role} for role in roles}
    assert found == {
        "best_in_class": {"none"},
        "limit": {"none", "outliers", "label_noise", "occlusion"},
        "measure": {"none", "outliers", "label_noise", "occlusion"},
    }
    hyper = [t.hyperparameters for t in trials if t.role == "best_in_class"]
    assert all(held == hyper[0] for held in hyper)


def test_the_best_rule_takes_the_hyperparameters_of_the_least_damaged_sample(
    make_spec: Make,
) -> None:
    """Without an undistorted cell that is the one with a tenth of its images occluded."""
    spec = make_spec(**{**STUDY, "distortions": {"outliers": [0.4], "occlusion": [0.3, 0.1]}})
    places = places_of(ROLES["best_in_class"], enumerate_cells(spec), spec)
    assert {(p.served_by.distortion, p.served_by.severity) for p in places} == {("occlusion", 0.1)}
    assert {place.cell.distortion for place in places} == {"none"}


def test_measured_rules_are_scored_under_their_own_corruption_or_under_all(
    make_spec: Make,
) -> None:
    """Of undistorted data there is no one corruption; under label noise there is none."""
    trials = next_trials(make_spec(**STUDY), [])
    scored = {t.cell.distortion: t.scored_under for t in trials if t.role == "measure"}
    assert scored == {
        "none": ("outliers", "occlusion"),
        "outliers": ("outliers",),
        "occlusion": ("occlusion",),
        "label_noise": (),
    }
    assert all(t.scored_under == () for t in trials if t.role != "measure")


def test_what_is_scored_besides_is_no_part_of_a_trial_s_identity(make_spec: Make) -> None:
    """So that a study which is extended by a corruption keeps its undistorted trials."""
    plain, more = (
        {
            t.trial_id: t.scored_under
            for t in next_trials(make_spec(**{**STUDY, "distortions": distortions}), [])
            if t.role == "measure" and t.cell.is_undistorted
        }
        for distortions in ({}, STUDY["distortions"])
    )
    assert set(plain) == set(more)
    assert set(plain.values()) == {()}
    assert set(more.values()) == {("outliers", "occlusion")}


def test_streams_of_a_corruption_are_the_data_s(make_spec: Make) -> None:
    trials = [t for t in next_trials(make_spec(**STUDY), []) if t.role == "measure"]
    for name in ("corruption", "validation_corruption"):
        by_seed = {t.seed: t.streams[name] for t in trials}
        assert len(set(by_seed.values())) == len(by_seed)
        assert all(t.streams[name] == by_seed[t.seed] for t in trials)
    assert len({t.streams["evaluation_corruption"] for t in trials}) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distortions": {"outliers": [1.0]}}, "outliers = 1.0: must be a number in [0, 1)"),
        ({"distortions": {"pixel_noise": [-0.1]}}, "pixel_noise = -0.1: must be"),
        ({"distortions": {"occlusion": [0.1, 0.1]}}, "no value twice"),
        ({"distortions": {"pepper": [0.1]}}, "allowed are label_noise, feature_noise, imbalance"),
        (
            {"populations": [IMAGES, {"name": "xor"}]},
            "distortions.outliers: outliers: xor(sigma=0.5) has points, rendered or not; allowed "
            "with images",
        ),
    ],
)
def test_a_wrong_corruption_is_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({**TABLE, **STUDY, **changes}, "study.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_points_a_share_of_none_is_nothing(make_spec: Make) -> None:
    spec = make_spec(distortions={"outliers": [0.0]}, search={"trials": 0})
    assert all(t.scored_under == () for t in next_trials(spec, []))
