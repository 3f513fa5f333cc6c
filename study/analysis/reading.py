"""A study as its tables tell it: from its folder, or from a trials table alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.decisions import Decisions, open_decisions
from study.analysis.files import (
    Stopping,
    read_curves,
    read_families,
    read_stopping,
    read_trials,
)
from study.analysis.frames import TableError
from study.analysis.table import Levels
from study.analysis.validation import check_parts
from study.storage.outside import MOST_TEXT, OutsideError, parse_json, read_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study's tables as read.

    Attributes:
        folder: the study's; None where there is a trials table alone.
        provenance: of the runs; empty where there is a trials table alone.
        decisions: of the rules; None where the folder has none, or there is a table alone.
        stopping: how the number of its seeds was found; None: it was fixed.
        families: in the order in which the study names them; empty: its tables do not say.
    """

    name: str
    folder: Path | None
    trials: pd.DataFrame
    levels: Levels
    curves: pd.DataFrame | None
    provenance: Mapping[str, Any]
    decisions: Decisions | None = None
    stopping: Stopping | None = None
    families: tuple[str, ...] = ()


def read_study(path: Path) -> Study:
    """Reads a study from its folder or from a trials table alone.

    Raises:
        TableError: one line, where a file is missing or cannot be used.
    """
    folder = path if path.is_dir() else None
    trials_path = path if folder is None else folder / "trials.parquet"
    if folder is not None and not trials_path.is_file():
        raise TableError(f"{path} holds no trials.parquet: not a study's folder")
    trials, levels = read_trials(trials_path)
    try:
        check_parts(trials)
    except TableError as error:
        raise TableError(f"{trials_path}: {error}") from None
    provenance = {} if folder is None else _read_provenance(folder / "provenance.json")
    curves_path = None if folder is None else folder / "curves.parquet"
    default = path.stem if folder is None else folder.resolve().name
    return Study(
        name=str(provenance.get("name") or default),
        folder=folder,
        trials=trials,
        levels=levels,
        curves=read_curves(curves_path) if curves_path and curves_path.is_file() else None,
        provenance=provenance,
        decisions=open_decisions(folder),
        stopping=read_stopping(trials_path),
        families=read_families(trials_path),
    )


def codes_of(trials: pd.DataFrame) -> dict[str | None, int]:
    """How many trials ran under each fingerprint of the code; None: from before there were any."""
    codes = trials["code"].array.to_numpy(dtype=object, na_value=None)
    return dict(Counter(codes.tolist()).most_common())


def _read_provenance(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = parse_json(read_bytes(path, MOST_TEXT))
    except OutsideError as error:
        raise TableError(f"{path} cannot be read as JSON: it {error}") from None
    if not isinstance(found, dict):
        raise TableError(f"{path} holds no JSON object")
    return found
