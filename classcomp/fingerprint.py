"""The code that determines results, as one short hash."""

import ast
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import classcomp
import search_spaces

# What describes a finished rule, checks a request or ships to testers leaves no mark on a result.
UNINVOLVED = (
    *("exhibits", "features", "testing"),
    *("checking.py", "fingerprint.py", "models/trying.py", "sources.py", "wording.py"),
)
# Of a syntax tree: what changes no result, and what some versions of Python alone write into it.
_UNINVOLVED_FIELDS = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx")


@lru_cache(maxsize=4)
def code_fingerprint(more: Iterable[Path] = ()) -> str:
    """First 12 hex digits of sha256 over classcomp, search_spaces and `more` files.

    Syntax trees are hashed, in the order of the files' names: comments, docstrings, annotations,
    layout and the version of Python do not count.
    """
    digest = hashlib.sha256()
    for name, path in [*_files(), *((path.name, path) for path in more)]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        digest.update(f"{name}\n{_spelled(tree)}\n".encode())
    return digest.hexdigest()[:12]


def _files() -> list[tuple[str, Path]]:
    found = []
    for package in (classcomp, search_spaces):
        assert package.__file__ is not None
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root)
            if not {name.parts[0], name.as_posix()} & set(UNINVOLVED):
                found.append((f"{package.__name__}/{name.as_posix()}", path))
    return found


def _spelled(node: Any) -> str:
    """A syntax tree in words, without what does not count; a field that is empty is left out."""
    if isinstance(node, list):
        return f"[{','.join(_spelled(held) for held in node if not _is_text(held))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = (
        f"{name}={_spelled(held)}"
        for name, held in ast.iter_fields(node)
        if name not in _UNINVOLVED_FIELDS and held not in (None, [])
    )
    return f"{type(node).__name__}({','.join(fields)})"


def _is_text(node: Any) -> bool:
    """Whether a statement is a string alone: a docstring of a module, function or attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
