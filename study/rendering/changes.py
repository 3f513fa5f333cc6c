"""How depth, damage and sample size change the errors: a sentence each, where intervals allow one.

A change is from the first to the last value of an axis, all else equal: from the shallowest to the
deepest, from the smallest to the largest latent dimension, from a distortion's first severity to
its last, from the smallest to the largest n. It is told only where the two cells' ranges do not
meet (`study.analysis.faults.change`), and never over the distortion that a task takes off: there
another severity is another problem, and on `bump` pictures another unit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import pandas as pd

from study.analysis.columns import ERRORS
from study.analysis.faults import Change, change, plainest, populations_of
from study.analysis.frames import Row, to_rows
from study.rendering.units import Unit
from study.rendering.words import (
    AXIS_WORDS,
    TaskRows,
    damage_words,
    network_words,
    size_words,
    split_by_task,
    told,
    words_of,
)

Key = Callable[[Row], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Axis:
    """What changes and what stays.

    Attributes:
        title: from where to where.
        rows: along it.
        shape: of a row; a change is within a shape.
        place: of a row on the axis.
        shapes: what shapes are called; a network is a family of one depth and k.
    """

    title: str
    rows: Sequence[Row]
    shape: Key
    place: Key
    shapes: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """A sentence for each axis on one population; `title` names it, and its task."""

    title: str
    sentences: tuple[str, ...]


def changes(landscape: pd.DataFrame) -> list[Changes]:
    """Return the sentences of each task and population that has an axis of two values or more."""
    found = []
    for task in split_by_task(to_rows(landscape)):
        for population in populations_of(task.rows):
            rows = [row for row in task.rows if row["population"] == population]
            texts = [(axis.title, _axis_text(axis, task)) for axis in _axes(rows, task)]
            sentences = tuple(f"{title}: {text}." for title, text in texts if text)
            if sentences:
                found.append(Changes(title=f"{task.title}{population}", sentences=sentences))
    return found


def _axes(rows: Sequence[Row], task: TaskRows) -> Iterable[_Axis]:
    plain = plainest(rows)
    where = f"{damage_words(plain[0])}, n = {plain[0]['num_train']}"
    depths = sorted({row["depth"] for row in plain})
    if len(depths) > 1:
        yield _Axis(
            title=f"depth from {depths[0]} to {depths[-1]} ({where})",
            rows=plain,
            shape=partial(_without, name="depth"),
            place=lambda row: row["depth"],
            shapes="families",
        )
    for name, (sign, words) in AXIS_WORDS.items():
        held = [row for row in plain if row[name] is not None]
        places = sorted({row[name] for row in held})
        if len(places) > 1:
            yield _Axis(
                title=f"{words} {sign} from {places[0]:g} to {places[-1]:g} ({where})",
                rows=held,
                shape=partial(_without, name=name),
                place=itemgetter(name),
                shapes="networks",
            )
    damages: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["distortion"] != task.task.undoes:
            damages[row["distortion"]].append(row)
    for name, mine in sorted(damages.items()):
        levels = sorted({(row["level"], row["severity"]) for row in mine})
        if len(levels) > 1:
            ends = f"{levels[0][1]:g} to {levels[-1][1]:g}"
            n = max(row["num_train"] for row in mine if row["level"] == levels[-1][0])
            yield _Axis(
                title=f"{words_of(name)} from {ends} (n = {n})",
                rows=[row for row in mine if row["num_train"] == n],
                shape=network_words,
                place=lambda row: row["level"],
                shapes="networks",
            )
    sizes = sorted({row["num_train"] for row in rows})
    if len(sizes) > 1:
        damage = (plain[0]["distortion"], plain[0]["level"])
        yield _Axis(
            title=f"n from {sizes[0]} to {sizes[-1]} ({damage_words(plain[0])})",
            rows=[row for row in rows if (row["distortion"], row["level"]) == damage],
            shape=network_words,
            place=lambda row: row["num_train"],
            shapes="networks",
        )


def _without(row: Row, *, name: str) -> str:
    """Name a network, whatever it is in one of its sizes."""
    if name == "depth":
        _, _, on_axes = size_words(row).partition(" ")
        return f"{row['family']} {on_axes}".strip()
    return network_words({**row, name: None})


def _axis_text(axis: _Axis, task: TaskRows) -> str:
    """Say of every error in how many shapes it rises and falls, and where it does so most.

    Only shapes that know the error at both ends of the axis count.
    """
    ends = (min(map(axis.place, axis.rows)), max(map(axis.place, axis.rows)))
    shapes: dict[str, dict[Any, Row]] = defaultdict(dict)
    for row in axis.rows:
        shapes[axis.shape(row)][axis.place(row)] = row
    told_errors, num_open, num_known = [], 0, 0
    for error in ERRORS:
        found = {
            name: one
            for name, held in shapes.items()
            if set(ends) <= held.keys()
            and (one := change(error, held[ends[0]], held[ends[1]])) is not None
        }
        num_known += len(found)
        num_open += sum(one.direction is None for one in found.values())
        if text := _error_text(error, found, task.unit, axis.shapes):
            told_errors.append(text)
    if not num_known:
        return ""
    if num_open == num_known:
        return "whether anything changes is not known, since intervals are not"
    if not told_errors:
        told_errors = ["no change that intervals show"]
    if num_open:
        told_errors.append(f"{num_open} of {num_known} changes have unknown intervals")
    return "; ".join(told_errors)


def _error_text(error: str, found: dict[str, Change], unit: Unit, shapes: str) -> str:
    texts = []
    for direction, verb in ((1, "rises"), (-1, "falls")):
        held = {name: one for name, one in found.items() if one.direction == direction}
        if held:
            name = max(held, key=lambda name: held[name].size)
            before, after = (told(row, error, unit) for row in (held[name].first, held[name].last))
            which = "most for " if len(held) > 1 else ""
            count = f"{verb} for {len(held)} of {len(found)} {shapes}"
            texts.append(f"{count} ({which}{name}: {before} to {after})")
    return f"{error} {' and '.join(texts)}" if texts else ""
