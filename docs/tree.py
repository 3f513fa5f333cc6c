"""The README's tree: every file of the packages with the first line of its docstring.

    python docs/tree.py        # writes it into README.md

`tests/test_readme.py` holds the two together.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("search_spaces", "classcomp", "study")
BEGIN, END = "<!-- tree: python docs/tree.py -->\n", "<!-- end of the tree -->\n"
COLUMN = 30


def tree() -> str:
    """The packages' files, a line each; a folder's line is its `__init__.py`'s."""
    lines = ["```text"]
    for package in PACKAGES:
        lines += _folder(ROOT / package, 0)
    return "\n".join([*lines, "```"]) + "\n"


def _folder(folder: Path, depth: int) -> list[str]:
    lines = [_line(f"{'  ' * depth}{folder.name}/", folder / "__init__.py")]
    for path in sorted(folder.iterdir(), key=lambda p: (p.is_dir(), p.name)):
        if (path / "__init__.py").is_file():
            lines += _folder(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py":
            lines.append(_line(f"{'  ' * (depth + 1)}{path.name}", path))
    return lines


def _line(name: str, path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return f"{name:<{COLUMN}} {said.splitlines()[0]}".rstrip()


def with_tree(readme: str) -> str:
    """The README with its tree as it should be."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{tree()}{END}{after}"


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(with_tree(page.read_text(encoding="utf-8")), encoding="utf-8")
