"""Finding real data sets, decoding them once per machine, and loading what was decoded."""

import fcntl
import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int64, Real

from classcomp.populations.base import named_seed
from classcomp.wording import one_line

_IDX_FILES = tuple(
    f"{split}-{kind}-ubyte"
    for split in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
)
_CIFAR_FOLDER, _CIFAR_ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
TEST_SHARE = 1 / 3  # in every class, where data come without a test part
_SYSTEM_FOLDERS = (Path("/usr/share/datasets"),)
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, RuntimeError, AssertionError, KeyError)


class DataUnavailable(ValueError):
    """A real data set is not on this machine and cannot be downloaded; one line says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """What is known of a data set before it is read.

    Attributes:
        reader: class in torchvision.datasets; None: scikit-learn's digits.
        folders: names under which a folder with its files is recognised.
        shape: (C, H, W).
        white: the pixel value that becomes 1.0.
        has_test: whether it comes with a test part.
        class_names: K names; empty: classes are numbers.
    """

    reader: str | None
    folders: tuple[str, ...]
    shape: tuple[int, int, int]
    white: int
    has_test: bool = True
    class_names: tuple[str, ...] = ()


DATA_SETS = {
    "digits": DataSet(reader=None, folders=(), shape=(1, 8, 8), white=16, has_test=False),
    "fashion_mnist": DataSet(
        reader="FashionMNIST",
        folders=("FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "fashion_mnist"),
        shape=(1, 28, 28),
        white=255,
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "mnist": DataSet(
        reader="MNIST", folders=("MNIST/raw", "MNIST", "mnist"), shape=(1, 28, 28), white=255
    ),
    "cifar10": DataSet(reader="CIFAR10", folders=(_CIFAR_FOLDER,), shape=(3, 32, 32), white=255),
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Arrays:
    """A decoded data set by split, compared and hashed by identity.

    Images are `(C, H, W)` in uint8; a user's own also in float32, or points `(d,)` in float64.
    """

    train_images: Real[np.ndarray, " train *shape"]
    train_labels: Int64[np.ndarray, " train"]
    test_images: Real[np.ndarray, " test *shape"]
    test_labels: Int64[np.ndarray, " test"]


def stage(name: str, data_dir: str | Path | None = None) -> Path:
    """Decode a data set once per machine and return the file that holds it.

    Looked for in this order: `data_dir`, $CLASSCOMP_DATA, the cache (~/.cache/classcomp),
    /usr/share/datasets, then downloaded into the cache. Processes that race wait for the first
    one (a file lock); the file appears whole or not at all (an atomic rename). A source that
    changes (path, size or time of its files) is decoded anew.

    Raises:
        DataUnavailable: the data are not to be had, or cannot be read.
    """
    sources = _find(name, data_dir)
    if sources is None:
        sources = _download(name, data_dir)
    target = cache_folder() / "staged" / f"{name}-{_fingerprint(name, sources)}.npz"
    if target.exists():
        return target
    with locked(target.with_suffix(".lock")):
        if not target.exists():
            arrays = _decode(name, sources)
            write_npz(target, {key: getattr(arrays, key) for key in Arrays.__slots__})
    return target


def is_on_machine(name: str, data_dir: str | Path | None = None) -> bool:
    """Whether `stage` finds a data set without downloading it."""
    return _find(name, data_dir) is not None


def load(path: Path) -> Arrays:
    """Read a staged file, once per process; the arrays are read-only."""
    return _load(str(path))


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/classcomp, by default ~/.cache/classcomp."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "classcomp"


def fixed_order(num: int, *names: object) -> Int64[np.ndarray, " num"]:
    """A permutation that depends on its name only.

    Raw PCG64 words, because numpy promises their stream for ever (NEP 19), unlike
    `Generator.permutation`'s.
    """
    return np.argsort(np.random.PCG64(named_seed(*names)).random_raw(num), kind="stable")


def stratified_share(
    labels: Int[np.ndarray, " n"], share: float, *names: object
) -> Bool[np.ndarray, " n"]:
    """The same rounded share of every class, at fixed places given by the name."""
    chosen = np.zeros(len(labels), dtype=bool)
    for k in np.unique(labels):
        mine = np.flatnonzero(labels == k)
        order = fixed_order(len(mine), *names, int(k))
        chosen[mine[order[: round(share * len(mine))]]] = True
    return chosen


@lru_cache(maxsize=8)
def _load(path: str) -> Arrays:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in Arrays.__slots__}
    for array in arrays.values():
        array.flags.writeable = False
    return Arrays(**arrays)


def _roots(data_dir: str | Path | None) -> list[Path]:
    given = [data_dir, os.environ.get("CLASSCOMP_DATA")]
    return [Path(d).expanduser() for d in given if d] + [cache_folder(), *_SYSTEM_FOLDERS]


def _find(name: str, data_dir: str | Path | None) -> tuple[Path, ...] | None:
    """The files of the first folder that holds all of them; () for a bundled data set.

    MNIST and Fashion-MNIST name their files alike, so a folder counts by its own name only.
    """
    data_set = DATA_SETS[name]
    if data_set.reader is None:
        return ()
    for root in _roots(data_dir):
        folders = [root / folder for folder in data_set.folders]
        folders += [root] * any(
            root.parts[-len(f.split("/")) :] == tuple(f.split("/")) for f in data_set.folders
        )
        for folder in folders:
            files = _cifar_files(folder) if name == "cifar10" else _idx_files(folder)
            if files:
                return files
        archive = root / _CIFAR_ARCHIVE
        if name == "cifar10" and archive.is_file():
            return (archive,)
    return None


def _idx_files(folder: Path) -> tuple[Path, ...]:
    found = []
    for file in _IDX_FILES:
        choices = [folder / file, folder / f"{file}.gz"]
        found += [path for path in choices if path.is_file()][:1]
    return tuple(found) if len(found) == len(_IDX_FILES) else ()


def _cifar_files(folder: Path) -> tuple[Path, ...]:
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch", "batches.meta"]
    files = tuple(folder / file for file in names)
    return files if all(path.is_file() for path in files) else ()


def _download(name: str, data_dir: str | Path | None) -> tuple[Path, ...]:
    cache = cache_folder()
    reason = "the download left no complete files"
    with locked(cache / f"{name}.download.lock"):
        found = _find(name, data_dir)  # by a process that held the lock before us
        if found:
            return found
        try:
            _reader(name)(str(cache), download=True)
        except _UNREADABLE as error:
            reason = one_line(error)
        found = _find(name, data_dir)
    if found:
        return found
    looked = ", ".join(map(str, _roots(data_dir)))
    raise DataUnavailable(
        f"{name} is not to be had: looked in {looked}; download failed ({reason}); "
        f"put its files into a folder {DATA_SETS[name].folders[-1]!r} and name the folder above "
        "it in data_dir or $CLASSCOMP_DATA"
    )


def _reader(name: str) -> Any:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataUnavailable(f"{name} needs torchvision: pip install -e '.[sweep]'") from error
    return getattr(datasets, str(DATA_SETS[name].reader))


def _decode(name: str, sources: tuple[Path, ...]) -> Arrays:
    if not sources:
        return _decode_digits()
    reader = _reader(name)
    try:
        with tempfile.TemporaryDirectory(prefix="classcomp-") as folder:
            _lay_out(Path(folder), reader.__name__, sources)
            parts = [reader(folder, train=train) for train in (True, False)]
            images = [_channels_first(np.asarray(part.data)) for part in parts]
            labels = [np.asarray(part.targets, dtype=np.int64) for part in parts]
    except _UNREADABLE as error:
        where = sources[0].parent
        raise DataUnavailable(f"{name} in {where} cannot be read: {one_line(error)}") from error
    for x, y in zip(images, labels, strict=True):
        if x.shape[1:] != DATA_SETS[name].shape or len(x) != len(y) or len(x) == 0:
            raise DataUnavailable(
                f"{name} in {sources[0].parent}: images {x.shape} and labels {y.shape} do not match"
            )
    return Arrays(
        train_images=images[0], train_labels=labels[0], test_images=images[1], test_labels=labels[1]
    )


def _lay_out(folder: Path, reader: str, sources: tuple[Path, ...]) -> None:
    """Put the files where torchvision's reader expects them: unpacked, in a folder of its own."""
    inner = folder / (_CIFAR_FOLDER if reader == "CIFAR10" else f"{reader}/raw")
    inner.mkdir(parents=True)
    if sources[0].name == _CIFAR_ARCHIVE:
        _unpack(sources[0], inner)
        return
    for source in sources:
        if source.suffix == ".gz":
            with gzip.open(source) as packed, (inner / source.stem).open("wb") as out:
                shutil.copyfileobj(packed, out)
        else:
            (inner / source.name).symlink_to(source.resolve())


