"""Which family errs less over all cells of a population, in words."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from study.analysis.comparisons import POPULATION
from study.analysis.contrasts import LEVEL
from study.analysis.frames import Row, to_rows, turned
from study.analysis.term_comparisons import TERMS
from study.rendering.units import Unit
from study.rendering.words import TaskRows, counted, listed, short_names, split_by_task, told

_MOST_PAIRS = 6  # told one by one; of more, the number


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """What the comparisons over all cells of one population say.

    Attributes:
        headline: in one clause.
        details: every difference that is significant, and how many are not.
    """

    headline: str
    details: str


def rankings(
    comparisons: pd.DataFrame,
    populations: Sequence[str],
    *,
    has_decisions: bool = True,
) -> list[Ranking]:
    """Return one ranking for each task and population in which two families or more meet.

    Of the rows of scope "population" only: means over all cells in which both families are,
    corrected by Holm's (1979) method for all pairs and populations of the task.

    Args:
        comparisons: of study.analysis.comparisons.build_comparisons.
        populations: in the order in which they are told.
        has_decisions: whether the rules' decisions are there.
    """
    short = short_names(populations)
    rows = [row for row in to_rows(comparisons) if row["scope"] == POPULATION]
    found = []
    for task in split_by_task(rows):
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in task.rows:
            groups[row["population"]].append(row)
        found += [
            _ranking(task, short[name], groups[name], _why(groups[name], has_decisions))
            for name in populations
            if name in groups
        ]
    return found


def term_sentences(term_comparisons: pd.DataFrame, populations: Sequence[str]) -> list[str]:
    """Return a sentence for each population and term by which families differ significantly.

    Holm's p is of the pairs of one term. Who tells the terms that differ has asked all of them: p
    is times their number (Bonferroni).

    Args:
        term_comparisons: of study.analysis.term_comparisons.build_term_comparisons.
        populations: in the order in which they are told.
    """
    short = short_names(populations)
    rows = [row for row in to_rows(term_comparisons) if row["scope"] == POPULATION]
    found = []
    for task in split_by_task(rows):
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in task.rows:
            groups[row["population"], row["error"]].append(row)
        for population in populations:
            for error in TERMS:
                held = groups[population, error]
                known = [row for row in held if row["significant"] is not None]
                asked = [row | {"p_holm": len(TERMS) * row["p_holm"]} for row in known]
                sure = [row for row in asked if row["p_holm"] < LEVEL]
                pairs = [
                    f"{_winner(row)}’s is {_by(row, task.unit)} below {_loser(row)}’s"
                    for row in sorted(sure, key=_distance, reverse=True)
                ]
                more = len(pairs) - _MOST_PAIRS
                told_of = [*pairs[:_MOST_PAIRS], *([f"{more} more"] if more > 0 else [])]
                if pairs:
                    count = f"{len(pairs)} of {counted(len(known), 'pair')}"
                    found.append(
                        f"By {error}, over all cells of {task.title}{short[population]}, {count} "
                        f"that can be told {'differs' if len(known) == 1 else 'differ'} (p for all "
                        f"pairs and terms): {listed(told_of)}."
                    )
    return found


def _why(rows: Sequence[Row], has_decisions: bool) -> str:
    """Say why no difference of a population has an interval, if none has."""
    if all(row["num_pairs"] == 1 for row in rows):
        return "there is a single seed"
    if not has_decisions:
        return "the rules’ decisions (decisions/) are not there"
    return "decisions of some of their trials are missing or unusable"


def _ranking(task: TaskRows, short: str, rows: Sequence[Row], why: str) -> Ranking:
    """Say who errs least, else the clearest difference, else that there is none.

    Least errs who is significantly below every other family: all its rows are significant and in
    its favour. A difference is told where the corrected p-value is below 0.05.
    """
    where = f"over all cells of {task.title}{short}"
    known = [row for row in rows if row["significant"] is not None]
    if not known:
        text = f"{where} it was not tested whether families differ: {why}"
        return Ranking(headline=text, details=text)
    sure = sorted((row for row in known if row["significant"]), key=_distance, reverse=True)
    count = (
        f"{len(sure)} of {counted(len(rows), 'pair')} {'differs' if len(rows) == 1 else 'differ'}"
    )
    if not sure:
        text = f"{where} no family differs significantly from another ({count})"
        return Ranking(headline=text, details=text)
    pairs = [_pair(row, task.unit) for row in sure[:_MOST_PAIRS]]
    more = [f"{len(sure) - _MOST_PAIRS} more"] if len(sure) > _MOST_PAIRS else []
    others = "" if len(sure) == len(rows) else "; the others are not told apart"
    details = f"{where} {count} significantly: {listed([*pairs, *more])}{others}"
    best = _best(rows)
    if best is None:
        return Ranking(headline=f"{where} {pairs[0]} ({count})", details=details)
    nearest = min((row for row in rows if best in (row["first"], row["second"])), key=_distance)
    if len(rows) == 1:
        return Ranking(headline=f"{where} {pairs[0]}", details=details)
    next_one = _loser(nearest)
    headline = (
        f"{where} {best} errs least, {_by(nearest, task.unit)} less than the next, {next_one}"
    )
    return Ranking(headline=headline, details=details)


def _best(rows: Sequence[Row]) -> str | None:
    families: list[str] = sorted({row[side] for row in rows for side in ("first", "second")})
    for family in families:
        mine = [row for row in rows if family in (row["first"], row["second"])]
        wins = [row for row in mine if row["significant"] and _winner(row) == family]
        if len(wins) == len(mine) == len(families) - 1:
            return family
    return None


def _winner(row: Row) -> str:
    return str(row["first"] if row["difference"] < 0 else row["second"])


def _loser(row: Row) -> str:
    return str(row["second"] if row["difference"] < 0 else row["first"])


def _distance(row: Row) -> float:
    return abs(float(row["difference"]))


def _pair(row: Row, unit: Unit) -> str:
    """`vgg errs 1.2 [0.8, 1.6] points (p = 0.003) less than unet`; the winner is first."""
    return f"{_winner(row)} errs {_by(row, unit)} less than {_loser(row)}"


def _by(row: Row, unit: Unit) -> str:
    """By how much the winner errs less, above zero, and the corrected p-value."""
    if row["difference"] < 0:
        row = turned(row, "difference")
    p_value = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.2g}"
    return f"{told(row, 'difference', unit)} {unit.short} ({p_value})"
