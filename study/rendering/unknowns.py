"""What a study cannot tell yet, and about what it would cost to know: seeds and CPU seconds.

An estimate, no promise. Intervals are taken to shrink like one over the root of the number of seeds
and values to stay; what evaluation examples and restarts of U_A leave in an interval does not
shrink, so that it is the least it would take.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from study.analysis.comparisons import POPULATION
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.costs import seconds_by_place
from study.rendering.faults import (
    TIED,
    Place,
    place_of,
    plainest,
    populations_of,
    verdict,
)
from study.rendering.words import (
    FAULT_WORDS,
    counted,
    damage_words,
    half_length,
    listed,
    network_words,
    short_names,
    split_by_task,
)

MOST_SEEDS = 1_000
"""Of a cell: beyond that it is said that seeds will not do."""
OF_SEEDS = frozenset({"estimation", "optimization"})
"""The errors whose intervals are mostly the seeds'; the others' are not."""
_MOST_LINES = 8


def unknowns(study: Study, results: Results) -> list[str]:
    """Return a sentence for each thing not told apart: faults of plain cells, pairs of families."""
    rows, seconds = to_rows(results.landscape), seconds_by_place(study.trials)
    lines: list[str] = []
    for task in split_by_task(rows):
        names = short_names(populations_of(task.rows))
        for population, short in names.items():
            mine = [row for row in task.rows if row["population"] == population]
            lines += _faults(f"{task.title}{short}", plainest(mine), seconds)
            pairs = [
                row
                for row in to_rows(results.comparisons)
                if (row["scope"], row["population"]) == (POPULATION, population)
                and row["task"] in (task.task.name, None)
            ]
            lines += _pairs(f"{task.title}{short}", pairs, mine, seconds)
    return lines


def _faults(title: str, rows: Sequence[Row], seconds: Mapping[Place, float]) -> list[str]:
    told, stuck = [], []
    for row in rows:
        found = verdict(row)
        if found.kind != TIED:
            continue
        errors = listed([FAULT_WORDS[name] for name in found.errors], "or")
        more = seeds_to_part(row, found.errors)
        if more is None:
            stuck.append(f"{network_words(row)} ({errors})")
        else:
            cost = _cost(more, seconds.get(place_of(row)))
            told.append(f"{network_words(row)} ({errors}): {cost}")
    where = f"whose fault on {title} ({damage_words(rows[0])}, n = {rows[0]['num_train']})"
    lines = []
    if told:
        lines.append(f"{where[:1].upper()}{where[1:]}: {_some(told)}.")
    if stuck:
        lines.append(
            f"{where[:1].upper()}{where[1:]}, where more seeds alone would not tell: "
            f"{_some(stuck, ', ')}."
        )
    return lines


def seeds_to_part(row: Row, errors: Sequence[str]) -> int | None:
    """Return how many seeds more would part a cell's two largest possible faults, at least.

    None: no number up to MOST_SEEDS would; or an error's interval is not the seeds', or unknown.
    """
    if not OF_SEEDS.issuperset(errors) or row["num_seeds"] < 2:
        return None
    first, second = sorted(errors, key=lambda name: -float(row[name]))[:2]
    halves = [half_length(row, name) for name in (first, second)]
    apart = float(row[first]) - float(row[second])
    if apart <= 0 or None in halves:
        return None
    return _more(row["num_seeds"], sum(half for half in halves if half is not None) / apart)


def _more(num_seeds: int, ratio: float) -> int | None:
    """Return the seeds to add so that a length falls below `1 / ratio` of what it is."""
    needed = (
        math.ceil(round(num_seeds * max(ratio, 1.0) ** 2, 6))
        if ratio < MOST_SEEDS
        else MOST_SEEDS + 1
    )
    return max(1, needed - num_seeds) if needed <= MOST_SEEDS else None


def _pairs(
    title: str, pairs: Sequence[Row], rows: Sequence[Row], seconds: Mapping[Place, float]
) -> list[str]:
    """Say of the pairs that no comparison tells apart how many seeds more each would take."""
    told, num_stuck = [], 0
    for pair in pairs:
        half = half_length(pair, "difference")
        if pair["significant"] is not False or half is None or pair["num_pairs"] < 2:
            continue
        distance = abs(float(pair["difference"]))
        more = _more(pair["num_pairs"], _strictness(pair) * half / distance) if distance else None
        if more is None:
            num_stuck += 1
            continue
        sides = (pair["first"], pair["second"])
        places = {place_of(row) for row in rows if row["family"] in sides}
        known = [seconds[place] for place in places if place in seconds]
        cost = _cost(more, sum(known) if len(known) == len(places) else None, "of every cell")
        told.append((more, f"{sides[0]} and {sides[1]}: {cost}"))
    texts = [text for _, text in sorted(told)]
    if num_stuck:
        texts.append(f"{counted(num_stuck, 'pair')} so close that {MOST_SEEDS:,} would not do")
    if not texts:
        return []
    return [f"Which of two families errs less over all cells of {title}: {_some(texts)}."]


def _strictness(pair: Row) -> float:
    """How much longer than a 95% interval is what the correction for many comparisons asks for."""
    times = max(1.0, pair["p_holm"] / pair["p_value"]) if pair["p_value"] else 1.0
    normal = NormalDist()
    return normal.inv_cdf(1 - 0.025 / times) / normal.inv_cdf(0.975)


def _cost(more: int, seconds: float | None, of: str = "") -> str:
    seeds = f"about {counted(more, 'seed')} more{f' {of}' if of else ''}"
    return seeds if seconds is None else f"{seeds}, {duration(more * seconds)}"


def duration(seconds: float) -> str:
    """Return CPU seconds in words: `2.5 CPU seconds`, `1,200 CPU seconds`."""
    return f"{seconds:,.{0 if seconds >= 10 else 1}f} CPU seconds"


def _some(texts: Sequence[str], between: str = "; ") -> str:
    more = len(texts) - _MOST_LINES
    shown = [*texts[:_MOST_LINES], *([f"{more} more"] if more > 0 else [])]
    return between.join(shown)
