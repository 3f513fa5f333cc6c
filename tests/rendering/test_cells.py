"""What the explorer holds: each cell's errors, trials, curves and exhibits, and nothing else's."""

from typing import Any

import pytest

from study.analysis.reading import Study
from study.analysis.results import build_results
from study.analysis.table import build_curves, build_trials
from study.rendering.cells import explored, rounded, thinned
from study.rendering.pictures import Picture
from tests.rendering.conftest import Record, landscape_frame, make_record
from tests.rendering.found import LARGE, known, parts

CURVE = [
    {"phase": phase, "step": 8 * k, "epoch": float(k), "train_loss": 0.5, "train_risk": 0.5 / k}
    for phase, k in (("budget", 1), ("budget", 2), ("cooldown", 3))
]


def measured(seed: int, **changes: Any) -> Record:
    metrics = {"risk": 0.25, "converged_risk": 0.2, "steps": 80, "wall_s": 1.25}
    return make_record("measure", seed=seed, curves=CURVE, **{**metrics, **changes})


def held_of(records: list[Record], pictures: dict[str, list[Picture]] | None = None) -> Any:
    levels = {"label_noise": [0.0, 0.2], "feature_noise": [0.0, 1.0]}
    trials, curves = build_trials(records, levels), build_curves(records)
    study = Study(name="x", folder=None, trials=trials, levels=levels, curves=curves, provenance={})
    return explored(study, build_results(trials, levels), pictures or {})


def test_an_undamaged_cell_is_one_place_under_every_distortion() -> None:
    noisy = {"distortion": "label_noise", "severity": 0.2}
    first = measured(3, hyperparameters={"learning_rate": 0.1})
    failed = make_record("measure", "failed", seed=4, error="Boom: <b>")
    search = make_record("search", seed=1_000_001, validation_risk=0.125)
    records = [measured(0, **noisy), search, first, failed]
    picture = Picture(name="p", files={}, packed="", alt="", trials=(first["trial_id"],))
    held = held_of(records, {"exhibits": [picture]})
    plain = [cell for cell in held["cells"] if cell["severity"] == "0"]
    assert {cell["distortion"] for cell in plain} == {"label noise", "feature noise"}
    (place,) = {cell["place"] for cell in plain}
    assert {cell["damage"] for cell in plain} == {"undistorted"}
    trials = held["trials"][place]
    assert [trial["role"] for trial in trials] == ["measure", "measure", "search"]
    assert (trials[0]["seed"], trials[0]["risk"], trials[0]["settled"]) == ("3", "25.00", "20.00")
    assert (trials[0]["steps"], trials[0]["seconds"]) == (80, 1.25)
    assert held["settings"][trials[0]["settings"]] == "learning_rate = 0.1"
    assert (trials[1]["status"], trials[1]["note"]) == ("failed", "Boom: <b>")
    assert trials[2]["risk"] == "12.50"
    assert held["exhibits"] == {place: ["p"]}
    (other,) = [c["place"] for c in held["cells"] if c["damage"] == "label noise 0.2"]
    assert [trial["seed"] for trial in held["trials"][other]] == ["0"]
    pieces = held["curves"][place]["pieces"]
    assert [(one["phase"], one["x"], one["y"]) for one in pieces] == [
        ("trunk", [1.0, 2.0], [50.0, 25.0]),
        ("cooldown to Rₙ(T)", [2.0, 3.0], [25.0, 16.67]),
    ]


def test_errors_are_as_the_tables_tell_them() -> None:
    wide = known("vgg", estimation=(0.05, -0.02, 0.12), share_converged=0.8)
    study, results = parts(landscape_frame(known("linear", estimation=LARGE), wide))
    held = explored(study, results, {})
    assert held["tasks"]["classification"]["limits"]["estimation"] == 9.0
    errors = {cell["network"]: cell["errors"]["estimation"] for cell in held["cells"]}
    assert errors["linear 1"]["text"] == "9.00"
    assert errors["linear 1"]["interval"] == "[8.00, 10.00]"
    assert "wide" not in errors["linear 1"]
    assert errors["vgg 1"] == {
        "value": 5.0,
        "lo": -2.0,
        "hi": 12.0,
        "text": "~5.00",
        "interval": "[-2.00, 12.00]",
        "wide": 1,
    }


def test_nothing_trained_nothing_held() -> None:
    assert held_of([]) == {}


def test_a_curve_that_is_thinned_keeps_its_ends() -> None:
    curve = [(float(k), 1.0 / (k + 1)) for k in range(101)]
    kept = thinned(curve, 8)
    assert len(kept) == 8
    assert (kept[0], kept[-1]) == (curve[0], curve[-1])
    assert kept == sorted(kept)
    assert thinned(curve[:5], 8) == curve[:5]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (float("nan"), None), (float("inf"), None), (1.23456789, 1.23457), (0.0, 0.0)],
)
def test_numbers_are_those_that_json_has(value: float | None, expected: float | None) -> None:
    assert rounded(value) == expected
