"""What is wrong with a user's own data is said in one line, before anything is unpacked."""

import os
import shutil
import struct
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from classcomp.populations import make, own_examples
from tests.populations.own_files import NUM, labels, pixels, points, write, write_folder


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


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
    monkeypatch.setattr(own_examples, "read_member", lambda *args: pytest.fail("loaded"))
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
