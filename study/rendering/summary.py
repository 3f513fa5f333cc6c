"""What was run, in words: the page's first table, and its provenance."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from study.analysis.faults import distinct_cells
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study, codes_of
from study.analysis.results import Results
from study.analysis.table import Levels
from study.rendering.words import counted


def summarise(study: Study, results: Results) -> list[tuple[str, str]]:
    """Return what was run as pairs of a name and its text."""
    trials, landscape = to_rows(study.trials), to_rows(results.landscape)
    hours = sum(row["wall_s"] or 0.0 for row in trials) / 3600
    told = [row["share_converged"] for row in distinct_cells(landscape)]
    shares = [share for share in told if share is not None]
    summary = [
        ("families", _listed(landscape, "family")),
        ("depths", _listed(landscape, "depth")),
        *_axes(landscape),
        ("populations", _listed(landscape, "population")),
        ("training examples n", _listed(landscape, "num_train")),
        ("distortions", _levels_text(study.levels)),
        *_seeds(study),
        *(("trained for T", text) for text in budgets(trials)),
        ("trials", _counts_text(trials)),
        ("time in trials", f"{hours:.2f} hours of wall time, summed over trials"),
        (
            "cells in which every seed had settled",
            f"{sum(s == 1 for s in shares)} of {len(shares)}",
        ),
    ]
    if off_grid := sum(row["level"] is None for row in trials):
        summary.append(
            ("left out", f"{counted(off_grid, 'trial')} at severities the study does not list")
        )
    if results.num_superseded:
        text = f"{counted(results.num_superseded, 'trial')} with superseded hyperparameters"
        summary.append(("left out", text))
    if text := _codes_text(study.trials):
        summary.append(("code", text))
    return summary


def _axes(landscape: Sequence[Row]) -> list[tuple[str, str]]:
    found = []
    for title, name in (("latent dimensions k", "latent_dim"), ("capacities c", "capacity")):
        values = sorted({row[name] for row in landscape if row[name] is not None})
        found += [(title, ", ".join(f"{value:g}" for value in values))] if values else []
    return found


def _seeds(study: Study) -> list[tuple[str, str]]:
    """Say by which rule there are as many seeds as there are, where it is no fixed number."""
    rule = study.stopping
    if rule is None:
        return []
    text = (
        f"{rule.first_seeds} at first, then as many as their spread asks for until the interval of "
        f"a cell’s total is ±{rule.precision:g}, {rule.max_seeds} at most (Stein 1945)"
    )
    return [("seeds", text)]


def budgets(trials: Sequence[Row]) -> list[str]:
    """Say what T is, and how long a trial may take to settle: a text for each there is."""
    held = {
        (row[f"budget_{unit}"], unit, row[f"max_{unit}"])
        for row in trials
        for unit in ("steps", "epochs")
        if row["role"] == "measure" and row[f"budget_{unit}"] is not None
    }
    return [
        f"{budget:g} {unit}; then a trial goes on until settled, {most:g} at most"
        for budget, unit, most in sorted(held)
    ]


def _counts_text(trials: Sequence[Row]) -> str:
    """`measure: 7 done, 1 failed; search: 3 done`, roles as the table has them."""
    counts = {role: Counter[str]() for role in dict.fromkeys(row["role"] for row in trials)}
    for row in trials:
        counts[row["role"]][row["status"]] += 1
    texts = [
        f"{role}: " + ", ".join(f"{number} {status}" for status, number in sorted(held.items()))
        for role, held in counts.items()
    ]
    return "; ".join(texts) or "none"


def _codes_text(trials: pd.DataFrame) -> str:
    """Say under which code trials ran, where it is not one and the same; else nothing."""
    codes = codes_of(trials)
    unknown = codes.pop(None, 0)
    told = []
    if len(codes) > 1:
        counts = ", ".join(f"{number} under {code}" for code, number in codes.items())
        told.append(f"trials ran under {len(codes)} versions of the code: {counts}")
    if unknown:
        told.append(f"the code that ran {counted(unknown, 'trial')} is not known")
    return "; ".join(told)


def _listed(rows: Sequence[Row], name: str) -> str:
    return ", ".join(str(value) for value in sorted({row[name] for row in rows})) or "none"


def _levels_text(levels: Levels) -> str:
    texts = [f"{name} {', '.join(f'{v:g}' for v in values)}" for name, values in levels.items()]
    return "; ".join(texts) or "none"


def flatten(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested JSON into pairs of a dotted name and a text."""
    pairs: list[tuple[str, str]] = []
    for name, held in value.items():
        if isinstance(held, Mapping):
            pairs += flatten(held, f"{prefix}{name}.")
        else:
            text = held if isinstance(held, str) else json.dumps(held, ensure_ascii=False)
            pairs.append((f"{prefix}{name}", text))
    return pairs
