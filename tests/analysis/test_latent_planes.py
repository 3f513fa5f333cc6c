"""Planes of two latents: means and intervals over seeds, beside their law's references."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.columns import PLANE_NUMBERS
from study.analysis.frames import to_rows
from study.analysis.results import build_results
from study.analysis.table import build_trials
from study.trials.exhibits import law_exhibit
from study.trials.trial import cell_of
from tests.analysis.conftest import make_record

Record = dict[str, Any]
KNN = (0.7, 0.8, 0.75)
LAW = {"pca/quality": np.array([0.6, 0.85, 0.9]), "tsne/quality": np.array([0.9, 0.95, 0.8])}


def planar(seed: int, knn: float, **changes: Any) -> Record:
    numbers = dict(zip(PLANE_NUMBERS, (knn, 0.9, 0.95), strict=True))
    named = {"family": "autoencoder", "task": "reconstruction", "population": "digits"}
    return make_record(**{**named, "seed": seed, "risk": 0.05, **numbers, **changes})


def rows_of(records: list[Record], laws: dict[str, Any] | None = None) -> list[Record]:
    return to_rows(build_results(build_trials(records, {}), {}, laws=laws).latent_planes)


def law_of(record: Record) -> str:
    return law_exhibit(cell_of(record))


def test_a_cell_is_its_seeds_mean_with_student_s_interval() -> None:
    (row,) = rows_of([planar(seed, knn) for seed, knn in enumerate(KNN)])
    assert (row["family"], row["layout"], row["num_seeds"]) == ("autoencoder", "latents", 3)
    ends = scipy.stats.ttest_1samp(KNN, 0).confidence_interval(0.95)
    assert row["knn_accuracy"] == pytest.approx(0.75)
    assert row["knn_accuracy_lo"] == pytest.approx(ends.low)
    assert row["knn_accuracy_hi"] == pytest.approx(ends.high)
    assert row["trustworthiness_lo"] == row["trustworthiness_hi"] == pytest.approx(0.9)


def test_seeds_that_divide_a_set_anew_say_less() -> None:
    split = {"is_resplit": True, "num_available": 100, "num_test": 50}
    (own,) = rows_of([planar(seed, knn, **split) for seed, knn in enumerate(KNN)])
    (shared,) = rows_of([planar(seed, knn) for seed, knn in enumerate(KNN)])
    lengths = [row["knn_accuracy_hi"] - row["knn_accuracy_lo"] for row in (own, shared)]
    # Nadeau and Bengio's 1/k + n_test/n_train in place of 1/k; neither reaches 0 or 1
    assert lengths[0] / lengths[1] == pytest.approx(np.sqrt((1 / 3 + 0.5) / (1 / 3)))


def test_a_share_has_no_ends_beyond_what_shares_are() -> None:
    (row,) = rows_of([planar(0, 0.2), planar(1, 0.9)])
    assert (row["knn_accuracy_lo"], row["knn_accuracy_hi"]) == (0, 1)
    (row,) = rows_of([planar(0, 0.2)])
    assert row["knn_accuracy"] == 0.2
    assert row["knn_accuracy_lo"] is row["knn_accuracy_hi"] is None


def test_the_references_of_a_law_stand_once_below_its_cells() -> None:
    records = [
        planar(seed, 0.7, num_train=num, distortion=damage, severity=severity)
        for seed in (0, 1)
        for num in (64, 128)
        for damage, severity in (("none", 0.0), ("label_noise", 0.2), ("overlap", 0.4))
    ]
    records += [planar(0, 0.7, family="vgg", **dict.fromkeys(PLANE_NUMBERS))]
    rows = rows_of(records, {law_of(records[0]): LAW})
    cells = [row for row in rows if row["layout"] == "latents"]
    assert len(cells) == 6
    assert {row["family"] for row in cells} == {"autoencoder"}
    # overlap is a law of its own, of which nothing was kept; noise in labels is none
    first, second = rows[6:]
    for row, method in ((first, "pca"), (second, "tsne")):
        assert row["layout"] == method
        assert [row[name] for name in PLANE_NUMBERS] == LAW[f"{method}/quality"].tolist()
        assert (row["population"], row["distortion"]) == ("digits", "none")
        for name in ("family", "depth", "num_train", "num_seeds", "knn_accuracy_lo"):
            assert row[name] is None


def test_without_planes_there_is_no_table() -> None:
    assert rows_of([make_record(risk=0.1)], {law_of(make_record()): LAW}) == []
