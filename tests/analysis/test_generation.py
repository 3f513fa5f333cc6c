"""What generated examples are like: means and intervals over seeds, of whoever generates."""

from typing import Any

import pytest
import scipy.stats

from study.analysis.frames import to_rows
from study.analysis.results import build_results
from study.analysis.table import build_trials
from study.rendering.generation import generation_lines
from tests.analysis.conftest import make_record

Record = dict[str, Any]
MMD2 = (0.20, 0.26, 0.17)
FRECHET = (72.0, 94.0, 80.0)
PRECISION = (0.1, 0.9, 0.5)


def made(family: str, task: str, seed: int, **changes: Any) -> Record:
    numbers = {
        "mmd2": MMD2[seed],
        "frechet_distance": FRECHET[seed],
        "frechet_distance_real": 0.3125,
        "precision": PRECISION[seed],
        "recall": 0.0,
    }
    named = {"family": family, "task": task, "population": "fashion_mnist", "risk": 0.05}
    return make_record(**{**named, "seed": seed, **numbers, **changes})


def rows_of(records: list[Record], levels: dict[str, list[float]] | None = None) -> list[Record]:
    return to_rows(build_results(build_trials(records, levels or {}), levels or {}).generation)


def lines_of(records: list[Record]) -> list[str]:
    return generation_lines(build_results(build_trials(records, {}), {}).generation)


def test_whoever_generates_has_a_row_whatever_its_task() -> None:
    records = [made("beta_vae", "reconstruction", seed) for seed in range(3)]
    records += [made("gan", "generation", seed) for seed in range(2)]
    records += [make_record(family="autoencoder", task="reconstruction", risk=0.1)]
    first, second = rows_of(records)
    assert (first["family"], first["task"], first["num_seeds"]) == ("beta_vae", "reconstruction", 3)
    assert (second["family"], second["task"], second["num_seeds"]) == ("gan", "generation", 2)
    assert first["frechet_distance_real"] == 0.3125
    for name, values in (("mmd2", MMD2), ("frechet_distance", FRECHET)):
        ends = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert first[name] == pytest.approx(sum(values) / 3)
        assert first[f"{name}_lo"] == pytest.approx(ends.low)
        assert first[f"{name}_hi"] == pytest.approx(ends.high)
    # Student's would be from -0.49 to 1.49
    assert (first["precision"], first["precision_lo"], first["precision_hi"]) == (0.5, 0, 1)


def test_of_points_the_features_are_unknown_and_a_discrepancy_may_be_negative() -> None:
    bare = dict.fromkeys(("frechet_distance", "frechet_distance_real", "precision", "recall"))
    records = [
        made("gaussian_generator", "generation", seed, mmd2=mmd2, **bare)
        for seed, mmd2 in enumerate((-0.001, 0.002))
    ]
    (row,) = rows_of(records)
    assert row["mmd2_lo"] < 0 < row["mmd2"]
    assert [row[name] for name in bare] == [None] * 4
    (line,) = lines_of(records)
    assert "squared MMD" in line
    assert "Fréchet" not in line


def test_one_seed_has_no_interval() -> None:
    (row,) = rows_of([made("gan", "generation", 0)])
    assert row["mmd2"] == 0.20
    assert row["mmd2_lo"] is row["recall_hi"] is None


def test_a_sentence_has_the_numbers_of_all_in_order_of_the_distance() -> None:
    records = [made("gan", "generation", seed, frechet_distance=160.0) for seed in (0, 1)]
    records += [made("beta_vae", "reconstruction", seed, recall=0.25) for seed in (0, 1)]
    (line,) = lines_of(records)
    assert line.startswith(
        "fashion_mnist (undistorted, n = 256; Fréchet distance of as many real images 0.312): "
        "beta_vae 1: squared MMD 0.23 [-0.15, 0.61], Fréchet distance 83 [0, 223], precision "
    )
    # seeds that are all alike say nothing of their spread
    assert "recall 0.250; gan 1: squared MMD" in line
    assert "Fréchet distance 160, precision" in line
