"""Whose fault the error is, in words: a line for each family of a population, and one for them all.

Every line is of the plainest cells (undistorted, else least distorted, at the largest n) and says
what `study.analysis.faults.verdict` found of them, with the numbers it was found in.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from study.analysis.faults import (
    ABSENT,
    CLEAR,
    FAULTS,
    NONE,
    OPEN,
    Verdict,
    plainest,
    populations_of,
    shape_of,
    verdict,
)
from study.analysis.frames import Row, to_rows
from study.rendering.units import Unit
from study.rendering.words import (
    FAULT_WORDS,
    TaskRows,
    damage_words,
    listed,
    network_words,
    short_names,
    size_words,
    split_by_task,
    told,
)

_MOST_NAMES = 4  # families named in a sentence; more are counted

Families = Mapping[str, Sequence[tuple[Row, Verdict]]]
"""A family's cells and what was found of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What was found of a family at depths, and latent dimensions, that have the same verdict.

    Attributes:
        errors: whose colours stand before it, as in `Verdict`.
        fault: whose it is.
        numbers: what that was found in: of one depth, or of the shallowest and the deepest.
    """

    family: str
    depths: str
    errors: tuple[str, ...]
    fault: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Whose fault the error is on one population.

    Attributes:
        title: the population, and the task where there are several.
        where: the cells in which was looked.
        points: what the numbers are in.
        sentence: all families in one sentence, each part with the number of the network where it is
            the most; empty where nothing is known.
        lines: of families by depths.
        most: of each part the network with the largest estimate that is above zero, and how much.
    """

    title: str
    where: str
    points: str
    sentence: str
    lines: tuple[Line, ...]
    most: tuple[tuple[str, str], ...]


def answers(landscape: pd.DataFrame) -> list[Answer]:
    """Return one answer for each task and population that was measured, known laws first."""
    found = []
    for task in split_by_task(to_rows(landscape)):
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in task.rows:
            groups[row["population"]].append(row)
        found += [_answer(task, name, groups[name]) for name in populations_of(task.rows)]
    return [answer for answer in found if answer.lines]


def _answer(task: TaskRows, population: str, rows: Sequence[Row]) -> Answer:
    shown = plainest(rows)
    where = f"{damage_words(shown[0])}, n = {shown[0]['num_train']}"
    families: dict[str, list[tuple[Row, Verdict]]] = defaultdict(list)
    for row in sorted(shown, key=shape_of):
        found = verdict(row)
        if found.kind != ABSENT:
            families[row["family"]].append((row, found))
    lines = [
        _line(run, task.unit) for held in families.values() for run in _runs_of_one_verdict(held)
    ]
    title = f"{task.title}{population}"
    short = task.title + short_names(populations_of(task.rows))[population]
    axis = _axis([row for held in families.values() for row, _ in held])
    sentence = _sentence(families, axis, task.unit)
    notation = f"; {task.unit.points} [95% interval]" if "[" in sentence else ""
    return Answer(
        title=title,
        where=where,
        points=task.unit.points,
        sentence=f"on {short} ({where}{notation}) {sentence}" if sentence else "",
        lines=tuple(lines),
        most=tuple(_largest_estimates(shown, task.unit)),
    )


def _largest_estimates(rows: Sequence[Row], unit: Unit) -> list[tuple[str, str]]:
    found = []
    for error in FAULTS:
        held = [row for row in rows if row[error] is not None and row[error] > 0.0]
        if held:
            row = max(held, key=lambda row: float(row[error]))
            found.append((error, f"{network_words(row)}: {told(row, error, unit)}"))
    return found


def _runs_of_one_verdict(
    held: Sequence[tuple[Row, Verdict]],
) -> list[list[tuple[Row, Verdict]]]:
    """Put neighbouring depths, or places on an axis of one, together that have the same verdict."""
    runs: list[list[tuple[Row, Verdict]]] = []
    for row, found in held:
        if runs and runs[-1][-1][1] == found:
            runs[-1].append((row, found))
        else:
            runs.append([(row, found)])
    return runs


