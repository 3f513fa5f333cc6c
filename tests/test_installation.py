"""What `make` installs: PyTorch of PyPI unless asked otherwise, and then the build without CUDA.

Nothing is downloaded: make says what it would do, and pip chooses from an index on disk.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What make would do in a fresh checkout."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    command = ["make", "--dry-run", "--no-print-directory", "-C", str(folder), *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, capture_output=True, text=True, env=kept)


@pytest.mark.parametrize("target", ["study", "test"])
def test_the_default_is_pypi_alone(tmp_path: Path, target: str) -> None:
    said = make(tmp_path, target)
    assert said.returncode == 0
    assert "pip install --quiet --constraint constraints.txt" in said.stdout
    assert "index" not in said.stdout


@pytest.mark.parametrize("target", ["study", "test"])
def test_cpu_adds_pytorchs_own_index(tmp_path: Path, target: str) -> None:
    said = make(tmp_path, target, "TORCH=cpu")
    (line,) = [line for line in said.stdout.splitlines() if "[sweep]" in line]
    assert CPU_INDEX in line


@pytest.mark.parametrize("asked", ["cuda", "CPU", ""])
def test_any_other_build_is_refused_in_one_line(tmp_path: Path, asked: str) -> None:
    said = make(tmp_path, "study", f"TORCH={asked}")
    assert said.returncode == 2
    (line,) = [line for line in said.stderr.splitlines() if "TORCH" in line]
    assert line.endswith("allowed are pypi, the default, and cpu, PyTorch without CUDA.  Stop.")
    assert said.stdout == ""


def write_index(folder: Path, versions: dict[str, tuple[str, str]]) -> str:
    """A package index (PEP 503) of wheels with nothing in them: its address.

    Args:
        folder: where.
        versions: of each project, and what it requires.
    """
    for project, (version, requires) in versions.items():
        place = folder / project
        place.mkdir(parents=True)
        stem = f"{project.replace('-', '_')}-{version}"
        name, info = f"{stem}-py3-none-any.whl", f"{stem}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n{requires}"
        with zipfile.ZipFile(place / name, "w") as wheel:
            wheel.writestr(f"{info}/METADATA", metadata)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        href = name.replace("+", "%2B")
        (place / "index.html").write_text(f'<a href="{href}">{name}</a>')
    return folder.as_uri()


def chosen(*indexes: str) -> dict[str, str]:
    """The versions that pip would install of torch and torchvision, by our constraints."""
    pinned = ROOT / "constraints.txt"
    held = [line for line in pinned.read_text().splitlines() if line.startswith("torch")]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-"]
    command += ["--ignore-installed", "--no-cache-dir", "--index-url", indexes[0]]
    command += [word for index in indexes[1:] for word in ("--extra-index-url", index)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    done = subprocess.run(
        [*command, *held],
        capture_output=True,
        text=True,
        check=True,
        env=plain | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    report = json.loads(done.stdout)["install"]
    return {one["metadata"]["name"]: one["metadata"]["version"] for one in report}


def test_pip_prefers_the_build_without_cuda_and_meets_the_pins(tmp_path: Path) -> None:
    """`2.14.1+cpu` satisfies `==2.14.1` and comes after it (PEP 440); so does torchvision's."""
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.startswith("torch")
    )
    torch, torchvision = pins["torch"], pins["torchvision"]
    cuda = "Requires-Dist: nvidia-cudnn\n"
    needs = f"Requires-Dist: torch=={torch}\n"
    pypi = {
        "torch": (torch, cuda),
        "torchvision": (torchvision, needs),
        "nvidia-cudnn": ("9.0", ""),
    }
    plain = {"torch": (f"{torch}+cpu", ""), "torchvision": (f"{torchvision}+cpu", needs)}
    ours, theirs = (
        write_index(tmp_path / name, held) for name, held in (("pypi", pypi), ("cpu", plain))
    )
    assert chosen(ours) == {"torch": torch, "torchvision": torchvision, "nvidia-cudnn": "9.0"}
    wanted = {"torch": f"{torch}+cpu", "torchvision": f"{torchvision}+cpu"}
    assert chosen(ours, theirs) == wanted
