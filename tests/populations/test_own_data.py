"""A user's own data: arrays in an .npz file, images in folders."""

import itertools
import os
import pickle
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classcomp.distortions import DISTORTIONS, NEUTRAL, distort
from classcomp.populations import carried, make, own
from classcomp.populations.parts import VALIDATION_SHARE
from tests.populations.own_files import NUM, labels, pixels, points, write, write_folder

SPLITS = ("train", "validation", "whole_train", "test")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


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


def assert_shifts_are_of_images(population, clean):
    """Each is moved around the edges by one pixel at most, and by more than one kind of step."""
    if clean.x.ndim == 2:
        with pytest.raises(ValueError, match="shift"):
            distort(population, "shift", 1)
        return
    damaged = everything(distort(population, "shift", 1), "train")
    ways = list(itertools.product((-1, 0, 1), repeat=2))
    moved = np.stack([np.roll(clean.x, by, axis=(-2, -1)) for by in ways])
    taken = np.isclose(moved, damaged.x[None]).all(axis=(2, 3, 4))
    assert taken.any(axis=0).all()
    assert taken.any(axis=1).sum() > 4


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("x", [points(), pixels()], ids=["points", "pixels"])
def test_distortions_apply_as_to_the_named_sets(tmp_path, distortion, x):
    population = make("arrays", path=write(tmp_path / "mine.npz", x=x, y=labels(num_classes=2)))
    assert distort(population, distortion, NEUTRAL[distortion]) is population
    clean = everything(population, "train")
    if distortion == "shift":
        assert_shifts_are_of_images(population, clean)
        return
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


def test_as_few_as_are_allowed_can_be_split(tmp_path):
    few = make("arrays", path=write(tmp_path / "few.npz", x=points(12), y=labels(12, 2)))
    assert {s: np.bincount(everything(few, s).labels).tolist() for s in SPLITS} == {
        "train": [3, 3],
        "validation": [1, 1],
        "whole_train": [4, 4],
        "test": [2, 2],
    }


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