def _line(run: Sequence[tuple[Row, Verdict]], unit: Unit) -> Line:
    rows, found = [row for row, _ in run], run[0][1]
    ends = rows if len(rows) < 3 else [rows[0], rows[-1]]
    where = "" if len(rows) == 1 else "depth {}: "
    numbers = [where.format(size_words(row)) + _numbers(row, found, unit) for row in ends]
    return Line(
        family=rows[0]["family"],
        depths=_span(rows),
        errors=found.errors,
        fault=_fault(found),
        numbers=tuple(numbers),
    )


def _span(rows: Sequence[Row]) -> str:
    """`depth 1`, `depths 1–3`, `depth 1 k=2–100`: from the first of a run to its last."""
    first, last = rows[0], rows[-1]
    ends = size_words(first), size_words(last)
    if ends[0] == ends[1]:
        return f"depth {ends[0]}"
    if first["depth"] == last["depth"]:
        on_axes = ends[1].split()[1:]
        return f"depth {ends[0]}–{' '.join(on_axes) if len(on_axes) > 1 else on_axes[0][2:]}"
    return f"depths {ends[0]}–{ends[1]}"


def _fault(found: Verdict) -> str:
    """Say a verdict: the one fault, those that it may be, none for certain, or none known.

    Where it is not one, the largest estimate is named as what it is, and what it is not told from.
    """
    if found.kind == NONE:
        return "nobody’s for certain"
    words = listed([FAULT_WORDS[name] for name in found.errors], "or")
    if found.kind == CLEAR:
        return words
    if found.kind == OPEN:
        lacking = listed(found.missing or ("intervals",))
        verb = "is" if len(found.missing) == 1 else "are"
        known = " known" if found.missing else ""
        estimate = (
            f" (largest{known} estimate: {FAULT_WORDS[found.estimate]})" if found.estimate else ""
        )
        return f"not known, since {lacking} {verb} not{estimate}"
    if found.estimate is None:
        return f"{words}, not told apart"
    others = [FAULT_WORDS[name] for name in found.errors if name != found.estimate]
    return f"{FAULT_WORDS[found.estimate]} by estimate, {listed(others, 'or')} not ruled out"


def _numbers(row: Row, found: Verdict, unit: Unit) -> str:
    """Return the numbers of the errors that a verdict names, and what they are part of.

    That is the total where it is known, and else the other known errors. A verdict that names none
    was found in all that is known.
    """
    named = found.errors or found.known
    shown = listed([_number(row, name, unit) for name in named], "or" if found.errors else "and")
    if row["total"] is not None:
        return f"{shown}{_of_total(row, named, unit)}"
    others = [_number(row, name, unit) for name in found.known if name not in named]
    beside = f", beside {listed(others)}" if others else ""
    return f"{shown}{beside}"


def _of_total(row: Row, named: Sequence[str], unit: Unit) -> str:
    """Return what errors are part of: `of 12.0 in total`.

    A part may be more than the whole, where others are below zero: these stand beside it then.
    """
    total = f"{told(row, 'total', unit)} in total"
    if all(row[name] <= row["total"] for name in named):
        return f" of {total}"
    below = [name for name in FAULTS if name not in named and (row[name] or 0.0) < 0.0]
    beside = [f"{name} {told(row, name, unit)}" for name in below]
    return f"{' beside ' if beside else ''}{listed(beside)}: {total}"


def _number(row: Row, error: str, unit: Unit) -> str:
    """Return an error's name and number; of an approximation also what may be the search's."""
    number = f"{error} {told(row, error, unit)}"
    if error != "approximation" or row["slack"] is None or row["slack"] <= 0:
        return number
    left = unit.show(row["slack"], 1 if unit.factor * row["slack"] >= 0.05 else 2)
    return f"{number} (of which up to {left} may be the search’s)"


