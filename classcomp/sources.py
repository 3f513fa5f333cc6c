"""A user's network's source, found and hashed without running any of it.

A `path` is `my_net.py:MyNet`, a file and a class, or `package.module:Class`. No torch here.
"""

import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions, version
from pathlib import Path


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
        return hashlib.sha256(existing_file(where, path).read_bytes()).hexdigest()[:16]
    parts = [_module_file(where, path).read_bytes()]
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
