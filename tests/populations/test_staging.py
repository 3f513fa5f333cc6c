"""Real images through torchvision's readers, on small files in the true formats."""

import multiprocessing
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from classcomp.populations import DataUnavailable, make, staging
from classcomp.populations.staging import stage
from tests.populations.data_files import fake_images, write_cifar, write_idx


def assert_holds(population, shape, split="t10k"):
    images, labels = fake_images(split, shape)
    drawn = population.sample(len(labels), np.random.default_rng(0), split="test")
    expected = images.reshape(len(labels), *population.image_shape) / np.float32(255)
    key = [x.tobytes() for x in expected.astype(np.float32)]
    truth = dict(zip(key, labels, strict=True))
    assert [truth[x.tobytes()] for x in drawn.x] == drawn.labels.tolist()
    assert len({x.tobytes() for x in drawn.x}) == len(labels)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "MNIST/raw"),
        ("mnist", "mnist"),
        ("fashion_mnist", "FashionMNIST/raw"),
        ("fashion_mnist", "fashion-mnist"),
    ],
)
def test_idx_files_are_read(tmp_path, name, folder, packed):
    write_idx(tmp_path / folder, packed=packed)
    population = make(name, data_dir=tmp_path)
    assert population.num_available("train") == 100
    assert population.num_available("validation") == 20
    assert population.num_available("whole_train") == 120
    assert_holds(population, (28, 28))
    assert_holds(make(name, data_dir=tmp_path / folder), (28, 28))


def test_one_data_set_is_not_taken_for_the_other(tmp_path):
    """Their files have the same names: the folder's name decides."""
    write_idx(tmp_path / "mnist", packed=True)
    with pytest.raises(DataUnavailable):
        stage("fashion_mnist", tmp_path)
    with pytest.raises(DataUnavailable):
        stage("fashion_mnist", tmp_path / "mnist")


@pytest.mark.parametrize("how", ["folder", "archive"])
def test_cifar_batches_are_read(tmp_path, monkeypatch, how):
    folder = write_cifar(tmp_path / "data", monkeypatch)
    root = folder.parent
    if how == "archive":
        root = tmp_path / "packed"
        root.mkdir()
        with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
            archive.add(folder, arcname=folder.name)
    population = make("cifar10", data_dir=root)
    assert population.image_shape == (3, 32, 32)
    assert population.vector_shape == (3072,)
    assert_holds(population, (3, 32, 32))


def test_damaged_cifar_is_refused_in_one_line(tmp_path, monkeypatch):
    folder = write_cifar(tmp_path, monkeypatch)
    (folder / "data_batch_3").write_bytes(b"no batch")
    with pytest.raises(DataUnavailable, match=r"cifar10 in .* cannot be read") as caught:
        stage("cifar10", tmp_path)
    assert "\n" not in str(caught.value)


def test_truncated_gz_is_refused_in_one_line(tmp_path):
    write_idx(tmp_path / "mnist", packed=True)
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataUnavailable, match=r"mnist in .* cannot be read") as caught:
        stage("mnist", tmp_path)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").rglob("*.npz")) == []


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_data_that_are_not_to_be_had_are_named_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setenv("CLASSCOMP_DATA", str(tmp_path / "elsewhere"))
    population = make(name, data_dir=tmp_path / "here")
    with pytest.raises(DataUnavailable) as caught:
        population.sample(1, np.random.default_rng(0))
    message = str(caught.value)
    assert "\n" not in message
    places = [tmp_path / "here", tmp_path / "elsewhere", tmp_path / "cache" / "classcomp"]
    for said in [name, *map(str, places), "download failed", "data_dir", "CLASSCOMP_DATA"]:
        assert said in message


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    write_idx(tmp_path / "data" / "mnist", packed=True)
    monkeypatch.setenv("CLASSCOMP_DATA", str(tmp_path / "data"))
    assert make("mnist").num_available("test") == 50


def test_the_network_is_asked_last(tmp_path, monkeypatch):
    def arrive(url, download_root, **kwargs):
        folder = Path(download_root)
        if not (folder / "train-images-idx3-ubyte").exists():
            folder.rmdir()
            write_idx(folder, packed=False)

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", arrive)
    assert make("mnist").num_available("test") == 50
    assert (tmp_path / "cache" / "classcomp" / "MNIST" / "raw").is_dir()


def test_staging_decodes_once_and_again_when_the_source_changes(tmp_path, monkeypatch):
    write_idx(tmp_path / "mnist", packed=False)
    first = stage("mnist", tmp_path)
    monkeypatch.setattr(staging, "_decode", lambda *args: pytest.fail("decoded twice"))
    assert stage("mnist", tmp_path) == first
    assert [p.name for p in first.parent.glob("*.part")] == []
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    os.utime(tmp_path / "mnist" / "train-labels-idx1-ubyte", (1, 1))
    assert stage("mnist", tmp_path) != first


def _race(data_dir, folder):
    decode = staging._decode

    def counted(*args):
        (Path(folder) / str(os.getpid())).touch()
        return decode(*args)

    staging._decode = counted
    arrays = staging.load(stage("mnist", data_dir))
    return len(arrays.train_images), int(arrays.train_images.sum())


@pytest.mark.slow
def test_racing_processes_decode_once_and_read_whole_files(tmp_path):
    write_idx(tmp_path / "mnist", packed=True)
    (tmp_path / "decoders").mkdir()
    arguments = [(str(tmp_path), str(tmp_path / "decoders"))] * 4
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        seen = pool.starmap(_race, arguments)
    total = int(fake_images("train", (28, 28))[0].sum(dtype=np.int64))
    assert seen == [(120, total)] * 4
    assert len(list((tmp_path / "decoders").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataUnavailable, match="set XDG_CACHE_HOME"):
        stage("digits")
