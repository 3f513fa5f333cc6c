"""Curves over capacity: what their tables say, of rules whose errors are drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.capacities import build_capacities
from study.analysis.frames import Row, to_rows
from study.analysis.joined import Joined
from study.analysis.landscape import build_landscape
from study.analysis.results import build_results, write_results
from study.analysis.table import build_trials
from tests.analysis.conftest import make_record
from tests.analysis.decided import Array, Written

EXAMPLES, SEEDS, CERTAINTY = 400, 6, 0.9
CAPACITIES = (0.25, 0.5, 1.0, 4.0, 16.0)
FLIPPED = {"budget": (0.2, 0.15, 0.35, 0.15, 0.1), "converged": (0.2, 0.1, 0.4, 0.1, 0.05)}
"""By capacity the shares of examples that a rule does not decide as the Bayes rule does."""
LIMIT = (0.15, 0.05, 0.05, 0.04, 0.02)
BEST = (0.14, 0.04, 0.03, 0.03, 0.02)
OWN = (0.25, 0.1, 0.004, 0.0, 0.0)
SIZES = (2_000, 4_000, 8_000, 32_000, 128_000)
LAW = np.tile([CERTAINTY, 1 - CERTAINTY], (EXAMPLES, 1))


def decided(share: float, rng: np.random.Generator) -> Array:
    return (rng.random(EXAMPLES) < share).astype(np.int64)


def written(folder: Path, *, restarts: int = 2, **changes: Any) -> Written:
    study = Written(folder, LAW, 1 - CERTAINTY)
    rng = np.random.default_rng(0)
    for at, c in enumerate(CAPACITIES):
        named = {"family": "vgg", "capacity": c, "num_parameters": SIZES[at]}
        for seed in range(SEEDS):
            own = OWN[at] + 0.001 * seed if OWN[at] > 0.05 else OWN[at]
            classes = {branch: decided(shares[at], rng) for branch, shares in FLIPPED.items()}
            study.add(classes=classes, seed=seed, final_train_risk=own, **named, **changes)
        for role, share in (("limit", LIMIT[at]), ("best_in_class", BEST[at])):
            for seed in range(restarts):
                held = {"budget": decided(share, rng)}
                study.add(role, classes=held, seed=seed, **{**named, "num_train": 2000})
    return study


def tables(joined: Joined) -> tuple[list[Row], dict[str, Row]]:
    points, peaks = build_capacities(joined, {}, build_landscape(joined, {}))
    return to_rows(points), {row["quantity"]: row for row in to_rows(peaks)}


def means(study: Written, column: str, role: str = "measure") -> list[float]:
    """By capacity, straight from the records."""
    return [
        float(
            np.mean(
                [
                    r["metrics"][column]
                    for r in study.records
                    if (r["role"], r["capacity"]) == (role, c)
                ]
            )
        )
        for c in CAPACITIES
    ]


def test_points_are_the_cell_s_risks_and_errors(tmp_path: Path) -> None:
    study = written(tmp_path)
    points, _ = tables(study.joined())
    assert [row["capacity"] for row in points] == list(CAPACITIES)
    assert [row["num_parameters"] for row in points] == list(SIZES)
    for name, column in (
        ("risk", "risk"),
        ("converged_risk", "converged_risk"),
        ("resubstitution_risk", "final_train_risk"),
    ):
        assert [row[name] for row in points] == pytest.approx(means(study, column))
    t = scipy.stats.t.ppf(0.975, SEEDS - 1)
    reach = t * np.std([0.001 * s for s in range(SEEDS)], ddof=1) / SEEDS**0.5
    assert points[0]["resubstitution_risk_hi"] - points[0]["resubstitution_risk"] == pytest.approx(
        reach
    )
    landscape = to_rows(build_landscape(study.joined(), {}))
    for row, wanted in zip(points, landscape, strict=True):
        for name in ("approximation", "estimation", "estimation_lo", "optimization_hi"):
            assert row[name] == wanted[name] is not None
        assert row["risk_lo"] < row["risk"] < row["risk_hi"]


def test_the_peak_of_both_risks_is_told_with_what_it_is_made_of(tmp_path: Path) -> None:
    """By hand: the four errors of the means at the peak less those beside it add up."""
    study = written(tmp_path)
    _, peaks = tables(study.joined())
    budget, converged = means(study, "risk"), means(study, "converged_risk")
    limit, best = means(study, "risk", "limit"), []
    for c in CAPACITIES:
        held = [r for r in study.records if r["capacity"] == c]
        chosen = min(  # every rule of the architecture is a candidate
            (r["metrics"]["selection_risk"], r["metrics"]["risk"]) for r in held
        )
        best.append(chosen[1])
    row, settled = peaks["risk"], peaks["converged_risk"]
    for found, risks in ((row, budget), (settled, converged)):
        assert (found["peak"], found["left"], found["right"]) == (1.0, 0.5, 16.0)
        assert (found["peak_lo"], found["peak_hi"], found["is_peak"]) == (1.0, 1.0, True)
        assert found["peak_num_parameters"] == 8_000
        assert found["rise"] == pytest.approx(risks[2] - risks[1])
        assert found["fall"] == pytest.approx(risks[2] - risks[4])
        assert 0 < found["rise_lo"] < found["rise"] < found["rise_hi"]
        assert found["interpolation"] == 1.0
        assert found["carried_by"] == "estimation"
    for way, other in (("rise", 1), ("fall", 4)):
        wanted = {
            "approximation": best[2] - best[other],
            "objective": limit[2] - best[2] - limit[other] + best[other],
            "estimation": converged[2] - limit[2] - converged[other] + limit[other],
            "optimization": budget[2] - converged[2] - budget[other] + converged[other],
        }
        for name, value in wanted.items():
            assert row[f"{way}_{name}"] == pytest.approx(value, abs=1e-12)
        assert sum(row[f"{way}_{name}"] for name in wanted) == pytest.approx(row[way])
        assert settled[f"{way}_optimization"] == 0.0
        assert sum(settled[f"{way}_{name}"] for name in wanted) == pytest.approx(settled[way])


def test_what_is_unknown_is_null(tmp_path: Path) -> None:
    """Without U_A nobody knows what carries a peak; without decisions not whether there is one."""
    study = written(tmp_path, restarts=0)
    _, peaks = tables(study.joined())
    assert peaks["risk"]["is_peak"] is True
    unknown = ("carried_by", "rise_objective", "fall_estimation")
    assert {peaks["risk"][name] for name in unknown} == {None}
    assert peaks["risk"]["fall_optimization"] is not None
    points, peaks = tables(study.without_decisions())
    assert peaks["risk"]["peak"] == 1.0
    assert {peaks["risk"][name] for name in ("is_peak", "rise_lo", "peak_lo", "carried_by")} == {
        None
    }
    assert {row["risk_lo"] for row in points} == {None}


@pytest.mark.parametrize(("seeds", "capacities"), [(2, 5), (6, 2)])
def test_of_less_than_three_no_peak_is_told(seeds: int, capacities: int, tmp_path: Path) -> None:
    study = written(tmp_path)
    study.records = [
        r
        for r in study.records
        if r["capacity"] in CAPACITIES[:capacities] and (r["seed"] < seeds or r["role"] == "limit")
    ]
    _, peaks = tables(study.joined())
    assert peaks["risk"]["is_peak"] is None
    assert peaks["risk"]["num_capacities"] == capacities
    assert (peaks["risk"]["peak"] is None) == (capacities == 2)


def test_interpolation_needs_every_smaller_capacity(tmp_path: Path) -> None:
    study = written(tmp_path)
    for record in study.records:
        if record["capacity"] == 0.25:
            record["metrics"].pop("final_train_risk", None)
    _, peaks = tables(study.joined())
    assert peaks["risk"]["interpolation"] is None


def test_a_curve_is_of_the_seeds_that_all_its_points_have(tmp_path: Path) -> None:
    study = written(tmp_path)
    study.records = [r for r in study.records if (r["capacity"], r["seed"]) != (4.0, 5)]
    _, peaks = tables(study.joined())
    assert peaks["risk"]["num_seeds"] == SEEDS - 1


def test_a_study_without_the_axis_writes_none_of_its_tables(tmp_path: Path) -> None:
    records = [make_record(seed=s, risk=0.3, capacity=c) for s in (0, 1) for c in (0.5, 2.0)]
    for name, held in (("with", records), ("without", [make_record(risk=0.3)])):
        folder = tmp_path / name
        folder.mkdir()
        write_results(build_results(build_trials(held, {}), {}), folder, {})
        assert (folder / "capacities.csv").exists() == (name == "with")
        assert (folder / "peaks.csv").exists() == (name == "with")
