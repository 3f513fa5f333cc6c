"""Every table that is computed from a study's trials, and the files they are written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.analysis.capacities import build_capacities
from study.analysis.class_risks import build_class_risks
from study.analysis.comparisons import build_comparisons
from study.analysis.completeness import missing_rows
from study.analysis.cross_entropy import build_cross_entropy
from study.analysis.cross_validation import build_cross_validation
from study.analysis.crossovers import build_crossovers
from study.analysis.decisions import Decisions
from study.analysis.ensembles import build_ensembles
from study.analysis.exhibits import Arrays
from study.analysis.files import write_csv, write_table
from study.analysis.generation import build_generation
from study.analysis.joined import build_best_in_class, join
from study.analysis.landscape import build_landscape
from study.analysis.latent_dims import build_latent_dims
from study.analysis.latent_maps import build_latent_maps
from study.analysis.latent_planes import build_latent_planes
from study.analysis.learning_curves import build_learning_curves
from study.analysis.per_class import build_per_class
from study.analysis.robustness import build_robustness
from study.analysis.table import Levels
from study.analysis.term_comparisons import build_term_comparisons
from study.analysis.traces import build_traces
from study.analysis.variance import build_variance
from study.analysis.winners import build_winners

WRITTEN_WITH_ROWS = (
    *("winners", "comparisons", "term_comparisons", "crossovers", "learning_curves"),
    *("variance", "cross_entropy", "ensembles", "cross_validation", "latent_planes", "latent_maps"),
    *("latent_dims", "knees", "capacities", "peaks", "per_class", "class_risks"),
    *("generation", "robustness", "traces", "early_stopping"),
)
WITHOUT_DECISIONS = (
    "There is no folder decisions/: values are as the trials table has them, and intervals that "
    "need the rules' decisions on the evaluation sample are empty."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """A study's results; a table is empty where there is nothing to compute it from.

    Attributes:
        num_superseded: trials of a configuration that is no longer their cell's.
        notes: what the intervals are without, a line each.
    """

    landscape: pd.DataFrame
    best_in_class: pd.DataFrame
    winners: pd.DataFrame
    comparisons: pd.DataFrame
    term_comparisons: pd.DataFrame
    crossovers: pd.DataFrame
    learning_curves: pd.DataFrame
    variance: pd.DataFrame
    cross_entropy: pd.DataFrame
    ensembles: pd.DataFrame
    cross_validation: pd.DataFrame
    latent_planes: pd.DataFrame
    latent_maps: pd.DataFrame
    latent_dims: pd.DataFrame
    knees: pd.DataFrame
    capacities: pd.DataFrame
    peaks: pd.DataFrame
    per_class: pd.DataFrame
    class_risks: pd.DataFrame
    generation: pd.DataFrame
    robustness: pd.DataFrame
    traces: pd.DataFrame
    early_stopping: pd.DataFrame
    missing: pd.DataFrame
    num_superseded: int
    notes: Sequence[str] = ()


def build_results(
    trials: pd.DataFrame,
    levels: Levels,
    decisions: Decisions | None = None,
    *,
    first_stage: int | None = None,
    laws: Mapping[str, Arrays] | None = None,
    maps: Mapping[str, Arrays] | None = None,
    families: Sequence[str] = (),
    curves: pd.DataFrame | None = None,
) -> Results:
    """Every table of a study.

    Args:
        trials: the trials table.
        levels: for each distortion its severities, in the order of their levels.
        decisions: of the study; None: intervals over evaluation examples are unknown.
        first_stage: the number of seeds that a cell starts with, where it is measured until its
            interval is short enough; None where every cell has as many seeds.
        laws: the exhibits of laws, by name.
        maps: the numbers of measured trials' maps of latents (`MAP_QUALITY`), by trial.
        families: in the order in which the study names them; empty: nobody says.
        curves: the curves table; None: there is none.
    """
    joined = join(trials, decisions, first_stage=first_stage)
    traces, early_stopping = build_traces(joined, levels, curves)
    latent_dims, knees = build_latent_dims(joined, levels)
    comparisons, landscape = build_comparisons(joined), build_landscape(joined, levels)
    capacities, peaks = build_capacities(joined, levels, landscape)
    return Results(
        landscape=landscape,
        best_in_class=build_best_in_class(joined),
        winners=build_winners(joined),
        comparisons=comparisons,
        term_comparisons=build_term_comparisons(joined, landscape),
        crossovers=build_crossovers(comparisons),
        learning_curves=build_learning_curves(joined, levels),
        variance=build_variance(joined),
        cross_entropy=build_cross_entropy(joined),
        ensembles=build_ensembles(joined),
        cross_validation=build_cross_validation(joined),
        latent_planes=build_latent_planes(joined, laws or {}),
        latent_maps=build_latent_maps(joined, maps or {}),
        latent_dims=latent_dims,
        knees=knees,
        capacities=capacities,
        peaks=peaks,
        per_class=build_per_class(joined, levels),
        class_risks=build_class_risks(joined, levels),
        generation=build_generation(joined, levels),
        robustness=build_robustness(joined, levels, families),
        traces=traces,
        early_stopping=early_stopping,
        missing=missing_rows(joined, levels),
        num_superseded=joined.num_superseded,
        notes=(WITHOUT_DECISIONS,) if decisions is None else tuple(decisions.skipped),
    )


def write_results(results: Results, folder: Path, levels: Levels) -> None:
    """Writes landscape.parquet and a CSV of each table; most of them only where they have rows."""
    write_table(results.landscape, folder / "landscape", levels=levels)
    write_csv(results.best_in_class, folder / "best_in_class.csv")
    for name in WRITTEN_WITH_ROWS:
        table, path = getattr(results, name), folder / f"{name}.csv"
        if table.empty:  # a table of an earlier state of the study would lie
            path.unlink(missing_ok=True)
        else:
            write_csv(table, path)
