"""Reconstruction by class: which are easy and which are hard, and by how much, as PSNR too.

A rule's terms are kept with the examples' classes, so that its risk on each class is a mean of some
of them. Seeds are common to all classes and examples to none: a class's mean varies by seeds and by
its own examples, crossed (study.analysis.moments); two classes' by the same seeds, paired.

Of a rule whose excess risk is known the terms are the excess's, with x averaged out given what the
rule saw and not given the class besides: no mean of them is a class's error, with R* or without.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import PER_CLASS_COLUMNS
from study.analysis.completeness import shown_as
from study.analysis.decisions import Labelled
from study.analysis.frames import Row, typed_frame
from study.analysis.intervals import CONFIDENCE
from study.analysis.joined import Joined
from study.analysis.moments import Part, crossed_parts, half_widths, resampled_parts
from study.analysis.table import Levels
from study.trials.tasks import SQUARED_INPUT, task_of
from study.trials.trial import Cell

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Classes:
    """Squared errors of a cell's seeds by class.

    Attributes:
        labels: (C,) the classes there are.
        names: of all classes, by label; empty: they have none.
        sizes: (C,) examples of each, in a seed's sample.
        means: (C, k) by seed.
        parts: covariances of the means over seeds, by source; None: unknown.
    """

    labels: Array
    names: tuple[str, ...]
    sizes: Array
    means: Array
    parts: Sequence[Part] | None


def build_per_class(joined: Joined, levels: Levels) -> pd.DataFrame:
    """The squared errors of every measured cell by class; columns as PER_CLASS_COLUMNS.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    rows: list[Row] = []
    for cell in sorted(joined.current["measure"]):
        if task_of(joined.tasks[cell.family]).unit == SQUARED_INPUT:
            found = _classes(joined, cell)
            held = [] if found is None else _rows(found, is_image=_are_images(joined, cell))
            named = asdict(cell) | {"task": joined.tasks[cell.family]}
            rows += [{**named, **row, **shown} for shown in shown_as(cell, levels) for row in held]
    return typed_frame(rows, PER_CLASS_COLUMNS)


def _are_images(joined: Joined, cell: Cell) -> bool:
    """Whether there is a peak, 1, that noise can be held against: of points there is none."""
    return all(row["psnr_db"] is not None for row in joined.measured(cell))


def _classes(joined: Joined, cell: Cell) -> _Classes | None:
    """None where the terms or classes of a seed are not there, or seeds disagree on them.

    Nor where R* is known: what was kept is the excess then, and no class's error.
    """
    measured = joined.measured(cell)
    if joined.decisions is None or not measured:
        return None
    if any(row["excess_risk"] is not None for row in measured):
        return None
    found = [joined.decisions.labelled(row) for row in measured]
    held = [one for one in found if one is not None]
    if len(held) < len(measured):
        return None
    labels = np.unique(held[0].labels)
    if any(not np.array_equal(np.unique(one.labels), labels) for one in held):
        return None
    means = np.array([[one.terms[one.labels == c].mean() for one in held] for c in labels])
    if measured[0]["is_resplit"]:
        parts = resampled_parts(means, measured[0])
    elif any(not np.array_equal(one.labels, held[0].labels) for one in held):
        return None
    else:
        parts = _crossed(held, labels, means)
    sizes = np.array([(held[0].labels == c).sum() for c in labels])
    return _Classes(labels=labels, names=held[0].names, sizes=sizes, means=means, parts=parts)


def _crossed(held: Sequence[Labelled], labels: Array, means: Array) -> list[Part] | None:
    """The seeds' part, which all classes share, and the examples', which no two do."""
    terms, classes = np.array([one.terms for one in held]), held[0].labels
    own = [crossed_parts([terms[None, :, classes == c]]) for c in labels]
    known = [parts for parts in own if parts is not None]
    if len(known) < len(own):
        return None
    k = len(held)
    seeds = np.atleast_2d(np.cov(means, ddof=1)) / k
    examples = np.diag([float(parts[1].covariance[0, 0]) for parts in known])
    fewest = min(parts[1].degrees_of_freedom for parts in known)
    return [
        Part(covariance=seeds, degrees_of_freedom=k - 1),
        Part(covariance=examples, degrees_of_freedom=fewest),
    ]


def _rows(found: _Classes, *, is_image: bool) -> list[Row]:
    values, num = found.means.mean(axis=1), len(found.labels)
    ranks = values.argsort(kind="stable").argsort() + 1
    easiest = int(values.argmin())
    rows = []
    for place, label in enumerate(found.labels.tolist()):
        row: Row = {
            "class": label,
            "class_name": found.names[label] if found.names else str(label),
            "rank": int(ranks[place]),
            "num_seeds": found.means.shape[1],
            "num_examples": int(found.sizes[place]),
            **_ends("mse", float(values[place]), _half(found.parts, _unit(num, place)), least=0.0),
        }
        if is_image:
            row |= {"psnr_db": psnr_db(row["mse"])}
            row |= {"psnr_db_lo": psnr_db(row["mse_hi"]), "psnr_db_hi": psnr_db(row["mse_lo"])}
        if place != easiest:
            contrast = _unit(num, place) - _unit(num, easiest)
            confidence = 1 - (1 - CONFIDENCE) / math.comb(num, 2)
            half = _half(found.parts, contrast, confidence)
            row |= _ends("above_easiest", float(contrast @ values), half)
        rows.append(row)
    return rows


def psnr_db(mse: float | None) -> float | None:
    """Peak signal to noise of images in [0, 1], dB; None of an error that is unknown or 0."""
    return None if mse is None or mse <= 0 else -10 * math.log10(mse)


def _unit(num: int, place: int) -> Array:
    found = np.zeros(num)
    found[place] = 1.0
    return found


def _half(
    parts: Sequence[Part] | None, contrast: Array, confidence: float = CONFIDENCE
) -> float | None:
    return None if parts is None else float(half_widths(parts, contrast[None], confidence)[0])


def _ends(name: str, value: float, half: float | None, least: float = -math.inf) -> Row:
    if half is None:
        return {name: value, f"{name}_lo": None, f"{name}_hi": None}
    return {name: value, f"{name}_lo": max(least, value - half), f"{name}_hi": value + half}
