"""Real images through torchvision's readers, on small files in the true formats."""

import gzip
import hashlib
import multiprocessing
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from classcomp.distortions import DISTORTIONS, NEUTRAL, distort
from classcomp.populations import DataUnavailable, make, staging
from classcomp.populations.staging import stage

FASHION = Path("/usr/share/datasets/fashion-mnist")
PER_CLASS = {"train": 12, "t10k": 5}


@pytest.fixture(autouse=True)
def no_other_data(monkeypatch, tmp_path):
    """Its own empty cache, no system folders, and a network that is down."""

    def refuse(*args, **kwargs):
        raise OSError("the network is down")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLASSCOMP_DATA", raising=False)
    monkeypatch.setattr(staging, "_SYSTEM_FOLDERS", ())
    for module in ("mnist", "cifar"):
        name = f"torchvision.datasets.{module}.download_and_extract_archive"
        monkeypatch.setattr(name, refuse)


def fake_images(split, shape):
    labels = np.tile(np.arange(10), PER_CLASS[split]).astype(np.uint8)
    rng = np.random.default_rng(len(split))
    return rng.integers(256, size=(len(labels), *shape), dtype=np.uint8), labels


def write_idx(folder, *, packed):
    """idx files as LeCun describes them: magic number, big-endian sizes, bytes."""
    folder.mkdir(parents=True)
    for split in PER_CLASS:
        images, labels = fake_images(split, (28, 28))
        contents = {
            f"{split}-images-idx3-ubyte": struct.pack(">IIII", 2051, *images.shape)
            + images.tobytes(),
            f"{split}-labels-idx1-ubyte": struct.pack(">II", 2049, len(labels)) + labels.tobytes(),
        }
        for name, content in contents.items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


def write_cifar(root, monkeypatch):
    """Python batches as Krizhevsky's; torchvision's table of md5 sums is told of these files."""
    from torchvision.datasets import CIFAR10

    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)

    def write(name, content):
        data = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    images, labels = fake_images("train", (3, 32, 32))
    sums = []
    for i in range(5):
        part = slice(24 * i, 24 * (i + 1))
        content = {"data": images[part].reshape(24, -1), "labels": labels[part].tolist()}
        sums.append([f"data_batch_{i + 1}", write(f"data_batch_{i + 1}", content)])
    images, labels = fake_images("t10k", (3, 32, 32))
    test = {"data": images.reshape(len(images), -1), "labels": labels.tolist()}
    test_sum = [["test_batch", write("test_batch", test)]]
    meta = {"label_names": [f"class {k}" for k in range(10)]}
    meta_sum = {**CIFAR10.meta, "md5": write("batches.meta", meta)}
    monkeypatch.setattr(CIFAR10, "train_list", sums)
    monkeypatch.setattr(CIFAR10, "test_list", test_sum)
    monkeypatch.setattr(CIFAR10, "meta", meta_sum)
    return folder


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


def rows(x):
    return {image.tobytes() for image in x}


def everything(population, split):
    rng = np.random.default_rng(0)
    return population.sample(population.num_available(split), rng, split=split)


def test_digits_splits_are_disjoint_stratified_and_whole():
    digits = make("digits")
    parts = {split: everything(digits, split) for split in ("train", "validation", "test")}
    sizes = {split: len(part.labels) for split, part in parts.items()}
    assert sum(sizes.values()) == 1797
    assert sizes["test"] == pytest.approx(1797 / 3, abs=5)
    assert sizes["validation"] == pytest.approx((1797 - sizes["test"]) / 6, abs=5)
    whole = rows(everything(digits, "whole_train").x)
    assert whole == rows(parts["train"].x) | rows(parts["validation"].x)
    assert not rows(parts["train"].x) & rows(parts["validation"].x)
    assert not whole & rows(parts["test"].x)
    for part in parts.values():
        shares = np.bincount(part.labels, minlength=10) / len(part.labels)
        np.testing.assert_allclose(shares, 0.1, atol=0.006)
        assert part.x.dtype == np.float32
        assert (part.x.min(), part.x.max()) == (0.0, 1.0)


def test_the_digits_split_never_moves():
    """Named seed and raw PCG64: this hash holds under every numpy."""
    test = staging.load(stage("digits")).test_images
    assert hashlib.sha256(test.tobytes()).hexdigest()[:16] == "f1eb78e94d92fe11"


def test_classes_are_relabelled_in_the_given_order():
    both = everything(make("digits"), "test")
    pair = make("digits", classes=[8, 3])
    assert (pair.label, pair.num_classes) == ("digits(classes=[8, 3])", 2)
    drawn = everything(pair, "test")
    assert rows(drawn.x[drawn.labels == 0]) == rows(both.x[both.labels == 8])
    assert rows(drawn.x[drawn.labels == 1]) == rows(both.x[both.labels == 3])
    validation = rows(everything(make("digits"), "validation").x)
    assert rows(everything(pair, "validation").x) <= validation


@pytest.mark.parametrize("classes", [[3], [3, 3], [3, 10], [3, -1], "38", [3, 8.0], 3])
def test_wrong_classes_are_refused_in_one_line(classes):
    with pytest.raises(ValueError, match=r"classes = ") as caught:
        make("digits", classes=classes)
    assert "\n" not in str(caught.value)


def test_draws_are_without_replacement_and_follow_the_stream():
    digits = make("digits")
    first, again = (digits.sample(300, np.random.default_rng(4), split="train") for _ in "ab")
    np.testing.assert_array_equal(first.x, again.x)
    assert len(rows(first.x)) == 300
    available = digits.num_available("train")
    with pytest.raises(ValueError, match=rf"which has {available}$"):
        digits.sample(available + 1, np.random.default_rng(0), split="train")


