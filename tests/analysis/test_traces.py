"""Traces of known shape: what their tables say of where to stop, and how often they are wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from study.analysis.frames import Row, to_rows
from study.analysis.intervals import Estimate
from study.analysis.joined import join
from study.analysis.results import build_results, write_results
from study.analysis.table import build_curves, build_trials
from study.analysis.traces import GAINS, build_traces, stopping_gains
from study.rendering.traces import stop_lines, stop_words
from tests.analysis.conftest import Record, make_record

Array = np.ndarray[Any, np.dtype[np.float64]]

STEPS = (2, 4, 8, 16, 32, 64, 128)
STUDIES = 300


def record_of(
    seed: int, risks: Array, *, budget: float, converged: float, se: float = 0.0, **changes: Any
) -> Record:
    """A measured trial whose trace has these risks at the first of STEPS; an epoch is two steps."""
    steps = changes.pop("steps", STEPS)[: len(risks)]
    curves = [
        {"phase": "budget" if step < 20 else "settle", "step": step, "epoch": step / 2}
        | {"train_risk": 0.1, "risk": float(risk), "risk_se": se}
        for step, risk in zip(steps, risks, strict=True)
    ]
    cooled = [
        {"phase": "cooldown", "step": step, "epoch": step / 2, "train_risk": 0.1}
        for step in (18, 20)
    ]
    known = {"risk": budget, "risk_se": se, "converged_risk": converged, "converged": True}
    return make_record(seed=seed, curves=[*curves, *cooled], **known, **changes)


def tables(records: list[Record]) -> tuple[list[Row], list[Row]]:
    joined = join(build_trials(records, {}))
    points, stops = build_traces(joined, {}, build_curves(records))
    return to_rows(points), to_rows(stops)


def study_of(risks: Array, others: Array, se: float = 0.0) -> Row:
    """Where to stop, of traces (S, P) and R_n(T) and R_n(inf) (S, 2)."""
    _, stops = tables(
        [
            record_of(seed, own, budget=float(b), converged=float(c), se=se)
            for seed, (own, (b, c)) in enumerate(zip(risks, others, strict=True))
        ]
    )
    return stops[0]


def test_points_are_means_with_intervals_over_seeds_and_examples() -> None:
    risks = np.random.default_rng(2).uniform(0.1, 0.3, (4, 7))
    points, _ = tables(
        [record_of(s, own, budget=0.2, converged=0.2, se=0.003) for s, own in enumerate(risks)]
    )
    assert [row["step"] for row in points] == list(STEPS)
    assert [row["epoch"] for row in points] == [step / 2 for step in STEPS]
    for row, held in zip(points, risks.T, strict=True):
        seeds, examples = held.var(ddof=1) / 4, 0.003**2
        total = seeds + examples
        pooled = scipy.stats.t.ppf(0.975, total**2 / (seeds**2 / 3))
        apart = (
            seeds * scipy.stats.t.ppf(0.975, 3) ** 2 + examples * scipy.stats.norm.ppf(0.975) ** 2
        )
        half = np.sqrt((total * pooled**2 + apart) / 2)
        assert row["risk"] == pytest.approx(held.mean())
        assert (row["risk_lo"], row["risk_hi"]) == pytest.approx(
            (held.mean() - half, held.mean() + half)
        )


def test_where_seeds_agree_the_best_step_and_its_gains_are_certain() -> None:
    valley = np.array([0.4, 0.3, 0.2, 0.25, 0.3, 0.35, 0.34])
    row = study_of(np.tile(valley, (3, 1)), np.tile([0.26, 0.33], (3, 1)))
    assert (row["best_step"], row["best_step_lo"], row["best_step_hi"]) == (8, 8, 8)
    assert (row["best_epoch"], row["num_candidates"], row["num_points"]) == (4.0, 1, 7)
    assert (row["budget_step"], row["end_step"], row["budget_risk"]) == (20, 128, 0.26)
    found = [(row[name], row[f"{name}_lo"], row[f"{name}_hi"]) for name in GAINS]
    for gain, truth in zip(found, (0.06, 0.13, 0.14), strict=True):
        assert gain == pytest.approx((truth,) * 3)
    assert row["is_second_descent"]
    assert (row["valley_step"], row["peak_step"], row["second_step"]) == (8, 64, 128)
    assert (row["rise"], row["fall"]) == pytest.approx((0.15, 0.01))


def test_what_is_told_is_told_in_words() -> None:
    valley = np.array([0.4, 0.3, 0.2, 0.25, 0.3, 0.35, 0.34])
    worse = study_of(np.tile(valley, (3, 1)), np.tile([0.1, 0.33], (3, 1)))
    frame = pd.DataFrame([worse])
    (line,) = stop_lines(frame)
    assert "smallest after 8 [8, 8] steps" in line
    assert "10.00 [10.00, 10.00] points above R_n(T)" in line
    assert "13.00 [13.00, 13.00] points below R_n(∞)" in line
    assert "falls twice" in line
    flat = study_of(np.full((3, 7), 0.2), np.full((3, 2), 0.2))
    (line,) = stop_lines(pd.DataFrame([flat]))
    assert line.startswith("in 1 of 1 traced cell no stop")
    assert stop_words({**flat, "best_step": None}).endswith("epochs")


def is_told(gains: list[Estimate]) -> list[bool]:
    return [not gain.lo <= 0 <= gain.hi for gain in gains if gain.lo is not None]


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_where_every_stop_is_as_good_no_gain_is_told(num_seeds: int) -> None:
    """Flat: whoever takes the smallest mean, and its risk, has a gain on average; there is none."""
    rng, num = np.random.default_rng([num_seeds, 1]), STUDIES if num_seeds < 10 else STUDIES // 4
    told, flattered, gains = [], [], []
    for _ in range(num):
        walks = np.cumsum(rng.standard_normal((num_seeds, 9)), axis=1) / 3
        drawn = walks + rng.standard_normal((num_seeds, 9))
        found = stopping_gains(drawn[:, :7], drawn[:, 7:])
        told += is_told(found)
        gains.append(found[0].value)
        flattered.append(drawn[:, 7].mean() - drawn[:, :7].mean(axis=0).min())
    assert np.mean(told) <= 0.05
    standard_error = np.std(gains) / np.sqrt(num)
    assert np.mean(flattered) > 4 * standard_error
    assert abs(np.mean(gains)) < 3 * standard_error


def test_noise_of_examples_that_all_seeds_share_is_no_gain() -> None:
    rng, told, alone = np.random.default_rng(7), [], []
    for _ in range(STUDIES):
        drawn = rng.standard_normal((1, 9)) + 0.25 * rng.standard_normal((5, 9))
        told += is_told(stopping_gains(drawn[:, :7], drawn[:, 7:], noise=np.ones(7)))
        alone += is_told(stopping_gains(drawn[:, :7], drawn[:, 7:]))
    assert np.mean(told) <= 0.05 < 0.5 < np.mean(alone)


def test_a_gain_that_is_there_is_told_and_held() -> None:
    """A valley of .05 at the third point: half of the seeds find it, and the others have it."""
    rng, held, told = np.random.default_rng(11), [], []
    valley = np.array([0.3, 0.25, 0.2, 0.25, 0.25, 0.25, 0.25])
    for _ in range(STUDIES):
        drawn = np.append(valley, [0.25, 0.28]) + 0.01 * rng.standard_normal((5, 9))
        found = stopping_gains(drawn[:, :7], drawn[:, 7:])
        for gain, truth in zip(found, (0.05, 0.08, 0.05), strict=True):
            assert gain.lo is not None
            assert gain.hi is not None
            held.append(gain.lo <= truth <= gain.hi)
            told.append(gain.lo > 0)
    assert np.mean(held) >= 0.95
    assert np.mean(told) > 0.95


def test_a_seed_that_has_settled_keeps_its_last_risk() -> None:
    long, short = np.linspace(0.4, 0.1, 7), np.array([0.5, 0.3, 0.25, 0.2])
    points, stops = tables(
        [
            record_of(0, long, budget=0.2, converged=0.1),
            record_of(1, short, budget=0.2, converged=0.2),
        ]
    )
    assert [row["num_running"] for row in points] == [2, 2, 2, 2, 1, 1, 1]
    np.testing.assert_allclose([row["risk"] for row in points[4:]], (long[4:] + 0.2) / 2)
    assert stops[0]["gain_over_budget"] is None  # two seeds do not both choose and judge


def test_passes_that_end_elsewhere_meet_where_each_has_a_new_point() -> None:
    """Another batch size, or a sparser trace: no risk of long ago; epochs are the budget's unit."""
    other = np.array([0.45, 0.35, 0.2])
    points, _ = tables(
        [
            record_of(0, np.linspace(0.4, 0.1, 7), budget=0.2, converged=0.1),
            record_of(1, other, budget=0.2, converged=0.2, steps=(4, 12, 128)),
        ]
    )
    assert [row["epoch"] for row in points] == [2.0, 6.0, 64.0]
    own = np.linspace(0.4, 0.1, 7)[[1, 2, 6]]  # the last that is not after 2, 6 and 64 epochs
    np.testing.assert_allclose([row["risk"] for row in points], (own + other) / 2)
    assert [row["step"] for row in points] == [4, None, 128]