def _axis(rows: Sequence[Row]) -> str:
    """Name what networks of a family differ in: depth, latent dimension, capacity, or several."""
    shapes = [shape_of(row) for row in rows]
    several = [
        words
        for words, place in (("depth", 1), ("latent dimension", 2), ("capacity", 3))
        if any(a[0] == b[0] and a[place] != b[place] for a, b in pairwise(sorted(shapes)))
    ]
    return listed(several or ["depth"])


def _sentence(families: Families, axis: str, unit: Unit) -> str:
    """Say in one clause which part is the largest for whom, and how large.

    A family is with an error where its verdict is CLEAR for that error at every depth that is
    known; it changes with depth where it is CLEAR everywhere but not for the same. Where it is
    CLEAR at some depths, that is said; where at none, it cannot be told, unless all depths are NONE
    or OPEN. The same holds of latent dimensions and capacities, where they are the `axis`.
    """
    by_error: dict[str, list[str]] = {name: [] for name in FAULTS}
    others: dict[str, list[str]] = {
        f"which part is the largest changes with {axis} for {{}}": [],
        "which part is the largest cannot be told for {}": [],
        f"which part is the largest can be told for some values of {axis} only for {{}}": [],
        "no part is above zero for certain for {}": [],
        "which part is the largest is not known for {}, since not all parts and intervals are": [],
    }
    changing, tied, mixed, none, unknown = others.values()
    for family, held in families.items():
        kinds = {found.kind for _, found in held}
        errors = {name for _, found in held for name in found.errors}
        if kinds == {CLEAR}:
            (by_error[errors.pop()] if len(errors) == 1 else changing).append(family)
        elif CLEAR in kinds:
            mixed.append(family)
        elif kinds == {NONE}:
            none.append(family)
        else:
            (unknown if kinds == {OPEN} else tied).append(family)
    clear = [
        f"{FAULT_WORDS[name]} for {_named(held, families)}{_most(held, families, name, unit)}"
        for name, held in by_error.items()
        if held
    ]
    known = {name for held in families.values() for _, found in held for name in found.known}
    among = f", of those that are known ({listed([e for e in FAULTS if e in known])}),"
    largest = f"the largest part of the error{'' if len(known) == len(FAULTS) else among} is"
    clauses = [f"{largest} {listed(clear)}"] if clear else []
    clauses += [
        words.format(f"{_named(held, families)}{_most(held, families, 'total', unit)}")
        for words, held in others.items()
        if held
    ]
    return "; ".join(clauses)


def _most(named: Sequence[str], families: Families, error: str, unit: Unit) -> str:
    """Tell of the families' networks the one with the most of an error, in brackets.

    Of totals that nobody knows, the largest of what is: the estimate that verdicts name. Empty
    where no interval is known.
    """
    held = [one for family in named for one in families[family]]
    parts: list[tuple[Row, str | None]] = [(row, error) for row, _ in held]
    if error == "total" and all(row["total"] is None for row, _ in held):
        parts = [(row, found.estimate) for row, found in held if found.kind != OPEN]
    known = [(row, part) for row, part in parts if part and row[f"{part}_lo"] is not None]
    if not known:
        return ""
    row, part = max(known, key=lambda one: float(one[0][one[1]]))
    whose = "" if len(held) == 1 else f"most for {network_words(row)}: "
    name = "" if part in (error, "total") else f"{part} "
    whole = "" if row["total"] is None else " in total"
    if whole and part != "total":
        whole = _of_total(row, [part], unit)
    return f" ({whose}{name}{told(row, part, unit)}{whole})"


def _named(held: Sequence[str], families: Families) -> str:
    if len(held) == len(families) > 1:
        return "both families" if len(held) == 2 else f"all {len(held)} families"
    return listed(held) if len(held) <= _MOST_NAMES else f"{len(held)} families"
