"""Properties of the decomposition, on tables of every shape."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.analysis.columns import ERRORS, LANDSCAPE_COLUMNS, SEED_ERROR_COLUMNS
from study.analysis.completeness import missing_rows, study_grid
from study.analysis.frames import to_rows
from study.analysis.joined import Joined, join, trial_errors
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from study.planning.plan import enumerate_cells, planned_trials
from study.request.reading import parse_spec
from tests.small_study import TABLE, record_of

Record = dict[str, Any]
Make = Callable[..., Record]

LIMITS = (0.11, 0.13, 0.18)  # mean .14

relaxed = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
half = st.floats(0, 0.5)
seeds = st.lists(
    st.tuples(st.sampled_from(["done", "done", "done", "failed"]), half, half, st.booleans()),
    min_size=1,
    max_size=6,
)


def joined_of(records: list[Record], levels: dict[str, list[float]]) -> Joined:
    return join(build_trials(records, levels))


def cell(make: Make, found: list[Any], u: float, distortion: str, known: bool) -> list[Record]:
    records = []
    for seed, (status, excess, converged, settled) in enumerate(found):
        named = {"seed": seed, "distortion": distortion, "severity": 0.1 * (distortion != "none")}
        metrics = {
            "bayes_risk": 0.25,
            "risk": 0.25 + excess,
            "excess_risk": excess if known else None,
            "excess_risk_se": 0.001 if known else None,
            "converged_risk": 0.25 + converged if settled else None,
            "converged_excess_risk": converged if settled and known else None,
        }
        records.append(make(status=status, **named, **(metrics if status == "done" else {})))
    best = {"risk": 0.25 + u, "excess_risk": u if known else None, "selection_risk": 0.3}
    limits = [
        make(
            "limit",
            seed=seed,
            distortion=distortion,
            severity=0.1 * (distortion != "none"),
            num_train=9000,
            risk=0.25 + limit,
            excess_risk=limit if known else None,
        )
        for seed, limit in enumerate(LIMITS)
    ]
    return [*records, make("best_in_class", num_train=5000, **best), *limits]


@given(found=seeds, u=half, distortion=st.sampled_from(["none", "label_noise"]))
@relaxed
def test_errors_telescope_and_keep_their_sign(
    found: list[Any], u: float, distortion: str, make: Make
) -> None:
    levels = {"label_noise": [0.1]}
    joined = joined_of(cell(make, found, u, distortion, True), levels)
    rows = to_rows(build_landscape(joined, levels))
    for row in rows:
        parts = [row[name] for name in ERRORS[1:]]
        if row["total"] is not None and None not in parts:
            assert abs(row["total"] - math.fsum(parts)) <= 1e-12
    row = next(r for r in rows if r["distortion"] == distortion)
    usable = [f for f in found if f[0] == "done" and f[3]]
    assert row["num_seeds"] + row["num_missing"] == len(found)
    if len(usable) >= 2 or len(usable) == len(found):
        # against arithmetic done another way
        assert row["estimation_num_seeds"] == len(usable)
        assert row["estimation"] == pytest.approx(np.mean([f[2] for f in usable]) - 0.14, abs=1e-12)
        assert row["objective"] == pytest.approx(0.14 - u, abs=1e-12)
        assert row["optimization"] == pytest.approx(np.mean([f[1] - f[2] for f in usable]))
    else:
        assert row["estimation"] is None
        assert row["optimization"] is None


@given(found=seeds, u=half)
@relaxed
def test_without_bayes_risk_nothing_is_invented(found: list[Any], u: float, make: Make) -> None:
    (row,) = to_rows(build_landscape(joined_of(cell(make, found, u, "none", False), {}), {}))
    for name in ("total", "approximation", "objective"):
        assert [row[name], row[f"{name}_lo"], row[f"{name}_hi"]] == [None, None, None]


def test_every_row_of_a_study_telescopes(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    landscape = build_landscape(joined_of(records, levels), levels)
    assert list(landscape.columns) == [column.name for column in LANDSCAPE_COLUMNS]
    assert [str(d) for d in landscape.dtypes] == [column.dtype for column in LANDSCAPE_COLUMNS]
    known = landscape[landscape["total"].notna()]
    assert len(known) == 3 * 2 * 5  # families x depths x levels, on XOR
    parts = ("approximation", "objective", "estimation", "optimization")
    assert (known["total"] - known[list(parts)].sum(axis=1)).abs().max() <= 1e-12
    nominal = known["total"] - known["nominal_approximation"] - known["nominal_estimation"]
    assert nominal.abs().max() <= 1e-12
    assert len(landscape) == 2 * len(known)
    assert (known["optimization"] < 0).any()
    # there are no decisions: only what needs none has an interval
    for name in ("approximation", "nominal_approximation"):
        assert (known[f"{name}_lo"] <= known[name]).all()
        assert (known[name] <= known[f"{name}_hi"]).all()
    for name in ("total", "objective", "estimation", "optimization", "nominal_estimation"):
        assert landscape[f"{name}_lo"].isna().all()
    real = landscape[landscape["population"] == "digits"]
    unknown = ["total", "approximation", "objective", "best_in_class_risk", "nominal_approximation"]
    assert real[[*unknown, "approximation_is_bound"]].isna().all(axis=None)
    assert real["estimation"].notna().sum() > 20


def test_the_landscape_ignores_the_order_of_records(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    first = build_landscape(joined_of(records, levels), levels)
    second = build_landscape(joined_of(records[::-1], levels), levels)
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_complete_study_misses_nothing(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    whole = [record for record in records if record["status"] != "failed"]
    joined = joined_of(whole, levels)
    missing = to_rows(missing_rows(joined, levels))
    assert [(row["role"], row["seed"], row["why"]) for row in missing] == [
        ("measure", 1, "absent"),
        ("measure", 1, "absent"),
    ]
    others = [record for record in whole if record["family"] != "resnet"]
    assert missing_rows(joined_of(others, levels), levels).empty


@pytest.mark.parametrize("lacks", [0, 1])
def test_what_is_not_asked_of_damaged_samples_is_not_missing(lacks: int) -> None:
    """Damages at one size and depth of two: the study itself says which cells it asks for."""
    asked = {"distorted_num_train": [128], "distorted_depths": [2], "search": {"trials": 0}}
    spec = parse_spec({**TABLE, **asked}, "test")
    records = [record_of(trial, metrics={"risk": 0.1}) for trial in planned_trials(spec)]
    measured = [n for n, record in enumerate(records) if record["role"] == "measure"]
    damaged = next(n for n in measured if records[n]["distortion"] == "label_noise")
    whole = records[:damaged] + records[damaged + lacks :]
    held = {name: list(severities) for name, severities in spec.distortions.items()}
    joined = joined_of(whole, held)
    assert sorted(study_grid(joined, held)) == sorted(enumerate_cells(spec))
    assert len(missing_rows(joined, held)) == lacks


def test_no_slack_is_missing_of_families_that_are_no_teachers() -> None:
    """Of the others one is, where it is lost."""
    asked = {"families": ["vgg", "vae_svm"], "search": {"trials": 0}}
    asked |= {"best_in_class": {"restarts": 1, "num_stream": [500], "slack_restarts": 1}}
    spec = parse_spec({**TABLE, **asked}, "test")
    scored = {"risk": 0.1, "bayes_risk": 0.04}
    records = [record_of(trial, metrics=scored) for trial in planned_trials(spec)]
    held = {name: list(severities) for name, severities in spec.distortions.items()}
    assert missing_rows(joined_of(records, held), held).empty
    slack = [record for record in records if record["role"] == "slack"]
    assert len(slack) > 1
    assert {record["family"] for record in slack} == {"vgg"}
    lost = [record for record in records if record is not slack[0]]
    (row,) = to_rows(missing_rows(joined_of(lost, held), held))
    assert (row["role"], row["family"]) == ("slack", "vgg")


def test_a_cell_that_is_wholly_absent_is_a_row_of_nulls(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    gone = ("linear", 1, "digits", "imbalance")
    names = ("family", "depth", "population", "distortion")
    kept = [r for r in records if tuple(r[name] for name in names) != gone]
    joined = joined_of(kept, levels)
    landscape = build_landscape(joined, levels)
    found = [r for r in to_rows(landscape) if tuple(r[name] for name in names) == gone]
    assert [(r["severity"], r["num_seeds"], r["num_missing"]) for r in found] == [
        (0.5, 4, 0),
        (0.8, 0, 4),
    ]
    assert found[1]["estimation"] is None
    why = [r["role"] for r in to_rows(missing_rows(joined, levels)) if r["family"] == "linear"]
    assert why == ["measure"] * 4 + ["limit"] * 2


def test_a_severity_the_study_does_not_list_is_left_out(make: Make) -> None:
    records = [make(), make(distortion="label_noise", severity=0.3, seed=0)]
    levels = {"label_noise": [0.0, 0.1]}
    grid = study_grid(joined_of(records, levels), levels)
    assert [(cell.distortion, cell.severity) for cell in grid] == [
        ("label_noise", 0.1),
        ("none", 0.0),
    ]


def test_trial_errors_has_a_row_per_measured_seed(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    errors = trial_errors(joined_of(records, levels))
    assert list(errors.columns) == [column.name for column in SEED_ERROR_COLUMNS]
    assert len(errors) == sum((r["role"], r["status"]) == ("measure", "done") for r in records)


def test_an_empty_study_has_an_empty_landscape() -> None:
    joined = joined_of([], {})
    for levels in ({}, {"label_noise": [0.0, 0.1]}):
        assert build_landscape(joined, levels).empty
        assert missing_rows(joined, levels).empty


def test_divisions_of_one_set_are_compared_within_each(make: Make) -> None:
    """A set that is divided anew: differences by seed, and Nadeau and Bengio's variance.

    By hand: R_n(inf) - U_A of the same seed .10, .12, .14; the factor is 1/3 + 30/60.
    """
    sizes = {"is_resplit": True, "num_available": 60, "num_test": 30}
    records = [
        make(seed=s, risk=0.5, excess_risk=None, bayes_risk=None, converged_risk=0.3 + r, **sizes)
        for s, r in enumerate((0.00, 0.05, 0.01))
    ]
    records += [
        make("limit", seed=s, num_train=9000, risk=u, excess_risk=None, bayes_risk=None, **sizes)
        for s, u in enumerate((0.20, 0.23, 0.17))
    ]
    (row,) = to_rows(build_landscape(joined_of(records, {}), {}))
    assert row["estimation"] == pytest.approx(0.12)
    half = 4.302653 * 0.02 * math.sqrt(1 / 3 + 30 / 60)
    assert row["estimation_lo"] == pytest.approx(0.12 - half, abs=1e-6)
    assert row["estimation_hi"] == pytest.approx(0.12 + half, abs=1e-6)


def test_divisions_that_agree_to_the_last_example_leave_room_for_more(make: Make) -> None:
    sizes = {"is_resplit": True, "num_available": 60, "num_test": 30}
    records = [
        make(seed=s, risk=0.1, excess_risk=None, bayes_risk=None, converged_risk=0.1, **sizes)
        for s in range(3)
    ]
    (row,) = to_rows(build_landscape(joined_of(records, {}), {}))
    assert row["optimization"] == 0.0
    assert row["optimization_lo"] < -0.05 < 0.05 < row["optimization_hi"]


def test_a_seed_without_a_division_of_its_own_moves_the_value_alone(make: Make) -> None:
    """As a precision asks for: three seeds, two restarts; U_A of the third is their mean."""
    sizes = {"is_resplit": True, "num_available": 60, "num_test": 30}
    records = [
        make(seed=s, risk=0.5, excess_risk=None, bayes_risk=None, converged_risk=r, **sizes)
        for s, r in enumerate((0.30, 0.34, 0.41))
    ]
    records += [
        make("limit", seed=s, num_train=9000, risk=u, excess_risk=None, bayes_risk=None, **sizes)
        for s, u in enumerate((0.20, 0.22))
    ]
    (row,) = to_rows(build_landscape(joined_of(records, {}), {}))
    assert row["estimation"] == pytest.approx((0.10 + 0.12 + 0.20) / 3)
    half = 12.706205 * math.sqrt(0.0002) * math.sqrt(1 / 2 + 30 / 60)
    assert row["estimation_hi"] - row["estimation"] == pytest.approx(half, abs=1e-6)
