"""A study's tables of trials and curves, made from its ledger's records and written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.analysis.files import Stopping, write_table
from study.analysis.table import Levels, build_curves, build_trials, levels_of
from study.request.spec import StudySpec
from study.storage.ledger import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """What a study has found so far.

    Attributes:
        records: the ledger's.
        levels: severities by distortion.
        trials: a row for each record.
        curves: a row for each point of their curves.
    """

    records: Sequence[Record]
    levels: Levels
    trials: pd.DataFrame
    curves: pd.DataFrame


def build_tables(spec: StudySpec, records: Sequence[Record]) -> Tables:
    """The tables of what is in a ledger.

    Raises:
        TableError: no table takes a record.
    """
    levels = levels_of(spec.distortions, records)
    trials = build_trials(records, levels)
    return Tables(records=records, levels=levels, trials=trials, curves=build_curves(records))


def write_tables(tables: Tables, spec: StudySpec, directory: Path) -> None:
    """Writes `trials` and `curves`, each as parquet and CSV, whole or not at all.

    Raises:
        OSError: the folder takes no more.
    """
    write_table(
        tables.trials,
        directory / "trials",
        levels=tables.levels,
        stopping=_stopping(spec),
        families=spec.families,
    )
    write_table(tables.curves, directory / "curves")


def _stopping(spec: StudySpec) -> Stopping | None:
    if spec.precision is None or spec.max_seeds is None:
        return None
    return Stopping(precision=spec.precision, first_seeds=spec.seeds, max_seeds=spec.max_seeds)
