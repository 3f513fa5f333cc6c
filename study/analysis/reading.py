"""A study as its tables tell it: from its folder, or from a trials table alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.files import read_curves, read_trials
from study.analysis.frames import TableError
from study.analysis.table import Levels


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study's tables as read, and where its provenance came from."""

    name: str
    trials: pd.DataFrame
    levels: Levels
    curves: pd.DataFrame | None
    provenance: Mapping[str, Any]


def read_study(path: Path) -> Study:
    """Read a study from its folder or from a trials table alone.

    Raises:
        TableError: one line, where a file is missing or cannot be used.
    """
    if path.is_dir():
        folder, trials_path = path, path / "trials.parquet"
        if not trials_path.is_file():
            raise TableError(f"{path} holds no trials.parquet: not a study's folder")
    else:
        folder, trials_path = path.parent, path
    trials, levels = read_trials(trials_path)
    with_folder = path.is_dir()
    curves_path = folder / "curves.parquet"
    provenance = _read_provenance(folder / "provenance.json") if with_folder else {}
    default = folder.resolve().name if with_folder else path.stem
    return Study(
        name=str(provenance.get("name") or default),
        trials=trials,
        levels=levels,
        curves=read_curves(curves_path) if with_folder and curves_path.is_file() else None,
        provenance=provenance,
    )


def _read_provenance(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TableError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise TableError(f"{path} holds no JSON object")
    return found
