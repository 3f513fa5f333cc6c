"""A user's own data: arrays in an .npz file, images in folders."""

import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import tomllib
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classcomp.distortions import DISTORTIONS, NEUTRAL, distort
from classcomp.populations import carried, make, own, own_examples
from classcomp.populations.real import VALIDATION_SHARE

NUM = 60
SPLITS = ("train", "validation", "whole_train", "test")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def labels(num=NUM, num_classes=3):
    return np.arange(num) % num_classes


def pixels(num=NUM, shape=(1, 6, 5), seed=0):
    return np.random.default_rng(seed).integers(256, size=(num, *shape), dtype=np.uint8)


def points(num=NUM, dim=4, seed=0):
    return np.random.default_rng(seed).standard_normal((num, dim))


def write(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def write_folder(root, shape=(9, 7), classes=("ant", "bee"), num=8, seed=0):
    """One grey PNG per example; the pictures of one class follow those of the other."""
    images = iter(pixels(num * len(classes), shape, seed))
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(num):
            Image.fromarray(next(images)).save(root / name / f"{i}.png")
    return root


def everything(population, split="test"):
    rng = np.random.default_rng(0)
    return population.sample(population.num_available(split), rng, split=split)


def rows(x):
    return {example.tobytes() for example in x}


def assert_same_draws(first, second):
    assert first.label == second.label
    assert first == second
    for split in SPLITS:
        one, other = everything(first, split), everything(second, split)
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize(
    ("x", "image_shape", "expected"),
    [
        (points(), None, points()),
        (points().astype(np.float32), None, points().astype(np.float32).astype(np.float64)),
        (pixels(shape=(4,)), None, pixels(shape=(4,)).astype(np.float64)),
        (pixels(), (1, 6, 5), pixels().astype(np.float32) / np.float32(255)),
        (pixels(shape=(6, 5)), (1, 6, 5), pixels().astype(np.float32) / np.float32(255)),
        (pixels(shape=(3, 4, 4)) * 1.0, (3, 4, 4), pixels(shape=(3, 4, 4)).astype(np.float32)),
    ],
)
def test_every_form_of_x_is_read(tmp_path, x, image_shape, expected):
    population = make("arrays", path=write(tmp_path / "mine.npz", x=x, y=labels()))
    assert population.image_shape == image_shape
    assert population.vector_shape == (int(np.prod(expected.shape[1:])),)
    assert population.num_classes == 3
    np.testing.assert_allclose(population.prior, 1 / 3, atol=0.02)
    truth = dict(zip((row.tobytes() for row in expected), labels(), strict=True))
    parts = [everything(population, split) for split in ("whole_train", "test")]
    for part in parts:
        assert part.x.dtype == expected.dtype
        assert [truth[row.tobytes()] for row in part.x] == part.labels.tolist()
    assert rows(parts[0].x) | rows(parts[1].x) == set(truth)
    assert population.vectors(parts[0].x).dtype == np.float32
    assert population.vectors(parts[0].x).shape[1:] == population.vector_shape
    if image_shape is None:
        with pytest.raises(ValueError, match="points make no images"):
            population.images(parts[0].x)
    else:
        assert population.images(parts[0].x).shape[1:] == image_shape


def test_the_law_is_unknown(tmp_path):
    population = make("arrays", path=write(tmp_path / "mine.npz", x=points(), y=labels()))
    x = everything(population).x
    assert (population.posterior(x), population.log_density(x)) == (None, None)
    assert population.bayes_risk() is None


def test_a_third_is_the_test_part_and_a_sixth_of_the_rest_validates(tmp_path):
    path = write(tmp_path / "mine.npz", x=points(180), y=labels(180))
    population = make("arrays", path=path)
    counts = {s: np.bincount(everything(population, s).labels).tolist() for s in SPLITS}
    assert counts == {
        "train": [33] * 3,
        "validation": [round(40 * VALIDATION_SHARE)] * 3,
        "whole_train": [40] * 3,
        "test": [20] * 3,
    }
    parts = {split: rows(everything(population, split).x) for split in SPLITS}
    assert not parts["whole_train"] & parts["test"]
    assert parts["train"] | parts["validation"] == parts["whole_train"]


def test_a_test_part_that_is_given_is_the_test_part(tmp_path):
    test = {"x_test": points(9, seed=1), "y_test": labels(9)}
    path = write(tmp_path / "mine.npz", x=points(), y=labels(), **test)
    population = make("arrays", path=path)
    assert rows(everything(population).x) == rows(test["x_test"])
    assert population.num_available("whole_train") == NUM


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("x", [points(), pixels()], ids=["points", "pixels"])
def test_distortions_apply_as_to_the_named_sets(tmp_path, distortion, x):
    population = make("arrays", path=write(tmp_path / "mine.npz", x=x, y=labels(num_classes=2)))
    assert distort(population, distortion, NEUTRAL[distortion]) is population
    clean = everything(population, "train")
    damaged = everything(distort(population, distortion, 0.2), "train")
    assert damaged.x.dtype == clean.x.dtype
    if distortion == "label_noise":
        assert distort(population, distortion, 0.2).label_noise == 0.2
        np.testing.assert_array_equal(damaged.x, clean.x)
    elif distortion == "imbalance":
        zeros, ones = np.bincount(damaged.labels)
        assert ones / (zeros + ones) == pytest.approx(0.2, abs=0.05)
        assert rows(damaged.x) < rows(clean.x)
    elif distortion == "feature_noise":
        assert (damaged.x - clean.x).std() == pytest.approx(0.2, rel=0.25)
    else:
        partners = (damaged.x - 0.9 * clean.x) / 0.1
        distance = np.abs(partners[:, None] - clean.x[None]).reshape(len(clean.x), -1, x[0].size)
        nearest = distance.max(axis=2).argmin(axis=1)
        assert distance.max(axis=2).min(axis=1).max() < 1e-5
        assert (clean.labels[nearest] != clean.labels).all()


def test_identity_is_the_content_not_the_container(tmp_path):
    (tmp_path / "other").mkdir()
    first = make("arrays", path=write(tmp_path / "mine.npz", x=points(), y=labels()))
    packed = tmp_path / "other" / "mine.npz"
    turned = np.asfortranarray(points()).astype(">f8")
    np.savez_compressed(packed, y=labels().astype(np.uint8), x=turned, notes=np.zeros(3))
    assert_same_draws(first, make("arrays", path=packed))
    assert re.fullmatch(r"arrays\(mine, sha256=[0-9a-f]{12}\)", first.label)
    assert str(tmp_path) not in repr((first.label, first.source.name))


@pytest.mark.parametrize("change", ["x", "y", "name"])
def test_other_content_or_another_stem_is_another_identity(tmp_path, change):
    path = write(tmp_path / "mine.npz", x=points(), y=labels())
    before = make("arrays", path=path)
    x, y = points(), labels()
    if change == "x":
        x[3, 1] += 1e-9
    if change == "y":
        y[[0, 1]] = y[[1, 0]]
    after = make("arrays", path=write(tmp_path / f"mine{change}.npz", x=x, y=y))
    assert before.label != after.label
    assert (before.source.name == after.source.name) == (change == "name")


def test_the_split_and_the_digest_never_move(tmp_path):
    """Named seed and raw PCG64: these values hold under every numpy."""
    x = np.arange(NUM * 2, dtype=np.float64).reshape(NUM, 2)
    population = make("arrays", path=write(tmp_path / "mine.npz", x=x, y=labels()))
    assert population.label == "arrays(mine, sha256=0d7baa3526f0)"
    places = {s: sorted(everything(population, s).x[:, 0].astype(int) // 2) for s in SPLITS}
    assert places["test"][:10] == [2, 4, 9, 11, 12, 13, 17, 22, 25, 26]
    assert places["validation"] == [3, 6, 8, 43, 47, 52]


def test_a_file_that_changes_in_use_is_refused_and_made_anew(tmp_path):
    path = write(tmp_path / "mine.npz", x=points(), y=labels())
    before = make("arrays", path=path)
    write(path, x=points(seed=1), y=labels())
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="was changed while it was in use"):
        everything(before)
    assert make("arrays", path=path).label != before.label


def test_a_file_is_read_once_per_process(tmp_path, monkeypatch):
    path = write(tmp_path / "mine.npz", x=points(), y=labels())
    make("arrays", path=path)
    monkeypatch.setattr(own, "read_examples", lambda *args: pytest.fail("read twice"))
    everything(make("arrays", path=path).with_feature_noise(0.1))


def test_own_data_travel_between_processes(tmp_path):
    path = write(tmp_path / "mine.npz", x=points(), y=labels())
    population = make("arrays", path=path).with_feature_noise(0.2)
    assert_same_draws(population, pickle.loads(pickle.dumps(population)))


def test_a_relative_path_and_a_home_are_resolved(tmp_path, monkeypatch):
    write(tmp_path / "mine.npz", x=points(), y=labels())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert make("arrays", path="mine.npz") == make("arrays", path="~/mine.npz")


@pytest.mark.parametrize("name", ["mine (2),\n1", "Größe-1.5"])
def test_a_label_is_one_word_of_the_stem(tmp_path, name):
    shown = {"mine (2),\n1": "mine__2___1"}.get(name, name)
    path = write(tmp_path / f"{name}.npz", x=points(), y=labels())
    assert make("arrays", path=path).label.startswith(f"arrays({shown}, sha256=")


# --- folders of images


def test_a_folder_is_read_class_by_class(tmp_path):
    folder = write_folder(tmp_path / "photos", shape=(8, 8))
    (folder / ".DS_Store").touch()
    (folder / "bee" / ".hidden").touch()
    population = make("image_folder", path=str(folder), size=8)
    assert re.fullmatch(r"image_folder\(photos, size=8, sha256=[0-9a-f]{12}\)", population.label)
    assert population.source.class_names == ("ant", "bee")
    assert (population.image_shape, population.num_classes) == ((1, 8, 8), 2)
    assert population.bayes_risk() is None
    images = pixels(16, (1, 8, 8)).astype(np.float32) / np.float32(255)
    truth = dict(zip((image.tobytes() for image in images), np.arange(16) // 8, strict=True))
    parts = [everything(population, split) for split in ("whole_train", "test")]
    for part in parts:
        assert [truth[image.tobytes()] for image in part.x] == part.labels.tolist()
    assert rows(parts[0].x) | rows(parts[1].x) == set(truth)


def test_train_and_test_folders_are_the_parts(tmp_path):
    write_folder(tmp_path / "photos" / "train", shape=(4, 4))
    write_folder(tmp_path / "photos" / "test", shape=(4, 4), num=2, seed=1)
    population = make("image_folder", path=tmp_path / "photos", size=4)
    expected = pixels(4, (1, 4, 4), seed=1).astype(np.float32) / np.float32(255)
    assert rows(everything(population).x) == rows(expected)
    assert population.num_available("whole_train") == 16


def test_images_are_shrunk_by_averaging(tmp_path):
    """A checkerboard of single pixels becomes grey, not black or white."""
    folder = write_folder(tmp_path / "photos")
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    for path in folder.rglob("*.png"):
        Image.fromarray(board).save(path)
    x = everything(make("image_folder", path=folder, size=8)).x
    np.testing.assert_allclose(x[:, :, 1:-1, 1:-1], 0.5, atol=0.01)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (4, 4), 100), (100,)),
        (Image.new("1", (4, 4), 1), (255,)),
        (Image.new("LA", (4, 4), (100, 0)), (100,)),
        (Image.fromarray(np.full((4, 4), 100 * 256 + 7, dtype=np.uint16)), (100,)),
        (Image.new("RGB", (4, 4), (10, 20, 30)), (10, 20, 30)),
        (Image.new("RGBA", (4, 4), (10, 20, 30, 0)), (10, 20, 30)),
        (Image.new("RGB", (4, 4), (10, 20, 30)).quantize(2), (10, 20, 30)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_modes_are_brought_to_eight_bits(tmp_path, image, expected):
    folder = write_folder(tmp_path / "photos")
    for path in folder.rglob("*.png"):
        image.save(path)
    population = make("image_folder", path=folder, size=4)
    found = np.unique(everything(population).x * 255, axis=0)
    assert population.image_shape == (len(expected), 4, 4)
    np.testing.assert_allclose(found[0, :, 2, 2], expected, atol=1e-3)


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path):
    folder = write_folder(tmp_path / "photos")
    Image.new("RGB", (5, 5), (255, 0, 0)).save(folder / "ant" / "3.jpg")
    population = make("image_folder", path=folder, size=4)
    assert population.image_shape == (3, 4, 4)


def test_a_folder_is_decoded_once_and_again_when_it_changes(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "photos")
    before = make("image_folder", path=folder, size=4)
    monkeypatch.setattr(own, "decode_images", lambda *args: pytest.fail("decoded twice"))
    assert make("image_folder", path=folder, size=4) == before
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / "ant" / "3.png").rename(folder / "ant" / "90.png")
    assert make("image_folder", path=folder, size=4).label != before.label
    (folder / "ant" / "90.png").rename(folder / "ant" / "3.png")
    assert make("image_folder", path=folder, size=4).label == before.label
    assert list((tmp_path / "cache").rglob("*.part")) == []


# --- what travels


@pytest.mark.parametrize("has_test", [True, False])
def test_carried_arrays_are_the_same_population_elsewhere(tmp_path, has_test):
    test = {"x_test": pixels(9, seed=1), "y_test": labels(9)} if has_test else {}
    parameters = {"path": write(tmp_path / "mine.npz", x=pixels(), y=labels(), **test)}
    file = carried("arrays", parameters)
    assert file.num_bytes == file.path.stat().st_size
    copy = shutil.copy(file.path, tmp_path / "0.npz")
    population = make("arrays", **parameters)
    shutil.rmtree(tmp_path / "cache")
    assert_same_draws(population, make("arrays", path=copy))
    assert carried("arrays", {"path": copy}).path == Path(copy)


@pytest.mark.parametrize("parts", [("train", "test"), ("",)])
def test_a_carried_folder_is_the_same_population_elsewhere(tmp_path, parts, monkeypatch):
    for part in parts:
        write_folder(tmp_path / "photos" / part)
    parameters = {"path": str(tmp_path / "photos"), "size": 5}
    population = make("image_folder", **parameters)
    file = carried("image_folder", parameters)
    assert file.num_bytes == file.path.stat().st_size
    copy = shutil.copy(file.path, tmp_path / "0.npz")
    monkeypatch.setattr(own, "decode_images", lambda *args: pytest.fail("decoded twice"))
    assert_same_draws(population, make("image_folder", path=copy, size=5))
    assert carried("image_folder", {"path": copy, "size": 5}).path == Path(copy)
    with pytest.raises(ValueError, match="does not hold a folder of images of size = 6"):
        make("image_folder", path=copy, size=6)


def test_other_populations_need_no_file():
    assert carried("xor", {"sigma": 0.5}) is None


def test_nothing_of_this_imports_torch(tmp_path):
    write_folder(tmp_path / "photos")
    write(tmp_path / "mine.npz", x=points(), y=labels())
    code = (
        "import sys\n"
        "from classcomp.populations import carried, make\n"
        "assert 'PIL' not in sys.modules\n"
        "make('arrays', path='mine.npz').num_available('train')\n"
        "assert 'PIL' not in sys.modules\n"
        "carried('image_folder', {'path': 'photos', 'size': 4})\n"
        "assert not {'torch', 'torchvision', 'ray'} & set(sys.modules)\n"
    )
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


# --- what is refused


def with_value(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


X, Y = points(), labels()
WRONG_ARRAYS = {
    "no x": ({"y": Y}, "holds y: needed are x, y"),
    "no y": ({"x": X, "z": X}, "holds x, z: needed are x, y"),
    "nothing": ({}, "holds nothing: needed are x, y"),
    "lengths": ({"x": X, "y": Y[:-1]}, "y has 59 labels for 60 examples"),
    "scalar": ({"x": np.float64(3), "y": Y}, "x has shape (): must be (N, d)"),
    "one dimension": ({"x": X[:, 0], "y": Y}, "x has shape (60,)"),
    "five dimensions": ({"x": X[:, :, None, None, None], "y": Y}, "x has shape (60, 4, 1, 1, 1)"),
    "no coordinate": ({"x": X[:, :0], "y": Y}, "x has shape (60, 0)"),
    "empty": ({"x": X[:0], "y": Y[:0]}, "x has shape (0, 4)"),
    "NaN": ({"x": with_value(X, (3, 1), np.nan), "y": Y}, "x holds NaN"),
    "infinite": ({"x": with_value(X, (3, 1), -np.inf), "y": Y}, "x holds NaN, infinite"),
    "too large": ({"x": with_value(X, (3, 1), 1e39), "y": Y}, "beyond float32's range"),
    "large pixel": ({"x": pixels() * 1e38, "y": Y}, "beyond float32's range"),
    "complex": ({"x": X * 1j, "y": Y}, "x is of type complex128: must be numbers"),
    "text": ({"x": X.astype(str), "y": Y}, "must be numbers"),
    "integer images": ({"x": pixels().astype(int), "y": Y}, "images must be uint8 or float"),
    "small images": ({"x": pixels(shape=(3, 4)), "y": Y}, "images of 3 x 4 pixels"),
    "channels last": ({"x": pixels(shape=(8, 8, 3)), "y": Y}, "channels first"),
    "objects": ({"x": X, "y": np.array([{}] * NUM)}, "y holds pickled Python objects"),
    "y floats": ({"x": X, "y": Y * 1.0}, "y is of type float64: must be whole numbers"),
    "y one-hot": ({"x": X, "y": np.eye(3)[Y]}, "y has shape (60, 3): must be (N,)"),
    "negative": ({"x": X, "y": Y - 1}, "y holds -1: must be whole numbers 0 to K-1"),
    "from one": ({"x": X, "y": Y + 1}, "y lacks class 0: must hold every label 0 to 3"),
    "gap": ({"x": X, "y": Y + (Y == 2)}, "y lacks class 2: must hold every label 0 to 3"),
    "huge": ({"x": X, "y": with_value(Y, 0, 2**62)}, f"y holds {2**62}"),
    "one class": ({"x": X, "y": Y * 0}, "there is one class only (0)"),
    "scarce": (
        {"x": X, "y": with_value(Y * 0, slice(5), 1)},
        "class 1 has 5 examples: at least 6 are needed for train, validation and test",
    ),
    "scarce, with a test part": (
        {"x": X, "y": with_value(Y * 0, slice(3), 1), "x_test": X, "y_test": Y % 2},
        "class 1 has 3 examples: at least 4 are needed for train and validation",
    ),
    "x_test alone": ({"x": X, "y": Y, "x_test": X}, "x_test is there without y_test"),
    "y_test alone": ({"x": X, "y": Y, "y_test": Y}, "y_test is there without x_test"),
    "test lengths": ({"x": X, "y": Y, "x_test": X[1:], "y_test": Y}, "y_test has 60 labels for 59"),
    "test shape": (
        {"x": X, "y": Y, "x_test": X[:, 1:], "y_test": Y},
        "x_test is (N, 3) float64, x is (N, 4) float64: must be alike",
    ),
    "test type": (
        {"x": pixels(), "y": Y, "x_test": pixels() / 255, "y_test": Y},
        "x_test is (N, 1, 6, 5) float32, x is (N, 1, 6, 5) uint8: must be alike",
    ),
    "test NaN": ({"x": X, "y": Y, "x_test": X * np.nan, "y_test": Y}, "x_test holds NaN"),
    "more classes": ({"x": X, "y": Y % 2, "x_test": X, "y_test": Y}, "y lacks class 2"),
    "fewer classes": ({"x": X, "y": Y, "x_test": X, "y_test": Y % 2}, "y_test lacks class 2"),
}


def refusal(name, **parameters):
    with pytest.raises(ValueError, match=rf"^{name}: ") as caught:
        make(name, **parameters)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_wrong_arrays_are_refused_in_one_line(tmp_path, case):
    arrays, says = WRONG_ARRAYS[case]
    path = tmp_path / "wrong.npz"
    np.savez(path, allow_pickle=True, **arrays)
    message = refusal("arrays", path=str(path))
    assert str(path) in message
    assert says in message


def test_as_few_as_are_allowed_can_be_split(tmp_path):
    few = make("arrays", path=write(tmp_path / "few.npz", x=X[:12], y=Y[:12] % 2 * 0 + [0, 1] * 6))
    assert {s: np.bincount(everything(few, s).labels).tolist() for s in SPLITS} == {
        "train": [3, 3],
        "validation": [1, 1],
        "whole_train": [4, 4],
        "test": [2, 2],
    }


def npz_that_claims(path, shape, fill=b""):
    """An .npz whose x says it is of that shape, whatever it holds."""
    header = BytesIO()
    facts = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, facts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + fill)
        y = BytesIO()
        np.save(y, Y)
        archive.writestr("y.npy", y.getvalue())


def damaged(path, how):
    """A file that is no sound .npz, and what is said of it."""
    if how == "text":
        path.write_text("x, y")
    elif how == "empty":
        path.touch()
    elif how == "npy":
        with path.open("wb") as out:
            np.save(out, X)
    elif how == "cut":
        write(path, x=X, y=Y)
        path.write_bytes(path.read_bytes()[:300])
    elif how == "a bit flipped":
        write(path, x=X, y=Y)
        content = bytearray(path.read_bytes())
        content[content.find(X[30].tobytes())] ^= 1
        path.write_bytes(content)
    elif how == "too short":
        npz_that_claims(path, (60, 4), fill=bytes(100))
    elif how == "no header":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", b"no header")
    elif how == "negative":
        npz_that_claims(path, (-60, 4), fill=bytes(100))
    else:
        npz_that_claims(path, (2**40, 2**40))


@pytest.mark.parametrize(
    "how",
    ["text", "empty", "npy", "cut", "a bit flipped", "too short", "no header", "negative", "bomb"],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, how):
    path = tmp_path / "wrong.npz"
    damaged(path, how)
    says = "GiB are allowed" if how == "bomb" else f"{path} cannot be read as .npz"
    assert says in refusal("arrays", path=path)


def test_bombs_are_refused_from_their_headers(tmp_path, monkeypatch):
    """A claim of 17 GiB is not unpacked, and neither is a header that calls itself 2 GiB long."""
    npz_that_claims(tmp_path / "bomb.npz", (2**27, 17))
    monkeypatch.setattr(own_examples, "_read", lambda *args: pytest.fail("loaded"))
    message = refusal("arrays", path=tmp_path / "bomb.npz")
    assert "its arrays take 17 GiB unpacked: at most 16 GiB are allowed" in message
    with zipfile.ZipFile(tmp_path / "long.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 2**22)
    assert "cannot be read as .npz" in refusal("arrays", path=tmp_path / "long.npz")


@pytest.mark.parametrize("name", ["arrays", "image_folder"])
@pytest.mark.parametrize(
    ("path", "says"),
    [
        (3, "path = 3: must be where the data lie, as text"),
        ("", "path = ''"),
        (["a", "b"], "path = ['a', 'b']"),
        ("a\0b", "path = 'a\\x00b'"),
        ("nowhere.npz", "No such file or directory"),
        ("~nobody-of-this-name/mine.npz", "No such file or directory"),
        ("x" * 300, "name too long"),
        (os.devnull, "must be an .npz file"),
    ],
)
def test_paths_that_lead_nowhere_are_refused_in_one_line(name, path, says):
    parameters = {"size": 8} if name == "image_folder" else {}
    assert says in refusal(name, path=path, **parameters)


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path):
    assert "is a folder: must be an .npz file" in refusal("arrays", path=tmp_path)
    (tmp_path / "photo.png").touch()
    message = refusal("image_folder", path=tmp_path / "photo.png", size=8)
    assert "is a file: must be a folder of class folders" in message
    path = write(tmp_path / "mine.npz", x=pixels(shape=(8, 8)), y=Y)
    assert "does not hold a folder of images" in refusal("image_folder", path=path, size=8)


@pytest.mark.parametrize("size", [3, 257, 8.0, "8", True])
def test_sizes_out_of_range_are_refused(tmp_path, size):
    message = refusal("image_folder", path=tmp_path, size=size)
    assert "must be a whole number from 4 to 256" in message


def spoil(folder, how):
    """Damage a sound folder; returns what is said of it."""
    if how == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
        return f"{folder} is empty: must hold one sub-folder per class"
    if how == "no sub-folder":
        shutil.rmtree(folder)
        folder.mkdir()
        Image.new("L", (8, 8)).save(folder / "1.png")
        return f"{folder / '1.png'} is no folder"
    if how == "one class":
        shutil.rmtree(folder / "bee")
        return "there is one class only (ant)"
    if how == "empty class":
        (folder / "cat").mkdir()
        return f"{folder / 'cat'} holds no image"
    if how == "few":
        for i in range(3):
            (folder / "bee" / f"{i}.png").unlink()
        return "class bee has 5 examples: at least 6"
    if how == "folder in class":
        (folder / "ant" / "more").mkdir()
        return f"{folder / 'ant' / 'more'} is no file"
    if how == "broken link":
        (folder / "ant" / "link.png").symlink_to("nowhere")
        return f"{folder / 'ant' / 'link.png'} is no file"
    if how == "parts differ":
        shutil.copytree(folder, folder / "train")
        shutil.copytree(folder / "train", folder / "test", dirs_exist_ok=True)
        for name in ("ant", "bee"):
            shutil.rmtree(folder / name)
        shutil.rmtree(folder / "test" / "bee")
        return "class bee is in one of train/ and test/ only"
    path = folder / "ant" / "3.png"
    if how == "text":
        path.write_text("no image")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:60])
    elif how == "float":
        path.unlink()
        path = path.with_suffix(".tif")
        Image.new("F", (8, 8)).save(path)
    elif how == "program":
        path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    elif how == "bomb":
        Image.new("1", (10_000, 10_000)).save(path)
    return f"{path} is no readable image ("


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "no sub-folder",
        "one class",
        "empty class",
        "few",
        "folder in class",
        "broken link",
        "parts differ",
        "text",
        "cut",
        "float",
        "program",
        "bomb",
    ],
)
def test_wrong_folders_are_refused_in_one_line(tmp_path, how):
    says = spoil(write_folder(tmp_path / "photos"), how)
    message = refusal("image_folder", path=tmp_path / "photos", size=8)
    assert says in message
    assert how != "bomb" or "DecompressionBomb" in message
    assert list((tmp_path / "cache").rglob("*.npz")) == []


def test_folders_over_the_limit_are_refused_before_decoding(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "photos")
    monkeypatch.setattr(own_examples, "MOST_BYTES", 1_000)
    assert "unpacked: at most" in refusal("image_folder", path=folder, size=8)


def test_the_example_writes_what_its_study_file_asks_for(tmp_path):
    examples = Path(__file__).parents[2] / "examples"
    subprocess.run([sys.executable, examples / "my_data.py", tmp_path / "my_data"], check=True)
    study = tomllib.loads((examples / "my_data.toml").read_text())
    images = []
    for section in study["populations"]:
        population = make(**section | {"path": tmp_path / section["path"]})
        assert population.num_available("train") >= max(study["num_train"])
        parts = [everything(population, split).x for split in ("whole_train", "test")]
        images.append(rows(np.concatenate(parts)))
    assert images[0] == images[1]
