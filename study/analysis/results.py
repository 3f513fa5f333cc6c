"""Every table that is computed from a study's trials, and the files they are written to."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.analysis.comparisons import build_comparisons
from study.analysis.estimates import build_best_in_class
from study.analysis.files import write_csv, write_table
from study.analysis.landscape import build_landscape
from study.analysis.learning_curves import build_learning_curves
from study.analysis.table import Levels
from study.analysis.variance import build_variance


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """A study's results; the last three are empty where there is nothing to compute them from."""

    landscape: pd.DataFrame
    best_in_class: pd.DataFrame
    comparisons: pd.DataFrame
    learning_curves: pd.DataFrame
    variance: pd.DataFrame


def build_results(trials: pd.DataFrame, levels: Levels) -> Results:
    """Compute every table of a study."""
    return Results(
        landscape=build_landscape(trials, levels),
        best_in_class=build_best_in_class(trials),
        comparisons=build_comparisons(trials),
        learning_curves=build_learning_curves(trials, levels),
        variance=build_variance(trials),
    )


def write_results(results: Results, folder: Path, levels: Levels) -> None:
    """Write landscape.parquet and a CSV of each table; an optional one only where it has rows."""
    write_table(results.landscape, folder / "landscape", levels=levels)
    write_csv(results.best_in_class, folder / "best_in_class.csv")
    optional = {
        "comparisons": results.comparisons,
        "learning_curves": results.learning_curves,
        "variance": results.variance,
    }
    for name, table in optional.items():
        path = folder / f"{name}.csv"
        if table.empty:  # a table of an earlier state of the study would lie
            path.unlink(missing_ok=True)
        else:
            write_csv(table, path)
