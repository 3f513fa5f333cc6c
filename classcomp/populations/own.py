"""A user's own data as populations: an .npz file of arrays, a folder of images."""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from classcomp.outside import regular
from classcomp.populations.base import check_integer
from classcomp.populations.image_files import decode_images, list_images
from classcomp.populations.own_examples import OwnExamples, read_examples
from classcomp.populations.real import RealData
from classcomp.populations.staging import (
    TEST_SHARE,
    Arrays,
    DataUnavailable,
    cache_folder,
    locked,
    stratified_share,
    write_npz,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSource:
    """A `DataSource` (see real.py), a user's .npz file: its place is no part of the identity.

    Attributes:
        name: sha256 of the content, 64 hex digits.
        shown: the name that a label shows.
        shape: `(C, H, W)` or `(d,)`.
        num_classes: K.
        class_names: K names, or empty.
        has_test: whether the file holds a test part.
        named: whether the file itself says what `shown` is.
        path: where it lies.
    """

    name: str
    shown: str
    shape: tuple[int, ...]
    num_classes: int
    class_names: tuple[str, ...]
    has_test: bool
    named: bool = field(compare=False)
    path: Path = field(compare=False)

    @property
    def white(self) -> int:
        return 255

    @property
    def pixel_range(self) -> tuple[float, float]:
        images = self.arrays().train_images
        if images.dtype == np.uint8:
            return 0.0, 1.0
        return float(images.min()), float(images.max())

    def arrays(self) -> Arrays:
        source, data = _read(self.path, *_stamp(self.path))
        if source.name != self.name:
            raise DataUnavailable(f"{self.path} was changed while it was in use")
        return data


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """A file that holds everything a population of a user's own data needs, and its size."""

    path: Path
    num_bytes: int


def arrays(path: str | Path) -> RealData:
    """Labelled examples in an .npz file: x and y, and perhaps x_test and y_test.

    x is `(N, d)` numbers, `(N, H, W)` or `(N, C, H, W)` images of uint8 (divided by 255) or floats
    (taken as they are); y is `(N,)` whole numbers 0 to K-1. Without a test part a stratified third
    is split off: always the same, or each split seed's own (see parts.py). The label carries the
    file's stem and the sha256 of its content.

    Raises:
        ValueError: the file is not there, cannot be read, or does not hold that.
    """
    source = _source(_place(path))
    return RealData(label=f"arrays({source.shown}, sha256={source.name[:12]})", source=source)


def image_folder(path: str | Path, size: int) -> RealData:
    """Images in one sub-folder per class, optionally under train/ and test/.

    They are decoded once per machine into the cache folder, as `decode_images` says; the labels
    are the places of the sub-folders in sorted order. The population's label carries the folder's
    name and the sha256 of the decoded pixels, labels and class names.

    Args:
        path: the folder, or the .npz file that `carried` made of it.
        size: pixels per side, 4 to 256.

    Raises:
        ValueError: the folder is not there, is laid out otherwise, or holds an unreadable image.
    """
    size = check_integer("size", size, low=4, high=256)
    place = _place(path)
    if os.path.isfile(place) and place.suffix != ".npz":
        raise ValueError(f"path = {place} is a file: must be a folder of class folders")
    source = _source(_stage_folder(place, size) if os.path.isdir(place) else place)
    if not source.class_names or source.shape[1:] != (size, size):
        raise ValueError(f"path = {place} does not hold a folder of images of size = {size}")
    label = f"image_folder({source.shown}, size={size}, sha256={source.name[:12]})"
    return RealData(label=label, source=source)


def carried(name: str, parameters: Mapping[str, Any]) -> Carried | None:
    """The one .npz file that another machine needs of a population; None if it needs none.

    `make(name, **parameters | {"path": file})` gives a population with the same label and the same
    draws, whatever that copy is called.

    Raises:
        ValueError: as the population itself.
    """
    if name not in OWN:
        return None
    source = OWN[name](**parameters).source
    assert isinstance(source, OwnSource)
    path = source.path if source.named else _store_named(source)
    return Carried(path=path, num_bytes=path.stat().st_size)


OWN: dict[str, Callable[..., RealData]] = {"arrays": arrays, "image_folder": image_folder}


def _place(path: Any) -> Path:
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise ValueError(f"path = {path!r}: must be where the data lie, as text")
    return Path(os.path.abspath(os.path.expanduser(path)))


def _stamp(path: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns: a file that keeps both is not read anew."""
    try:
        status = regular(path)
    except OSError as error:
        raise DataUnavailable(f"path = {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"path = {path} {error}: must be an .npz file") from None
    return status.st_size, status.st_mtime_ns


def _source(path: Path) -> OwnSource:
    return _describe(path, *_stamp(path))


@lru_cache(maxsize=256)
def _describe(path: Path, num_bytes: int, mtime_ns: int) -> OwnSource:
    """What a file holds, remembered longer than the arrays themselves."""
    return _read(path, num_bytes, mtime_ns)[0]


@lru_cache(maxsize=8)
def _read(path: Path, num_bytes: int, mtime_ns: int) -> tuple[OwnSource, Arrays]:
    examples = read_examples(path)
    digest = examples.digest()
    source = OwnSource(
        name=digest,
        shown=_shown(examples.name or path.stem),
        shape=examples.x.shape[1:],
        num_classes=int(examples.y.max()) + 1,
        class_names=examples.class_names,
        has_test=examples.x_test is not None,
        named=examples.name is not None,
        path=path,
    )
    return source, _split(examples, digest)


def _split(examples: OwnExamples, digest: str) -> Arrays:
    x, y, x_test, y_test = examples.x, examples.y, examples.x_test, examples.y_test
    if x_test is None or y_test is None:
        test = stratified_share(y, TEST_SHARE, "classcomp", digest, "test")
        x, y, x_test, y_test = x[~test], y[~test], x[test], y[test]
    for array in (x, y, x_test, y_test):
        array.flags.writeable = False
    return Arrays(train_images=x, train_labels=y, test_images=x_test, test_labels=y_test)


def _shown(name: str) -> str:
    """A name that a label can hold: of other characters than these the digest must tell."""
    return re.sub(r"[^\w.+-]", "_", name)


def _stage_folder(folder: Path, size: int) -> Path:
    """The decoded folder in the cache, made once; anew when a file's name, size or time changes."""
    files = list_images(folder)
    facts = ["1", str(folder), str(size)]  # 1: the version of what is stored
    for path, _ in (*files.train, *files.test):
        facts += [str(path.relative_to(folder)), *map(str, _stamp(path))]
    name = f"image_folder-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"
    return _store(name, lambda: decode_images(folder, files, size).fields(_shown(folder.name)))


def _store_named(source: OwnSource) -> Path:
    identity = hashlib.sha256(f"{source.shown} {source.name}".encode()).hexdigest()
    return _store(
        f"arrays-{identity[:16]}", lambda: read_examples(source.path).fields(source.shown)
    )


def _store(name: str, make: Callable[[], dict[str, np.ndarray]]) -> Path:
    """A file in the cache; of processes that race one makes it and the others wait."""
    target = cache_folder() / "staged" / f"{name}.npz"
    if not target.exists():
        with locked(target.with_name(f"{name}.lock")):
            if not target.exists():
                write_npz(target, make())
    return target
