"""What a study has cost: trials and seconds, by family and role."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from study.analysis.faults import Place, place_of
from study.analysis.frames import Row, to_rows
from study.analysis.intervals import mean
from study.trials.schema import STATUSES


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Trials of a family in a role.

    Attributes:
        family: whose.
        role: as the tables have it.
        counts: how many were done, stopped and failed.
        cpu_s: CPU seconds of those that say so, summed; None: none does.
        wall_s: the same of wall time.
    """

    family: str
    role: str
    counts: Mapping[str, int]
    cpu_s: float | None
    wall_s: float | None


def costs(trials: pd.DataFrame) -> list[Cost]:
    """Return what the trials have cost, by family, then role."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in to_rows(trials):
        groups[row["family"], row["role"]].append(row)
    return [
        Cost(
            family=family,
            role=role,
            counts={status: sum(row["status"] == status for row in rows) for status in STATUSES},
            cpu_s=_total(rows, "cpu_s"),
            wall_s=_total(rows, "wall_s"),
        )
        for (family, role), rows in sorted(groups.items())
    ]


def seconds_by_place(trials: pd.DataFrame) -> dict[Place, float]:
    """Return the mean CPU seconds of a measured trial, by cell, where it is known."""
    found: dict[Place, list[float]] = defaultdict(list)
    for row in to_rows(trials):
        if row["role"] == "measure" and row["status"] == "done" and row["cpu_s"] is not None:
            found[place_of(row)].append(row["cpu_s"])
    return {place: mean(seconds) for place, seconds in found.items()}


def _total(rows: Iterable[Row], column: str) -> float | None:
    known = [row[column] for row in rows if row[column] is not None]
    return sum(known) if known else None
