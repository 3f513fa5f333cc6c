"""The fingerprint changes with what determines results, and with nothing else."""

import shutil
from pathlib import Path

import pytest

import classcomp
from classcomp import fingerprint
from classcomp.fingerprint import code_fingerprint


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of classcomp that is hashed in its place."""
    assert classcomp.__file__ is not None
    folder = tmp_path / "classcomp"
    shutil.copytree(
        Path(classcomp.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(classcomp, "__file__", str(folder / "__init__.py"))
    return folder


def fresh() -> str:
    code_fingerprint.cache_clear()
    found = code_fingerprint()
    code_fingerprint.cache_clear()
    return found


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_it_is_twelve_hex_digits_wherever_the_package_lies(copy: Path) -> None:
    found = fresh()
    assert len(found) == 12
    assert int(found, 16) >= 0


def test_comments_docstrings_and_annotations_do_not_count(copy: Path) -> None:
    before = fresh()
    settled = copy / "training/convergence.py"
    edit(settled, '"""When a training', '"""When, oh when, a training')
    edit(settled, ") -> bool:", ") -> object:")
    settled.write_text(settled.read_text() + "\n\n# a remark\n")
    assert fresh() == before


def test_a_number_counts(copy: Path) -> None:
    before = fresh()
    edit(copy / "training/convergence.py", "WINDOW_STEPS = 256", "WINDOW_STEPS = 257")
    assert fresh() != before


@pytest.mark.parametrize("name", fingerprint.UNINVOLVED)
def test_what_leaves_no_mark_on_a_result_does_not_count(name: str, copy: Path) -> None:
    before = fresh()
    path = copy / name
    for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
        file.write_text("left = 'out'\n")
    assert fresh() == before


def test_a_new_family_counts(copy: Path) -> None:
    before = fresh()
    (copy / "models/mlp.py").write_text("WIDTH = 3\n")
    assert fresh() != before


def test_more_files_count_by_their_trees(copy: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.py"
    seeds.write_text("def seed():\n    return 1\n")
    before = code_fingerprint((seeds,))
    code_fingerprint.cache_clear()
    seeds.write_text("def seed() -> int:\n    # a remark\n    return 1\n")
    assert code_fingerprint((seeds,)) == before != fresh()
    code_fingerprint.cache_clear()
    seeds.write_text("def seed():\n    return 2\n")
    assert code_fingerprint((seeds,)) != before
    code_fingerprint.cache_clear()
