"""A user's arrays, images, code and weights; a study's exhibits and decisions."""

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classcomp.outside import regular
from classcomp.populations import make
from classcomp.sources import content_of, source_of
from study.analysis.exhibits import MAX_BYTES, read_exhibits
from study.analysis.frames import TableError
from study.storage.outside import OutsideError, read_bytes
from tests.attacks.attacking import back_in_time

X, Y = np.arange(60.0).reshape(30, 2), np.arange(30) % 2


def npz(**arrays: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def member(content: bytes, name: str = "x.npy") -> bytes:
    """An archive of these bytes and of labels."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr("y.npy", npy(Y))
    return held.getvalue()


def npy(array: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array(held, array, allow_pickle=True)
    return held.getvalue()


def header(text: str, body: bytes = b"") -> bytes:
    """An array's file with this header."""
    padded = text.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + body


def of(descr: str, shape: str) -> bytes:
    return member(header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"))


ARRAYS: Mapping[str, bytes] = {
    "nothing": b"",
    "no archive": b"PK" + bytes(100),
    "an archive cut in half": npz(x=X, y=Y)[:400],
    "an archive without arrays": member(b"text", "readme.txt"),
    "pickled objects": npz(x=np.array([{}] * 30), y=Y),
    "a shape of 1e12": of("'<f8'", "(1000000000000, 2)"),
    "a shape of 1e30": of("'<f8'", "(10**30, 2)"),
    "a shape that overflows 64 bits": of("'<f8'", "(4294967296, 4294967296)"),
    "a shape below 0": of("'<f8'", "(-1, 2)"),
    "a shape of a million axes": of("'<f8'", "(" + "1, " * 10_000 + ")"),
    "a type that is code": of("__import__('os').getpid()", "(30, 2)"),
    "a type that nobody knows": of("'<q99'", "(30, 2)"),
    "a type of fields": of("[('a', '<f8')]", "(30, 2)"),
    "a header nested 5,000 deep": member(header("(" * 5_000)),
    "a header of 60,000 letters": member(header("x" * 60_000)),
    "bytes that end too soon": of("'<f8'", "(30, 2)"),
    "complex numbers": npz(x=X + 1j, y=Y),
    "texts": npz(x=np.array([["a", "b"]] * 30), y=Y),
    "dates": npz(x=X.astype("datetime64[s]"), y=Y),
    "NaN": npz(x=np.where(X == 3, np.nan, X), y=Y),
    "infinity": npz(x=np.where(X == 3, np.inf, X), y=Y),
    "numbers beyond float32": npz(x=X * 1e300, y=Y),
    "labels below 0": npz(x=X, y=Y - 1),
    "labels of 2^62": npz(x=X, y=Y + 2**62),
    "labels that are NaN": npz(x=X, y=np.full(30, np.nan)),
    "five axes": npz(x=X.reshape(30, 2, 1, 1, 1), y=Y),
    "no examples": npz(x=X[:0], y=Y[:0]),
    "fewer labels than examples": npz(x=X, y=Y[:-1]),
    "class names that are numbers": npz(x=X, y=Y, classcomp_classes=np.arange(2)),
    "a name that is empty": npz(x=X, y=Y, classcomp_name=np.array("")),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_a_users_arrays(what: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(ARRAYS[what])
    with back_in_time(), pytest.raises(ValueError, match=r"mine\.npz"):
        make("arrays", path=str(path))


def bomb() -> bytes:
    """A file of 64 kB that unpacks to 64 MB and one byte."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("odd.npy", bytes(MAX_BYTES + 1))
    return held.getvalue()


EXHIBITS: Mapping[str, bytes] = {
    **{name: ARRAYS[name] for name in list(ARRAYS)[:16]},
    "a bomb": bomb(),
    "an array of an exhibit in another form": npz(**{"features/points": X[:, :1]}),
    "an image of NaN": npz(**{"samples/images": np.full((1, 1, 2, 2), np.nan)}),
    "a map of no size": npz(**{"decision_map/rule": np.zeros((3, 2), np.int64)}),
    "a map of class 2^62": npz(**{"decision_map/rule": np.full((2, 2), 2**62)}),
    "a map of class -1": npz(**{"decision_map/rule": np.full((2, 2), -1)}),
    "labels of 2^40": npz(**{"features/labels": np.full(2, 2**40)}),
    "an extent of no width": npz(**{"decision_map/extent": np.zeros(4)}),
    "an extent of 1e308": npz(**{"decision_map/extent": np.array([-1.0, 1.0, -1.0, 1.0]) * 1e308}),
    "two thousand steps": npz(**{"inference/steps": np.arange(2_000)}),
    "a confusion of two thousand": npz(**{"confusion/counts": np.zeros((2_000, 2_000), np.int8)}),
    "a million points": npz(**{"samples/points": np.zeros((10**6, 2), np.float16)}),
    "a picture a million high": npz(**{"samples/images": np.zeros((1, 1, 10**6, 1), np.float16)}),
    "texts in an exhibit": npz(odd=np.array(["a"])),
}


@pytest.mark.parametrize("what", EXHIBITS)
def test_exhibits(what: str, tmp_path: Path) -> None:
    (tmp_path / "exhibits").mkdir()
    (tmp_path / "exhibits/a.npz").write_bytes(EXHIBITS[what])
    with back_in_time():
        found, skipped = read_exhibits(tmp_path, ["a"])
    assert not found
    (line,) = skipped
    assert "a.npz" in line
    assert isinstance(TableError(line), ValueError)


def png(width: int, height: int) -> bytes:
    """A picture of this size by its header, with nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    empty = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + empty + chunk(b"IEND", b"")


def small_png() -> bytes:
    held = io.BytesIO()
    Image.new("L", (8, 8)).save(held, "PNG")
    return held.getvalue()


IMAGES: Mapping[str, bytes] = {
    "a picture of 4 gigapixels": png(2**16, 2**16),
    "a picture of no width": png(0, 8),
    "a picture cut in half": small_png()[:40],
    "a picture without its data": png(8, 8),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(%pipe%id) (r) file",
    "markup": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "nothing": b"",
}


@pytest.mark.parametrize("what", IMAGES)
def test_images(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("ant", "bee"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(8):
            (tmp_path / "images" / name / f"{number}.png").write_bytes(small_png())
    (tmp_path / "images/bee/3.png").write_bytes(IMAGES[what])
    with back_in_time(), pytest.raises(ValueError, match=r"3\.png is no readable image"):
        make("image_folder", path=str(tmp_path / "images"), size=8).num_available("train")


# ---------------------------------------------------------------- what is no regular file


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(os.path.relpath(path))


KINDS: Mapping[str, Callable[[Path], None]] = {
    "pipe": fifo,
    "device": device,
    "socket": bound,
    "folder": Path.mkdir,
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_of_the_wall_refuse_what_is_no_regular_file(kind: str, tmp_path: Path) -> None:
    """`classcomp.outside` and `study.storage.outside` may not know of each other."""
    path = tmp_path / "x"
    KINDS[kind](path)
    with back_in_time():
        for refuse in (regular, read_bytes):
            with pytest.raises((ValueError, OSError)):
                refuse(path)
    path = tmp_path / "file"
    path.write_bytes(b"1")
    assert regular(path).st_size == len(read_bytes(path)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_an_arrays_place(kind: str, tmp_path: Path) -> None:
    KINDS[kind](tmp_path / "x.npz")
    KINDS[kind](tmp_path / "x.py")
    KINDS[kind](tmp_path / "x.pt")
    (tmp_path / "exhibits").mkdir()
    KINDS[kind](tmp_path / "exhibits/a.npz")
    with back_in_time():
        with pytest.raises(ValueError, match=r"x\.npz"):
            make("arrays", path=str(tmp_path / "x.npz"))
        with pytest.raises(ValueError, match="there is no file"):
            source_of(f"{tmp_path}/x.py:X")
        with pytest.raises(ValueError, match=r"x\.pt"):
            content_of(str(tmp_path / "x.pt"))
        assert len(read_exhibits(tmp_path, ["a"])[1]) == 1


def test_a_file_that_is_larger_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OutsideError, match="larger than"):
        read_bytes(path, 2**20)
