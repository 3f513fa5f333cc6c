"""The code that determines results, as one short hash."""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path

import classcomp
import search_spaces

# What describes a finished rule, checks a request or ships to testers leaves no mark on a result.
UNINVOLVED = (
    *("exhibits", "features", "testing"),
    *("checking.py", "fingerprint.py", "models/trying.py", "sources.py", "wording.py"),
)


@lru_cache(maxsize=1)
def code_fingerprint() -> str:
    """First 12 hex digits of sha256 over classcomp and search_spaces.

    Comments, docstrings, annotations and layout do not count: sources are hashed as their syntax
    trees spell them, in the order of their names.
    """
    digest = hashlib.sha256()
    for package in (classcomp, search_spaces):
        assert package.__file__ is not None
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root)
            if not {name.parts[0], name.as_posix()} & set(UNINVOLVED):
                text = f"{root.name}/{name.as_posix()}\n{_spelled(path.read_text('utf-8'))}\n"
                digest.update(text.encode())
    return digest.hexdigest()[:12]


def _spelled(source: str) -> str:
    """A module without comments, docstrings, annotations and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                # A field of a dataclass needs some annotation.
                setattr(node, name, ast.Name("Any") if isinstance(node, ast.AnnAssign) else None)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [held for held in body if not _is_text(held)]  # type: ignore[attr-defined]  # it has
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a string alone: a docstring of a module, function or attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