def _unpack(packed: Path, inner: Path) -> None:
    """Copy the batches out of an archive, which names no place to write to (`extractall` would)."""
    with tarfile.open(packed) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).parent.name == _CIFAR_FOLDER:
                held = archive.extractfile(member)
                assert held is not None, "a file has content"
                with held, (inner / Path(member.name).name).open("wb") as out:
                    shutil.copyfileobj(held, out)


def _channels_first(images: np.ndarray) -> np.ndarray:
    """`(N, H, W)` or `(N, H, W, C)` to `(N, C, H, W)`."""
    return np.ascontiguousarray(images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1))


def _decode_digits() -> Arrays:
    """scikit-learn's 1,797 digits; they have no official split, so a third is test, by name."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataUnavailable("digits needs scikit-learn: pip install -e '.[sweep]'") from error
    bunch = load_digits()
    images, labels = bunch.images[:, None].astype(np.uint8), bunch.target.astype(np.int64)
    test = stratified_share(labels, TEST_SHARE, "classcomp", "digits", "test")
    return Arrays(
        train_images=images[~test],
        train_labels=labels[~test],
        test_images=images[test],
        test_labels=labels[test],
    )


def _fingerprint(name: str, sources: tuple[Path, ...]) -> str:
    facts = ["1", name]  # 1: the version of what is stored
    for path in sources:
        status = path.stat()
        facts += [str(path.resolve()), str(status.st_size), str(status.st_mtime_ns)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def write_npz(target: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a file of arrays that appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            np.savez(out, **arrays)  # type: ignore[arg-type]  # none is called allow_pickle
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; released by the system if the process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        raise DataUnavailable(
            f"cache folder {path.parent} cannot be written ({error.strerror}): set XDG_CACHE_HOME"
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
