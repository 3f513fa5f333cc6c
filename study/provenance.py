"""`provenance.json`: with what, where and when a study was run, and what it cost."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from study.spec import StudySpec

PACKAGES = (
    *("classcomp", "ray", "torch", "torchvision", "optuna"),
    *("numpy", "scipy", "scikit-learn", "pandas", "pyarrow"),
)


def write_provenance(
    directory: Path, spec: StudySpec, records: Sequence[Mapping[str, Any]], *, wall_s: float
) -> None:
    """Adds this run to `provenance.json`; earlier runs of the same study stay listed."""
    path = directory / "provenance.json"
    earlier = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    cpu_s = sum(record["metrics"].get("cpu_s") or 0.0 for record in records)
    run = {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_s": round(wall_s, 1),
        "num_trials": len(records),
        "cpu_s_of_all_trials": round(cpu_s, 1),
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
        },
    }
    text = json.dumps({"name": spec.name, "runs": [*earlier, run]}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _git_commit() -> str | None:
    """The commit of the code that ran, with `-dirty` where it was changed; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
