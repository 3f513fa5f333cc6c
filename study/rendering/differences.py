"""Two families' difference over the sample size: a figure, and where a lead ends in words."""

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from study.analysis.crossovers import GROUP, over_sizes
from study.analysis.faults import is_undamaged, size_of
from study.analysis.frames import Row, to_rows
from study.rendering.lines import Line, LineGrid, LinePanel
from study.rendering.units import Unit
from study.rendering.words import (
    TaskRows,
    counted,
    damage_words,
    distinct,
    listed,
    short_names,
    size_words,
    split_by_task,
)
from study.trials.tasks import task_of

_CORRECTED = " (p < 0.05, corrected for all of the task’s leads)"
_FIGURE = ("task", "population", "distortion", "severity")


def difference_lines(comparisons: pd.DataFrame, crossovers: pd.DataFrame) -> list[LineGrid]:
    """Return paired differences against n: columns depths and k, a line for each two families.

    One figure per task, population and severity. Drawn are the pairs of which the family that is
    ahead at the smallest n is not at another: of the rest a ranking says all.
    """
    turning = {
        tuple(row[name] for name in GROUP)
        for row in to_rows(crossovers)
        if row["open_from"] is not None or row["behind_from"] is not None
    }
    pairs = [
        rows
        for rows in over_sizes(comparisons)
        if tuple(rows[0][name] for name in GROUP) in turning
    ]
    grids = []
    for task in split_by_task([rows[0] for rows in pairs]):
        groups: dict[tuple[object, ...], list[list[Row]]] = defaultdict(list)
        for rows in pairs:
            if task_of(rows[0]["task"]) == task.task:
                groups[tuple(rows[0][name] for name in _FIGURE)].append(rows)
        grids += [_grid(task, held) for held in groups.values()]
    return grids


def _grid(task: TaskRows, pairs: Sequence[Sequence[Row]]) -> LineGrid:
    first = pairs[0][0]
    ordered = sorted(pairs, key=lambda rows: size_of(rows[0]))
    panels = tuple(
        LinePanel(
            title=f"depth {size}",
            lines=tuple(_line(rows, task.unit) for rows in ordered if size_words(rows[0]) == size),
        )
        for size in dict.fromkeys(size_words(rows[0]) for rows in ordered)
    )
    where = f"{task.title}{first['population']}, {damage_words(first)}"
    return LineGrid(
        title=f"{where}: risk of one family minus another’s against sample size",
        x_label="training examples n",
        y_labels=(f"difference ({task.unit.sign})",),
        panels=(panels,),
        labels=tuple(sorted({_label(rows[0]) for rows in pairs})),
        x_ticks=tuple(sorted({row["num_train"] for rows in pairs for row in rows})),
        is_log=True,
        row_colours=("#000000",),
    )


def _line(rows: Sequence[Row], unit: Unit) -> Line:
    return Line(
        label=_label(rows[0]),
        x=tuple(row["num_train"] for row in rows),
        y=tuple(unit.scale(row["difference"]) for row in rows),
        lo=tuple(unit.scale(row["difference_lo"]) for row in rows),
        hi=tuple(unit.scale(row["difference_hi"]) for row in rows),
    )


def _label(row: Row) -> str:
    return f"{row['first']} − {row['second']}"


def crossover_sentences(crossovers: pd.DataFrame) -> list[str]:
    """Say of two families on undamaged data where the lead of the one at small n is over.

    Of significant leads alone; of those that are not, their number. Leads that hold at every n are
    one sentence of a population, depth and k. Of a lead that comes back nothing is said.
    """
    rows = [
        row
        for row in to_rows(crossovers)
        if is_undamaged(row) and row["ahead"] and (row["open_from"] is None or row["is_over"])
    ]
    sentences = []
    for task in split_by_task(rows):
        names = short_names(distinct(task.rows, "population"))
        held: dict[str, list[Row]] = defaultdict(list)
        for row in task.rows:
            if row["significant"]:
                where = f"{task.title}{names[row['population']]}, depth {size_words(row)}"
                if row["is_over"]:
                    sentences.append(_sentence(row, where))
                else:
                    held[f"At every n up to {row['ahead_until']} on {where} "].append(row)
        sentences += [f"{begin}{_told(leads)}{_CORRECTED}." for begin, leads in held.items()]
    others = sum(row["significant"] is False for row in rows)
    rest = f"{counted(others, 'lead')} from the smallest n on (crossovers.csv)."
    return sentences + ([f"Not significant once all are corrected for: {rest}"] if others else [])


def _told(leads: Sequence[Row]) -> str:
    behind: dict[str, list[str]] = defaultdict(list)
    for row in leads:
        behind[row["ahead"]].append(_other(row))
    said = [f"{name} errs less than {listed(others)}" for name, others in behind.items()]
    return "; ".join(said)


def _other(row: Row) -> str:
    """Who is behind."""
    name: str = row["second"] if row["ahead"] == row["first"] else row["first"]
    return name


def _sentence(row: Row, where: str) -> str:
    until, after = row["ahead_until"], row["open_from"]
    reverse = row["behind_from"]
    then = "" if reverse is None else f", and from n = {reverse} on {_other(row)} errs less"
    return (
        f"On {where} {row['ahead']} errs less than {_other(row)} up to n = {until}; at n = {after} "
        f"that is no longer shown{then}{_CORRECTED}."
    )
