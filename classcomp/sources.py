"""A user's network's source, found and hashed without running any of it.

A `path` is `my_net.py:MyNet`, a file and a class, or `package.module:Class`. No torch here.
"""

import hashlib
import os
import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions, version
from pathlib import Path

from classcomp.outside import regular

LARGEST_SOURCE = 16 * 2**20
"""Bytes of a file of code: a sparse one of terabytes takes no room and is sent as easily."""
IMAGENET_FILE = "resnet18-f37072fd.pth"
"""Of torchvision's `ResNet18_Weights.IMAGENET1K_V1`."""


def split_path(path: str) -> tuple[str, str]:
    """Return the file or module of a path, and the class's name.

    Raises:
        ValueError: there are not two such parts.
    """
    where, _, name = path.rpartition(":")
    if not where or not name.isidentifier():
        raise ValueError(
            f"path = {path!r}: must be a file or a module, and a class in it: "
            "my_net.py:MyNet or package.module:Class"
        )
    return where, name


def is_file(where: str) -> bool:
    """Return whether the first part of a path names a file rather than a module."""
    return where.endswith(".py")


def source_of(path: str) -> str:
    """Return 16 hex digits that change when the code that `path` names does.

    Of a file: its bytes. Of a module: the bytes of its file, and name and version of the
    installed distributions that its package came with, since a module rarely stands alone.

    Raises:
        ValueError: there is no such file or module.
    """
    where, _ = split_path(path)
    if is_file(where):
        return hashlib.sha256(_bytes_of(existing_file(where, path), path)).hexdigest()[:16]
    parts = [_bytes_of(_module_file(where, path), path)]
    for distribution in sorted(set(_distributions().get(where.split(".")[0], ()))):
        parts.append(f"{distribution}=={version(distribution)}".encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def existing_file(where: str, path: str) -> Path:
    """Return a file's absolute path.

    Raises:
        ValueError: there is none.
    """
    file = Path(where).absolute()
    if not file.is_file():
        raise ValueError(f"path = {path!r}: there is no file {file}")
    return file


def _bytes_of(file: Path, path: str) -> bytes:
    if file.stat().st_size > LARGEST_SOURCE:
        raise ValueError(f"path = {path!r}: {file} is larger than {LARGEST_SOURCE / 2**20:g} MiB")
    return file.read_bytes()


def content_of(path: str) -> str:
    """Return `sha256=` and 16 hex digits of a file's content, read once while it stays as it is.

    Raises:
        ValueError: there is no such file, or it cannot be read.
    """
    try:
        status = regular(path)
        return _content_of(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise ValueError(f"{path!r}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None


@lru_cache(maxsize=16)
def _content_of(path: str, modified: int, size: int) -> str:
    with Path(path).open("rb") as file:
        return f"sha256={hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def imagenet_file() -> Path:
    """Return torchvision's ResNet-18 of ImageNet in torch's cache, where it puts what it downloads.

    Raises:
        ValueError: it is not there, or is another file under its name, which says its hash.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torch"
    home = Path(os.environ.get("TORCH_HOME") or cache).expanduser()
    path = home / "hub" / "checkpoints" / IMAGENET_FILE
    if not path.is_file():
        raise ValueError(
            f"weights = imagenet: there is no {path}; put torchvision's file there, or name it"
        )
    promised = path.stem.rpartition("-")[2]
    if not content_of(str(path)).removeprefix("sha256=").startswith(promised):
        raise ValueError(f"weights = imagenet: {path} is not the file of that name, or is damaged")
    return path


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Installed distributions by package; looking through them all takes half a second."""
    return packages_distributions()


def _module_file(module: str, path: str) -> Path:
    """Return where a module's code lies: `find_spec` of importlib would import its parents."""
    names = module.split(".")
    places: list[str] | None = None
    spec: ModuleSpec | None = None
    for end in range(1, len(names) + 1):
        spec = _find(".".join(names[:end]), places)
        if spec is None:
            raise ValueError(f"path = {path!r}: there is no module {'.'.join(names[:end])}")
        places = list(spec.submodule_search_locations or ())
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ValueError(f"path = {path!r}: the module {module} has no file")
    return Path(spec.origin)


def _find(name: str, places: list[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        spec = finder.find_spec(name, places)
        if spec is not None:
            return spec
    return None
