"""What `pip install .` alone brings reads results, and says in one line what it does not run.

No installation is made: an interpreter without site-packages is given links to the distributions
that the dependencies of pyproject.toml, and theirs, are made of.
"""

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "ray_results/reference/quickstart"


def closure(requirements: list[str]) -> set[str]:
    """Names of the distributions that are needed, those that they need included."""
    found: set[str] = set()
    left = [Requirement(text) for text in requirements]
    while left:
        asked = left.pop()
        if asked.name.lower() in found or (
            asked.marker and not asked.marker.evaluate({"extra": ""})
        ):
            continue
        found.add(asked.name.lower())
        left += map(Requirement, metadata.requires(asked.name) or [])
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the base installation's packages alone, and ours."""
    folder = tmp_path_factory.mktemp("base")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in closure(project["dependencies"]):
        held = metadata.distribution(name)
        for top in {file.parts[0] for file in held.files or () if file.parts[0] != ".."}:
            link = folder / top
            if not link.exists():
                link.symlink_to(held.locate_file(top))
    for package in ("classcomp", "search_spaces", "study"):
        (folder / package).symlink_to(ROOT / package)
    return folder


def run(base: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", *words],
        env={**os.environ, "PYTHONPATH": str(base), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=base,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_nothing_of_the_sweep_is_there(base: Path) -> None:
    code = (
        "from importlib.util import find_spec; from study.run import SWEEP; "
        "assert not any(map(find_spec, SWEEP)), [n for n in SWEEP if find_spec(n)]"
    )
    done = run(base, "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [["study.run"], ["study.console", "run"]])
def test_a_study_cannot_run_and_one_line_says_so(base: Path, command: list[str]) -> None:
    done = run(base, "-m", *command, "smoke")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("study.run: not installed: optuna, ray, sklearn, torch, ")
    assert "[sweep]" in line


def test_how_far_a_study_is_is_told(base: Path, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'name = "small"\nfamilies = ["linear"]\ndepths = [1]\nnum_train = [64]\n'
        'populations = [{ name = "xor", sigma = 0.5 }]\n'
    )
    done = run(base, "-m", "study.status", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    assert '"name": "small"' in done.stdout


@pytest.mark.slow
def test_results_are_read_compared_and_written(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(base, "-m", "study.report", str(QUICKSTART), "--out", str(out), "--latex", "-q")
    assert done.returncode == 0, done.stderr
    assert (out / "report/index.html").is_file()
    assert (out / "report/latex/landscape.tex").is_file()
    done = run(base, "-m", "study.report", *[str(QUICKSTART)] * 2, "--out", str(out), "-q")
    assert done.returncode == 0, done.stderr
    code = (
        "import sys, study; found = study.open(sys.argv[1]); "
        "print(len(found.join(found).landscape), len(found.plot.landscape()))"
    )
    done = run(base, "-c", code, str(QUICKSTART))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "20"


def test_help_and_completion_need_nothing_else(base: Path) -> None:
    for words in (["run", "--help"], ["--help"], ["--print-completion", "zsh"]):
        done = run(base, "-m", "study.console", *words)
        assert done.returncode == 0, done.stderr
        assert done.stdout
