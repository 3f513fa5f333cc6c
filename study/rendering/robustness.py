"""Corrupted training images: whether a family is always better, in words, figures and a table."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.faults import size_of
from study.analysis.frames import Row, to_rows
from study.rendering.image_sheets import Array, Held, Sheet, Sheets, same_scale
from study.rendering.lines import Line, LineGrid, LinePanel
from study.rendering.units import UNKNOWN, Unit, unit_of
from study.rendering.words import TaskRows, counted, distinct, size_words, split_by_task, words_of
from study.trials.tasks import CLASSIFICATION
from study.trials.trial import KEEPING_THE_IMAGE

MEASURE_WORDS = {
    "risk": "risk on clean images",
    "corrupted_risk": "risk where all images are corrupted",
    "restored_mse": "what is given back of corrupted images against the clean ones",
    "knn_accuracy": "accuracy of neighbours in the latent plane",
}
_SHORT = {
    "risk": "clean",
    "corrupted_risk": "all corrupted",
    "restored_mse": "restored",
    "knn_accuracy": "k-NN accuracy",
}
MORE_IS_BETTER = ("knn_accuracy",)
MOST_IN_A_ROW = 3
"""Corruptions beside each other in a figure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RobustnessTable:
    """A task's families in every cell, by measure.

    Attributes:
        title: of the task, where there are several.
        measures: what is known of any of them.
        units: of these.
        cells: a cell's rows of the table by measure.
    """

    title: str
    measures: tuple[str, ...]
    units: tuple[Unit, ...]
    cells: tuple[dict[str, Row], ...]


def robustness_lines(robustness: pd.DataFrame) -> list[str]:
    """Return one line for each task, population, distortion and measure: the families in turn.

    A cell counts where its difference is significant, corrected for all of a task by this measure.
    That outliers are given back well is neither good nor bad: the table alone has it.
    """
    lines = []
    for task in split_by_task(to_rows(robustness)):
        groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in task.rows:
            is_told = row["measure"] != "corrupted_risk" or row["distortion"] in KEEPING_THE_IMAGE
            if is_told and row["difference"] is not None:
                groups[row["population"], row["distortion"], row["measure"]].append(row)
        for population, distortion, measure in sorted(groups, key=_order):
            rows = groups[population, distortion, measure]
            unit = unit_of_measure(measure, task.unit)
            told = [
                f"{family} {_told([row for row in rows if row['family'] == family], measure, unit)}"
                for family in sorted({row["family"] for row in rows})
            ]
            where = f"{task.title}{population}, {words_of(distortion)}, {MEASURE_WORDS[measure]}"
            lines.append(f"{where}, beside {rows[0]['reference']}: {'; '.join(told)}.")
    return lines


def _order(group: tuple[str, ...]) -> tuple[str, str, int]:
    return group[0], group[1], list(MEASURE_WORDS).index(group[2])


def _told(rows: Sequence[Row], measure: str, unit: Unit) -> str:
    """`not always: lower in 7 of 12 cells, higher in 3, not told apart in 2 (…)`.

    Always and never are said of cells that are all told apart, not always of one that is worse: a
    cell that is not told apart speaks for neither.
    """
    known = [row for row in rows if row["significant"] is not None]
    sure = [row["difference"] for row in known if row["significant"]]
    lower, higher = sum(value < 0 for value in sure), sum(value > 0 for value in sure)
    better, worse = (higher, lower) if measure in MORE_IS_BETTER else (lower, higher)
    if better == len(rows):
        answer = "always"
    elif worse:
        answer = "never" if worse == len(rows) else "not always"
    else:
        answer = "where it is told apart" if better else "not shown"
    first, second = ("higher", "lower") if measure in MORE_IS_BETTER else ("lower", "higher")
    counts = (
        f"{first} in {better} of {counted(len(rows), 'cell')}, {second} in {worse}, "
        f"not told apart in {len(known) - lower - higher}"
    )
    unknown = len(rows) - len(known)
    more = f", without a test in {unknown}" if unknown else ""
    return f"{answer}: {counts}{more} ({_change(rows, unit)})"


def _change(rows: Sequence[Row], unit: Unit) -> str:
    """`on average 0.12 lower at 0 and 0.45 lower at 0.4`: over cells that have both ends."""
    cells: dict[tuple[object, ...], dict[float, float]] = defaultdict(dict)
    for row in rows:
        cell = (*size_of(row), row["num_train"])
        cells[cell][row["severity"]] = row["difference"]
    severities = sorted({row["severity"] for row in rows})
    ends = list(dict.fromkeys((severities[0], severities[-1])))
    whole = [held for held in cells.values() if all(end in held for end in ends)]
    if not whole:
        return f"on average {UNKNOWN}"
    means = [sum(held[end] for held in whole) / len(whole) for end in ends]
    parts = [
        f"{unit.show(abs(mean))} {'lower' if mean < 0 else 'higher'} at {end:g}"
        for mean, end in zip(means, ends, strict=True)
    ]
    return f"on average {' and '.join(parts)}"


def unit_of_measure(measure: str, task: Unit) -> Unit:
    """Return what a measure is shown in: the task's unit, and an accuracy as a share."""
    return unit_of(CLASSIFICATION.name) if measure in MORE_IS_BETTER else task


def robustness_tables(robustness: pd.DataFrame) -> list[RobustnessTable]:
    """Return every cell with its measures beside each other, a table for each task."""
    tables = []
    for task in split_by_task(to_rows(robustness)):
        cells: dict[tuple[object, ...], dict[str, Row]] = defaultdict(dict)
        for row in sorted(task.rows, key=_place):
            cells[_place(row)][row["measure"]] = row
        measures = _known_measures(task.rows)
        tables.append(
            RobustnessTable(
                title=task.title,
                measures=measures,
                units=tuple(unit_of_measure(measure, task.unit) for measure in measures),
                cells=tuple(cells.values()),
            )
        )
    return tables


