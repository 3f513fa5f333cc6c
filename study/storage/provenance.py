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

from study.storage.outside import MOST_TEXT, OutsideError, parse_json, read_bytes
from study.storage.store import StorageError, write_whole

PACKAGES = (
    *("classcomp", "ray", "torch", "torchvision", "optuna"),
    *("numpy", "scipy", "scikit-learn", "pandas", "pyarrow"),
)

FILE = "provenance.json"


def read_provenance(directory: Path) -> list[Any]:
    """The runs that `provenance.json` lists, oldest first.

    Raises:
        StorageError: it is not what `write_provenance` wrote.
    """
    path = directory / FILE
    if not path.exists():
        return []
    try:
        return list(parse_json(read_bytes(path, MOST_TEXT))["runs"])
    except (OutsideError, TypeError, KeyError):
        raise StorageError(f"{path}: lists no runs; mend it, or move it away") from None


def write_provenance(
    directory: Path,
    name: str,
    records: Sequence[Mapping[str, Any]],
    earlier: Sequence[Any],
    *,
    wall_s: float,
) -> None:
    """Writes `provenance.json`: the earlier runs of the study, then this one."""
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
    text = json.dumps({"name": name, "runs": [*earlier, run]}, indent=2)
    write_whole(
        directory / FILE,
        lambda path: path.write_text(text + "\n", encoding="utf-8"),
    )


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
