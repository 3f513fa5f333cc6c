"""Exhibits: what is well-formed is read, what is not is a line, and alike spaces look alike."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis.exhibits import (
    cka_matrix,
    exhibit_ids,
    law_exhibit_ids,
    read_exhibit,
    read_exhibits,
)
from study.analysis.frames import TableError

Arrays = dict[str, Any]


def gram_of(features: np.ndarray) -> np.ndarray:
    centred = features - features.mean(axis=0)
    return (centred @ centred.T).astype(np.float32)


def arrays_of(rng: np.random.Generator, num: int = 12) -> Arrays:
    return {
        "confusion/counts": np.array([[5, 1], [2, 4]]),
        "decision_map/rule": np.zeros((8, 8), dtype=np.int16),
        "decision_map/bayes": np.ones((8, 8), dtype=np.int16),
        "decision_map/extent": np.array([-1.0, 1.0, -2.0, 2.0]),
        "features/points": rng.random((num, 2)),
        "features/labels": np.arange(num) % 2,
        "features/gram": gram_of(rng.random((num, 3))),
        "reconstructions/originals": rng.random((2, 3, 4, 4)),
        "traversals/plane": rng.random((5, 5, 3, 4, 4)),
        "layers/sizes": np.array([[3, 4, 4]]),
        "latent_map/mds": rng.random((num, 3)),
        "latent_map/labels": np.arange(num) % 2,
        "latent_map/quality": np.full((5, 3), np.nan),
        "drawings/images": rng.random((2, 3, 4, 4)),  # another exhibit, of no known form
    }


def written(folder: Path, trial_id: str, arrays: Mapping[str, Any]) -> Path:
    path = folder / "exhibits" / f"{trial_id}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    arrays = arrays_of(np.random.default_rng(1))
    written(tmp_path, "a", arrays)
    written(tmp_path, "b", {"features/gram": np.full((3, 3), np.nan, dtype=np.float32)})
    assert exhibit_ids(tmp_path) == {"a", "b"}
    found, skipped = read_exhibits(tmp_path, ["a", "b"])
    assert skipped == []
    assert found["a"].keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(found["a"][key], array)
    assert np.isnan(found["b"]["features/gram"]).all()  # a constant space has none


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"confusion/counts": np.zeros((2, 3), dtype=int)}, r"is of shape \(2, 3\), not \(K, K\)"),
        ({"confusion/counts": np.zeros((2, 2))}, "counts is of type float64"),
        ({"decision_map/bayes": np.zeros((4, 4), dtype=int)}, r"\(4, 4\), not \(G, G\)"),
        ({"decision_map/extent": np.zeros(3)}, r"\(3,\), not \(4\)"),
        ({"decision_map/extent": np.array([0, 1, 0, np.inf])}, "holds what is no finite number"),
        ({"features/points": np.zeros((12, 3))}, r"\(12, 3\), not \(N, 2\)"),
        ({"features/labels": np.zeros(11, dtype=int)}, r"\(11,\), not \(N\)"),
        ({"features/labels": np.zeros((12, 1), dtype=int)}, r"\(12, 1\), not \(N\)"),
        ({"features/gram": np.array("a")}, "gram is of type <U1"),
        ({"latent_map/mds": np.zeros((12, 2))}, r"\(12, 2\), not \(N, 3\)"),
        ({"latent_map/unit_mds": np.zeros((11, 3))}, r"is of shape \(11, 3\)|not \(N, 3\)"),
        ({"latent_map/tsne": np.full((12, 2), np.nan)}, "tsne holds what is no finite number"),
        ({"latent_map/labels": np.full(12, -1)}, "holds what is none of 4096 classes at most"),
        (
            {"latent_map/mds": np.zeros((2001, 3)), "latent_map/labels": np.zeros(2001, int)},
            "labels holds 2001 examples, not 1 to 2000",
        ),
        (
            {"latent_map/mds": np.zeros((0, 3)), "latent_map/labels": np.zeros(0, int)},
            "labels holds 0 examples, not 1 to 2000",
        ),
        ({"latent_map/quality": np.zeros((4, 3))}, r"\(4, 3\), not \(5, 3\)"),
        ({"latent_map/quality": np.full((5, 3), -0.1)}, "none of silhouette, knn_accuracy, stress"),
        ({"latent_map/quality": np.full((5, 3), 1.5)}, "none of silhouette, knn_accuracy, stress"),
        ({"odd": np.array([b"x"])}, r"odd is of type \|S1"),
        ({"odd": np.array([{}], dtype=object)}, "cannot be read as npz: .*pickle"),
        ({"odd": np.zeros(2**23 + 1)}, "larger than 64 MB"),
    ],
)
def test_what_is_of_a_wrong_form_is_a_line(changes: Arrays, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, "a", {**arrays_of(np.random.default_rng(2)), **changes})
    assert path.stat().st_size < 2**20  # 64 MB of zeros are small as a file
    with pytest.raises(TableError, match=words):
        read_exhibit(path)
    found, (line,) = read_exhibits(tmp_path, ["a"])
    assert found == {}
    assert str(path) in line
    assert "\n" not in line


def test_one_array_is_read_without_the_others(tmp_path: Path) -> None:
    quality = np.full((5, 3), 0.5)
    written(tmp_path, "a", {"latent_map/quality": quality, "features/gram": np.zeros((2, 3))})
    written(tmp_path, "b", {"confusion/counts": np.eye(2, dtype=int)})
    found, skipped = read_exhibits(tmp_path, ["a", "b"], "latent_map/quality")
    assert skipped == []
    assert found["b"] == {}
    assert found["a"].keys() == {"latent_map/quality"}
    np.testing.assert_array_equal(found["a"]["latent_map/quality"], quality)


def test_a_damaged_file_is_read_or_a_line(tmp_path: Path) -> None:
    whole = written(tmp_path, "a", arrays_of(np.random.default_rng(3), num=4)).read_bytes()
    path = tmp_path / "damaged.npz"
    damaged = [b"", b"PK", b"\x93NUMPY", whole[: len(whole) // 2], whole[100:]]
    for place in range(0, len(whole), 37):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
    refused = []
    for content in damaged:
        path.write_bytes(content)
        message = ""
        try:
            read_exhibit(path)
        except TableError as error:
            message = str(error)
        assert "\n" not in message
        refused.append(message != "")
    assert sum(refused) > len(damaged) / 2
    with pytest.raises(TableError, match="No such file"):
        read_exhibit(tmp_path / "none.npz")


def test_a_header_that_promises_more_than_the_file_holds_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "promise.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999), }"
    held = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("odd.npy", held)
    with pytest.raises(TableError, match="cannot be read as npz"):
        read_exhibit(path)


def test_alike_spaces_have_a_cka_of_one() -> None:
    rng = np.random.default_rng(4)
    features = rng.standard_normal((30, 5))
    turned = 3.0 * features @ np.linalg.qr(rng.standard_normal((5, 5))).Q
    other = rng.standard_normal((30, 5))
    constant = np.ones((30, 5))
    found = cka_matrix([gram_of(x) for x in (features, turned, other, constant)])
    assert found[0, 1] == pytest.approx(1.0, abs=1e-6)
    # against |Y'X|^2 / (|X'X| |Y'Y|) of the centred features
    x, y = features - features.mean(axis=0), other - other.mean(axis=0)
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    assert found[0, 2] == found[2, 0]
    assert found[0, 2] == pytest.approx(np.linalg.norm(y.T @ x) ** 2 / norms, rel=1e-5)
    assert np.isnan(found[3]).all()
    assert np.isnan(cka_matrix([gram_of(features), gram_of(features[:9])])[0, 1])


def test_a_file_that_cannot_be_used_costs_its_own_trial_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    written(tmp_path, "sound", arrays_of(rng))
    written(tmp_path, "broken", {"features/gram": np.zeros((2, 3))})
    assert exhibit_ids(tmp_path) == {"sound", "broken"}
    found, (line,) = read_exhibits(tmp_path, ["broken", "sound"])
    assert found.keys() == {"sound"}
    assert "broken" in line


def test_a_law_s_file_is_no_trial_s(tmp_path: Path) -> None:
    law = {"labels": np.arange(4), "pca/points": np.zeros((4, 2)), "pca/quality": np.full(3, 0.5)}
    written(tmp_path, "law-0123", law)
    written(tmp_path, "law-4567", {**law, "pca/quality": np.full(2, 0.5)})
    written(tmp_path, "0123", {"labels": np.arange(4)})
    assert exhibit_ids(tmp_path) == {"0123"}
    assert law_exhibit_ids(tmp_path) == {"law-0123", "law-4567"}
    found, (line,) = read_exhibits(tmp_path, sorted(law_exhibit_ids(tmp_path)))
    assert found.keys() == {"law-0123"}
    assert "law-4567.npz: pca/quality is of shape (2,), not (3)" in line


def test_a_study_without_exhibits_has_none(tmp_path: Path) -> None:
    assert exhibit_ids(tmp_path) == set()
    assert read_exhibits(tmp_path, []) == ({}, [])