def robustness_grids(robustness: pd.DataFrame) -> list[LineGrid]:
    """Return measures against the share of corrupted images: columns corruptions, lines families.

    Above what each family has, below what it has more than the reference. Of every population the
    cells at the largest n, of its smallest and of its largest networks; MOST_IN_A_ROW corruptions
    a figure, of those that have two shares or more.
    """
    grids = []
    for task in split_by_task(to_rows(robustness)):
        for population in distinct(task.rows, "population"):
            held = [row for row in task.rows if row["population"] == population]
            most = max(row["num_train"] for row in held)
            held = sorted((r for r in held if r["num_train"] == most), key=_place)
            sizes = list(dict.fromkeys(size_words(row) for row in held))
            for size in dict.fromkeys((sizes[0], sizes[-1])):
                grids += _grids(task, [row for row in held if size_words(row) == size])
    return grids


def _known_measures(rows: Sequence[Row]) -> tuple[str, ...]:
    held = {row["measure"] for row in rows}
    return tuple(measure for measure in MEASURE_WORDS if measure in held)


def _place(row: Row) -> tuple[object, ...]:
    """A cell's place in tables and figures: families beside each other."""
    held = (row["population"], row["distortion"], row["num_train"])
    where = (*held, *size_of(row), row["severity"])
    return (*where, row["family"] != row["reference"], row["family"])


def _grids(task: TaskRows, rows: Sequence[Row]) -> list[LineGrid]:
    """The figures of one population, n and size of networks: a measure after another."""
    grids = []
    for measure in _known_measures(rows):
        mine = [row for row in rows if row["measure"] == measure]
        kinds = [
            kind
            for kind in distinct(mine, "distortion")
            if len({row["severity"] for row in mine if row["distortion"] == kind}) > 1
        ]
        for first in range(0, len(kinds), MOST_IN_A_ROW):
            shown = kinds[first : first + MOST_IN_A_ROW]
            grids.append(_grid(task, [row for row in mine if row["distortion"] in shown], shown))
    return grids


def _grid(task: TaskRows, rows: Sequence[Row], kinds: Sequence[str]) -> LineGrid:
    first = rows[0]
    measure = first["measure"]
    unit = unit_of_measure(measure, task.unit)
    labels = tuple(distinct(rows, "family"))
    is_compared = any(row["difference"] is not None for row in rows)
    names = ("value", "difference") if is_compared else ("value",)
    words = (measure_title(measure), f"less that of {first['reference']}")
    where = f"n = {first['num_train']}, depth {size_words(first)}"
    return LineGrid(
        title=f"{task.title}{first['population']}: {MEASURE_WORDS[measure]}, {where}",
        x_label="share of the training sample",
        y_labels=tuple(f"{word} ({unit.sign})" for word in words[: len(names)]),
        panels=tuple(
            tuple(
                LinePanel(
                    title=words_of(kind),
                    lines=tuple(
                        _line(family, [r for r in rows if r["distortion"] == kind], name, unit)
                        for family in labels
                    ),
                )
                for kind in kinds
            )
            for name in names
        ),
        labels=labels,
        x_ticks=tuple(distinct(rows, "severity")),
        row_colours=("#000000",) * len(names),
        per="kind of damage",
    )


def measure_title(measure: str) -> str:
    """Name a measure on an axis and above a column."""
    return _SHORT[measure]


def _line(family: str, rows: Sequence[Row], name: str, unit: Unit) -> Line:
    mine = [row for row in rows if row["family"] == family and row[name] is not None]
    mine.sort(key=lambda row: row["severity"])
    return Line(
        label=family,
        x=tuple(row["severity"] for row in mine),
        y=tuple(unit.scale(row[name]) for row in mine),
        lo=tuple(unit.scale(row[f"{name}_lo"]) for row in mine),
        hi=tuple(unit.scale(row[f"{name}_hi"]) for row in mine),
    )


CLEAN, SHOWN = "corrupted/clean", "corrupted/shown"


def corrupted_sheets(title: str, held: Held) -> Sheets | None:
    """Return what training images were, above what corruptions have made of them.

    Args:
        title: of the figure.
        held: exhibits by corruption; those that hold no images, or images of another size than the
            first ones', are left out.
    """
    usable = {
        kind: arrays
        for kind, arrays in held.items()
        if {CLEAN, SHOWN} <= arrays.keys() and arrays[CLEAN].size
    }
    if not usable:
        return None
    size = next(iter(usable.values()))[CLEAN].shape[1:]
    usable = {kind: one for kind, one in usable.items() if one[CLEAN].shape[1:] == size}
    across = max(len(arrays[CLEAN]) for arrays in usable.values())
    rows = [arrays[name] for arrays in usable.values() for name in (CLEAN, SHOWN)]
    images = np.stack([_filled(row, across) for row in rows])
    clean = [arrays[CLEAN] for arrays in usable.values()]
    black, white = min(c.min() for c in clean), max(c.max() for c in clean)
    sheet = Sheet(
        label="",
        images=images,
        scale=same_scale(images, black, white),
        rows=tuple(text for kind in usable for text in ("as it was", words_of(kind))),
        note=", ".join(map(words_of, usable)),
    )
    how = (
        "Training images that are corrupted, each under what it was; black and white are the "
        "clean images’."
    )
    return Sheets(title=title, how=how, panels=(sheet,))


def _filled(images: Array, across: int) -> Array:
    """Images (N, C, H, W) as so many, the last ones nan."""
    filled = np.full((across, *images.shape[1:]), np.nan)
    filled[: len(images)] = images
    return filled
