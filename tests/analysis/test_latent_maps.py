"""Numbers of maps of latents: means and intervals over seeds, and what is not known."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.columns import MAP_LAYOUTS
from study.analysis.exhibits import MAP_QUALITY
from study.analysis.frames import to_rows
from study.analysis.results import build_results
from study.analysis.table import build_trials
from tests.analysis.conftest import make_record

Record = dict[str, Any]
UNKNOWN = np.nan
SILHOUETTES = (0.1, 0.3, 0.2)


def quality(silhouette: float, stress: float = 0.2) -> np.ndarray:
    spaces = [[silhouette, 0.8, UNKNOWN]] * 2
    return np.array(
        [
            *spaces,
            *[[silhouette, 0.7, stress]] * 2,
            [UNKNOWN if silhouette < 0 else 0.4, 0.9, UNKNOWN],
        ]
    )


def records(num: int = 3, **changes: Any) -> list[Record]:
    named = {"family": "autoencoder", "task": "reconstruction", "population": "digits"}
    return [make_record(**{**named, "seed": s, "risk": 0.05, **changes}) for s in range(num)]


def rows_of(held: list[Record], qualities: list[np.ndarray]) -> list[Record]:
    maps = {r["trial_id"]: {MAP_QUALITY: q} for r, q in zip(held, qualities, strict=False)}
    return to_rows(build_results(build_trials(held, {}), {}, maps=maps).latent_maps)


def test_a_layout_is_its_seeds_mean_with_student_s_interval() -> None:
    rows = rows_of(records(), [quality(s, 0.1 + s) for s in SILHOUETTES])
    assert [row["layout"] for row in rows] == list(MAP_LAYOUTS)
    assert {(row["family"], row["num_seeds"]) for row in rows} == {("autoencoder", 3)}
    ends = scipy.stats.ttest_1samp(SILHOUETTES, 0).confidence_interval(0.95)
    for row in rows[:4]:
        assert row["silhouette"] == pytest.approx(0.2)
        assert row["silhouette_lo"] == pytest.approx(ends.low)
        assert row["silhouette_hi"] == pytest.approx(ends.high)
    assert rows[2]["stress"] == pytest.approx(0.3)
    assert rows[2]["stress_hi"] == pytest.approx(ends.high + 0.1)
    assert rows[2]["knn_accuracy_lo"] == rows[2]["knn_accuracy_hi"] == pytest.approx(0.7)
    for place in (0, 1, 4):
        assert rows[place]["stress"] is rows[place]["stress_lo"] is None


def test_no_end_is_where_no_number_is() -> None:
    rows = rows_of(records(2), [quality(0.9, 0.0), quality(0.1, 0.4)])
    assert rows[0]["silhouette_hi"] == 1
    assert -1 <= rows[0]["silhouette_lo"] < 0
    assert rows[2]["stress_lo"] == 0
    (first, *_) = rows_of(records(2), [quality(0.9)])
    assert first["num_seeds"] == 1
    assert first["silhouette"] == 0.9
    assert first["silhouette_lo"] is first["silhouette_hi"] is None


def test_what_one_seed_does_not_know_is_no_mean() -> None:
    collapsed = np.full((5, 3), UNKNOWN)
    collapsed[[0, 2, 4]] = quality(0.2)[[0, 2, 4]]  # latents without a direction
    rows = rows_of(records(2), [quality(0.2), collapsed])
    assert [row["layout"] for row in rows] == ["latents", "mds", "tsne"]
    rows = rows_of(records(2), [quality(0.2), quality(-0.2)])
    assert rows[4]["silhouette"] is None
    assert rows[4]["knn_accuracy"] == pytest.approx(0.9)


def test_seeds_that_divide_a_set_anew_say_less() -> None:
    split = {"is_resplit": True, "num_available": 100, "num_test": 50}
    qualities = [quality(s) for s in SILHOUETTES]
    own, shared = rows_of(records(**split), qualities)[0], rows_of(records(), qualities)[0]
    lengths = [row["silhouette_hi"] - row["silhouette_lo"] for row in (own, shared)]
    assert lengths[0] / lengths[1] == pytest.approx(np.sqrt((1 / 3 + 0.5) / (1 / 3)))


def test_an_old_study_has_no_maps() -> None:
    assert rows_of(records(), []) == []
    held = records(1)
    bare = {held[0]["trial_id"]: {}}  # a file of before there were maps
    assert build_results(build_trials(held, {}), {}, maps=bare).latent_maps.empty