def test_identity_is_not_where_the_data_lie(tmp_path):
    first, second = make("digits", data_dir=tmp_path), make("digits")
    assert first == second
    assert hash(first) == hash(second)
    assert (first.label, first.posterior(np.zeros((1, 1, 8, 8))), first.bayes_risk()) == (
        "digits",
        None,
        None,
    )


@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_neutral_severities_change_nothing(distortion):
    digits = make("digits")
    assert distort(digits, distortion, NEUTRAL[distortion]) is digits
    neutral = digits.with_imbalance(1.0).with_overlap(0.0).with_feature_noise(0.0)
    np.testing.assert_array_equal(everything(neutral, "test").x, everything(digits, "test").x)


@pytest.mark.parametrize("classes", [[3, 8], None])
@pytest.mark.parametrize("severity", [0.01, 0.2, 0.9])
def test_imbalance_resamples_to_the_tilted_prior(classes, severity):
    base = make("digits", classes=classes)
    tilted = distort(base, "imbalance", severity)
    for split in ("train", "validation", "test"):
        counts = np.bincount(everything(base, split).labels)
        drawn = everything(tilted, split)
        kept = np.bincount(drawn.labels, minlength=len(counts))
        target = counts / counts.sum()
        target[1] *= severity / (1 - severity)
        target /= target.sum()
        assert (kept <= counts).all()
        np.testing.assert_allclose(kept, target * kept.sum(), atol=1.0)
        assert (kept >= counts - 1).any()  # as many as there are
        assert len(rows(drawn.x)) == len(drawn.x)
        assert rows(drawn.x) <= rows(everything(base, split).x)
    assert tilted.prior.sum() == pytest.approx(1)


def test_pixel_noise_has_the_stated_spread():
    """119 x 64 pixels: the spread is known to 0.8% (1 sd); 3.5% is seen."""
    base = make("digits", classes=[3, 8])
    noise = everything(distort(base, "feature_noise", 0.3), "test").x - everything(base, "test").x
    assert noise.std() == pytest.approx(0.3, rel=0.035)
    assert noise.mean() == pytest.approx(0, abs=0.015)


def test_overlap_blends_with_an_image_of_another_class_of_the_same_split():
    base = make("digits", classes=[3, 8, 1])
    clean, blended = everything(base, "test"), everything(distort(base, "overlap", 0.5), "test")
    np.testing.assert_array_equal(clean.labels, blended.labels)
    partners = (blended.x - 0.75 * clean.x) / 0.25
    distance = np.abs(partners[:, None] - clean.x[None]).max(axis=(2, 3, 4))
    nearest = distance.argmin(axis=1)
    assert distance[np.arange(len(nearest)), nearest].max() < 1e-5
    assert (clean.labels[nearest] != clean.labels).all()
    assert len(set(clean.labels[nearest])) == 3
    with pytest.raises(ValueError, match="blended already"):
        distort(base, "overlap", 0.5).with_overlap(0.1)


def test_real_populations_travel_between_processes():
    population = distort(make("digits", classes=[1, 7]), "feature_noise", 0.2)
    copy = pickle.loads(pickle.dumps(population))
    np.testing.assert_array_equal(everything(copy, "test").x, everything(population, "test").x)


@pytest.mark.skipif(
    not FASHION.is_dir(),
    reason=f"NOT CHECKED: the real 70,000 images need {FASHION} (Debian: dataset-fashion-mnist)",
)
def test_the_real_fashion_mnist(monkeypatch):
    monkeypatch.setattr(staging, "_SYSTEM_FOLDERS", (FASHION.parent,))
    population = make("fashion_mnist")
    sizes = {s: population.num_available(s) for s in ("train", "validation", "whole_train", "test")}
    assert sizes == {"train": 50_000, "validation": 10_000, "whole_train": 60_000, "test": 10_000}
    arrays = staging.load(stage("fashion_mnist"))
    assert (np.bincount(arrays.train_labels) == 6_000).all()
    assert (np.bincount(arrays.test_labels) == 1_000).all()
    # the published mean and standard deviation of the training pixels
    assert arrays.train_images.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert arrays.train_images.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    sample = population.sample(1_000, np.random.default_rng(0), split="train")
    assert population.images(sample.x).shape == (1_000, 1, 28, 28)


def test_some_of_the_test_images_are_scored_on(tmp_path):
    write_idx(tmp_path / "mnist", packed=False)
    whole = make("mnist", data_dir=tmp_path)
    some = make("mnist", num_test=20, data_dir=tmp_path)
    assert (some.label, some.num_available("test"), some.parts.num_test) == (
        "mnist(num_test=20)",
        20,
        20,
    )
    assert some.num_available("train") == whole.num_available("train")
    drawn, all_of_them = (
        p.sample(p.num_available("test"), np.random.default_rng(3), split="test")
        for p in (some, whole)
    )
    assert rows(drawn.x) < rows(all_of_them.x)
    assert make("mnist", classes=[3, 8], num_test=5, data_dir=tmp_path).num_available("test") == 5


@pytest.mark.parametrize("num_test", [0, -1, 2.5, True, "all"])
def test_a_wrong_number_of_test_images_is_refused(num_test):
    with pytest.raises(ValueError, match=r"num_test") as caught:
        make("mnist", num_test=num_test)
    assert "\n" not in str(caught.value)


def test_more_test_images_than_there_are_is_refused(tmp_path):
    write_idx(tmp_path / "mnist", packed=False)
    population = make("mnist", num_test=1_000, data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"num_test = 1000: the test part has \d+ examples"):
        population.num_available("test")
