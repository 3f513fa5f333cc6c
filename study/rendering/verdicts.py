"""Which family errs least at each n, by how much, and what a trial of it costs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from study.analysis.comparisons import CELL
from study.analysis.faults import Place, is_undamaged, place_of, populations_of, size_of
from study.analysis.frames import Row, to_rows, turned
from study.rendering.costs import seconds_by_place
from study.rendering.units import Unit
from study.rendering.words import TaskRows, interval_of, size_words, split_by_task, value_of


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeVerdict:
    """The family of the smallest R_n(T) among networks of one size, beside the next.

    Attributes:
        population: of which.
        num_train: n.
        size: depth, and k and c where they are axes.
        best: its family.
        risk: R_n(T), as told.
        rest: the next family.
        difference: by how much the best errs less, as told; paired over seeds and examples.
        interval: of it.
        is_significant: corrected for all comparisons of the task; None: it was not tested.
        seconds: CPU seconds of a measured trial of the best; None: unknown.
        rest_seconds: of the next.
    """

    population: str
    num_train: int
    size: str
    best: str
    risk: str
    rest: str
    difference: str
    interval: str
    is_significant: bool | None
    seconds: float | None
    rest_seconds: float | None


def verdicts_by_size(
    landscape: pd.DataFrame, comparisons: pd.DataFrame, trials: pd.DataFrame
) -> list[tuple[TaskRows, list[SizeVerdict]]]:
    """Return verdicts by task, one for each population, n and size with two families or more.

    Undistorted cells alone.
    """
    seconds = seconds_by_place(trials)
    pairs = {
        (row["first"], row["second"], *_where(row)): row
        for row in to_rows(comparisons)
        if row["scope"] == CELL and is_undamaged(row)
    }
    by_task = []
    for task in split_by_task([row for row in to_rows(landscape) if is_undamaged(row)]):
        order, found = populations_of(task.rows), []
        groups: dict[tuple[object, ...], dict[str, Row]] = defaultdict(dict)
        for row in sorted(task.rows, key=lambda row: order.index(row["population"])):
            if row["risk"] is not None:
                groups[_where(row)][row["family"]] = row
        for where, held in groups.items():
            ranked = sorted(held.values(), key=lambda row: (row["risk"], row["family"]))
            if len(ranked) > 1:
                best, rest = ranked[:2]
                pair = _compared(pairs, best["family"], rest["family"], where)
                found.append(_verdict(task.unit, best, rest, pair, seconds))
        if found:
            by_task.append((task, found))
    return by_task


def _where(row: Row) -> tuple[object, ...]:
    return row["population"], row["num_train"], *size_of(row)


def _compared(
    pairs: dict[tuple[object, ...], Row], best: str, rest: str, where: Sequence[object]
) -> Row | None:
    """Return the comparison of two families as the rest's risk less the best's."""
    row = pairs.get((rest, best, *where))
    if row is not None:
        return row
    row = pairs.get((best, rest, *where))
    return None if row is None else turned(row, "difference")


def _verdict(
    unit: Unit, best: Row, rest: Row, pair: Row | None, seconds: Mapping[Place, float]
) -> SizeVerdict:
    return SizeVerdict(
        population=best["population"],
        num_train=best["num_train"],
        size=size_words(best),
        best=best["family"],
        risk=unit.show(best["risk"]),
        rest=rest["family"],
        difference=unit.show(None) if pair is None else value_of(pair, "difference", unit),
        interval="" if pair is None else interval_of(pair, "difference", unit),
        is_significant=None if pair is None else pair["significant"],
        seconds=seconds.get(place_of(best)),
        rest_seconds=seconds.get(place_of(rest)),
    )
