"""The table of hyperparameters: a row for every winner of a search, the others put together."""

from collections import defaultdict
from typing import Any

import pandas as pd

from study.analysis.faults import shape_of
from study.analysis.frames import Row, to_rows
from study.rendering.units import UNKNOWN
from study.rendering.words import damage_words, size_words
from study.trials.schema import PREFIX


def setting_rows(winners: pd.DataFrame) -> list[Row]:
    """Return the rows of the page's table, by family.

    A search's winner is a row of its own. Cells of a family that nothing was searched for and
    that share all values are one row.

    Args:
        winners: of study.analysis.results.build_results.
    """
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for number, row in enumerate(to_rows(winners)):
        own = number if row["is_searched"] else None
        groups[row["family"], own, settings_words(row)].append(row)
    return [
        _row(rows, settings)
        for (_, _, settings), rows in sorted(groups.items(), key=lambda held: held[0][0])
    ]


def _row(rows: list[Row], settings: str) -> Row:
    first = rows[0]
    populations = sorted({row["population"] for row in rows})
    where = f"{first['population']} · {damage_words(first)} · n = {first['num_train']}"
    return {
        "family": first["family"],
        "depths": ", ".join(dict.fromkeys(map(size_words, sorted(rows, key=shape_of)))),
        "where": where if len(rows) == 1 else f"{len(rows)} cells of {', '.join(populations)}",
        "found_by": _origin(first),
        "validation_risk": first["validation_risk"] if first["is_searched"] else None,
        "settings": settings,
    }


def _origin(row: Row) -> str:
    if not row["is_searched"]:
        return "no search"
    ended = [f"{row[f'num_{how}']} {how}" for how in ("stopped", "failed") if row[f"num_{how}"]]
    return ", ".join([f"search, {row['num_proposals']} tried", *ended])


def settings_words(row: Row) -> str:
    """Return a trial's hyperparameters, those that it has."""
    held = {
        name.removeprefix(PREFIX): value
        for name, value in row.items()
        if name.startswith(PREFIX) and value is not None
    }
    return ", ".join(f"{name} = {plain_value(held[name])}" for name in sorted(held)) or "none"


def plain_value(value: Any) -> str:
    """Return a hyperparameter's value in words; a dash where there is none."""
    if value is None:
        return UNKNOWN
    return f"{value:.4g}" if isinstance(value, float) else str(value)
