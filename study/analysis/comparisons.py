"""Families against each other: over all cells of a population, and cell by cell.

What is tested, and how, is in study.analysis.contrasts.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from study.analysis.columns import COMPARISON_COLUMNS
from study.analysis.contrasts import (
    NO_EXAMPLES,
    Contrast,
    Meeting,
    correct,
    difference_terms,
    mean_columns,
    meetings_of,
    room_columns,
    tested,
    variance_of,
    worth_of,
)
from study.analysis.frames import Row, Trial, typed_frame
from study.analysis.intervals import clopper_pearson, mean_known
from study.analysis.joined import Joined
from study.analysis.moderated import Array
from study.analysis.moments import crossed_parts

CELL, POPULATION = "cell", "population"
"""What a row is about: the two families in one cell, or on average over a population's cells."""


def build_comparisons(joined: Joined) -> pd.DataFrame:
    """The table of every two families of a task; columns as COMPARISON_COLUMNS.

    Rows of scope "population" are means over the cells in which both families are, within each
    seed that all of these cells have, and then over seeds. Rows of scope "cell" have moderated
    intervals and p-values (`tested`). An undistorted cell is one row, however many
    distortions show it. Holm's (1979) correction runs over all rows of a task and a scope.
    """
    meetings = meetings_of(joined)
    rows = _population_rows(joined, meetings)
    for task in sorted({meeting.task for meeting in meetings}, key=str):
        rows += _cell_rows(joined, [m for m in meetings if m.task == task])
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["scope"], row["task"]].append(row)
    for group in groups.values():
        correct(group)
    return typed_frame(rows, COMPARISON_COLUMNS)


def _population_rows(joined: Joined, meetings: Sequence[Meeting]) -> list[Row]:
    groups: dict[tuple[str, ...], list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        key = (str(meeting.task), meeting.cell.population, meeting.first, meeting.second)
        groups[key].append(meeting)
    rows = []
    for _, held in sorted(groups.items()):
        seeds = sorted(set.intersection(*(set(meeting.seeds) for meeting in held)))
        if not seeds:
            continue
        differences = np.mean([meeting.differences(seeds) for meeting in held], axis=0)
        rows.append(
            held[0].names
            | {
                "scope": POPULATION,
                "population": held[0].cell.population,
                "num_cells": len(held),
                **_seed_columns(differences, held[0].anew),
                **_mean_test(joined, held, seeds, differences),
            }
        )
    return rows


def _mean_test(
    joined: Joined, held: Sequence[Meeting], seeds: Sequence[int], differences: Array
) -> Row:
    """Of the mean over seeds of the means over cells; empty where its variance is unknown.

    The cells of a seed are of one division of the set: their mean is one value by division.
    """
    value, anew = float(differences.mean()), held[0].anew
    if anew is not None and len(seeds) > 1:
        seeds_part = float(differences.var(ddof=1)) / worth_of(len(seeds), anew)
        columns = mean_columns(value, seeds_part, len(seeds) - 1, NO_EXAMPLES)
        return columns | room_columns(held[0], columns)
    terms = None if anew is not None else _mean_terms(joined, held, seeds)
    parts = None if terms is None else crossed_parts([terms[None]])
    if parts is None:
        return {}
    return mean_columns(value, variance_of(parts[0]), len(seeds) - 1, parts[1])


def _mean_terms(joined: Joined, meetings: Sequence[Meeting], seeds: Sequence[int]) -> Array | None:
    """The mean over cells of the differences (k, N); None where one of them lacks decisions.

    Laws of a population are drawn from one stream, so that example i of one goes with example i
    of another; the mean over cells is one more function of example i.
    """
    total: Array | None = None
    for meeting in meetings:
        terms = difference_terms(joined, meeting, seeds)
        if terms is None or (total is not None and total.shape != terms.shape):
            return None
        total = terms if total is None else total + terms
    return None if total is None else total / len(meetings)


def _agreement(joined: Joined, meeting: Meeting) -> float | None:
    """On how many of the examples both decide the same; mean over seeds."""
    if joined.decisions is None:
        return None
    shares = []
    are_kept = [joined.are_kept[rows.places] for rows in meeting.rows]
    pairs = (rows.at(are_kept[0] & are_kept[1]) for rows in meeting.rows)
    for first, second in zip(*pairs, strict=True):
        said = joined.decisions.classes(first), joined.decisions.classes(second)
        if said[0] is not None and said[1] is not None:
            shares.append(float((said[0] == said[1]).mean()))
    return mean_known(shares)


def _cell_rows(joined: Joined, meetings: Sequence[Meeting]) -> list[Row]:
    """The rows of one task's cells."""
    contrasts = [Contrast(meeting=meeting) for meeting in meetings]
    return [
        {
            **asdict(contrast.meeting.cell),
            **contrast.meeting.names,
            "scope": CELL,
            "num_cells": 1,
            **_seed_columns(contrast.differences, contrast.meeting.anew),
            "agreement": _agreement(joined, contrast.meeting),
            **found,
        }
        for contrast, found in zip(contrasts, tested(joined, contrasts), strict=True)
    ]


def _seed_columns(differences: Array, anew: Trial | None) -> Row:
    """What the table of trials says by itself.

    A tie counts half: no less is covered, ties make the share less variable. Seeds that divide a
    set anew are as correlated as their test parts overlap, r = n_test / (n_train + n_test), and the
    share of k of them is that of k / (1 + (k - 1) r) (Korn and Graubard 1998): wins correlate no
    more than what they are the signs of.
    """
    num = len(differences)
    share = float((differences < 0).sum() + (differences == 0).sum() / 2) / num
    independent = float(num)
    if anew is not None:
        overlap = anew["num_test"] / (anew["num_available"] + anew["num_test"])
        independent = num / (1 + (num - 1) * overlap)
    ends = clopper_pearson(share * independent, independent)
    return {
        "num_pairs": num,
        "difference": float(differences.mean()),
        "probability_first_better": share,
        "probability_first_better_lo": ends.lo,
        "probability_first_better_hi": ends.hi,
    }
