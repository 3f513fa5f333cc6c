"""Landscapes of a few rows, and what is found in them."""

from dataclasses import replace
from typing import Any

import pandas as pd

from study.analysis.faults import FAULTS
from study.analysis.reading import Study
from study.analysis.results import build_results
from study.analysis.table import build_trials
from study.rendering.findings import Findings, find
from tests.rendering.conftest import (
    Record,
    cell_row,
    comparison_frame,
    landscape_row,
)

SMALL = (0.010, 0.005, 0.015)
LARGE = (0.090, 0.080, 0.100)
TOTAL = (0.120, 0.110, 0.130)
DIGITS = "digits"


def known(family: str, **changes: Any) -> Record:
    """Return a cell whose estimation is the largest error, unless changes say otherwise."""
    named = {"total": TOTAL, "approximation": SMALL, "objective": SMALL, "optimization": SMALL}
    return cell_row(family, **{**named, "estimation": LARGE, **changes})


def real(family: str, **changes: Any) -> Record:
    named = {"population": DIGITS, "bayes_risk": None, "approximation_is_bound": None}
    return cell_row(family, **{**named, "estimation": LARGE, "optimization": SMALL, **changes})


def found_in(
    landscape: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    records: list[Record] | None = None,
) -> Findings:
    return find(*parts(landscape, comparisons, records))


def parts(
    landscape: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    records: list[Record] | None = None,
) -> tuple[Study, Any]:
    trials = build_trials(records or [], {})
    study = Study(
        name="x", folder=None, trials=trials, levels={}, curves=None, provenance={}, decisions=None
    )
    results = replace(
        build_results(build_trials([], {}), {}),
        landscape=landscape,
        comparisons=comparison_frame() if comparisons is None else comparisons,
    )
    return study, results


def tied(estimation: tuple[float, float, float], num_seeds: int = 4) -> dict[str, object]:
    named = {"total": TOTAL, "approximation": SMALL, "objective": SMALL}
    optimization = (0.04, 0.02, 0.06)
    return landscape_row(
        "vgg",
        estimation=estimation,
        optimization=optimization,
        estimation_num_seeds=num_seeds,
        **named,
    )


def unshown(**changes: Any) -> Record:
    """Return a cell of four seeds, none of whose errors is above zero unless changes say so."""
    nothing = dict.fromkeys(FAULTS, (-0.01, -0.02, 0.01))
    return landscape_row("vgg", estimation_num_seeds=4, total=TOTAL, **{**nothing, **changes})