def test_seeds_that_divide_one_set_anew_count_its_examples_once() -> None:
    divided = {"is_resplit": True, "num_available": 1198, "num_test": 599}
    risks = np.random.default_rng(4).uniform(0.1, 0.3, (4, 7))
    points, _ = tables(
        [
            record_of(s, own, budget=0.2, converged=0.2, se=0.1, **divided)
            for s, own in enumerate(risks)
        ]
    )
    factor = 1 / 4 + 599 / 1198  # Nadeau and Bengio (2003)
    half = scipy.stats.t.ppf(0.975, 3) * np.sqrt(factor * risks.var(axis=0, ddof=1))
    np.testing.assert_allclose([row["risk_hi"] - row["risk"] for row in points], half)


def test_a_study_without_traces_has_neither_table(tmp_path: Path) -> None:
    bare = record_of(0, np.array([]), budget=0.2, converged=0.2)
    assert tables([bare]) == ([], [])
    results = build_results(build_trials([bare], {}), {}, curves=build_curves([bare]))
    write_results(results, tmp_path, {})
    assert not (tmp_path / "traces.csv").exists()
    traced = record_of(0, np.full(7, 0.2), budget=0.2, converged=0.2)
    results = build_results(build_trials([traced], {}), {}, curves=build_curves([traced]))
    write_results(results, tmp_path, {})
    assert len(pd.read_csv(tmp_path / "traces.csv")) == 7
    assert len(pd.read_csv(tmp_path / "early_stopping.csv")) == 1
