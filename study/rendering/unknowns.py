"""What a study cannot tell yet, and about what it would cost to know: seeds and CPU seconds.

The numbers of seeds are of study.analysis.further_seeds, and its reservations theirs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.analysis.comparisons import POPULATION
from study.analysis.faults import (
    NONE,
    TIED,
    Place,
    place_of,
    plainest,
    populations_of,
    verdict,
)
from study.analysis.frames import Row, to_rows
from study.analysis.further_seeds import (
    MOST_SEEDS,
    Seeds,
    overlaps,
    positive_parts,
    seeds_to_part,
    seeds_to_show,
    seeds_to_tell,
)
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.costs import seconds_by_place
from study.rendering.words import (
    FAULT_WORDS,
    counted,
    damage_words,
    listed,
    network_words,
    short_names,
    split_by_task,
)

_MOST_LINES = 8
_NONE_POSITIVE = "no part is estimated to be above zero"
_TOO_FEW_EXAMPLES = "no number of seeds: they divide the same examples, too few to tell"
_TOO_CLOSE = f"so close that {MOST_SEEDS:,} seeds would not tell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """One thing that is not told apart.

    Attributes:
        question: what is asked, and where; of several unknowns the same.
        of: of which network, or of which two families.
        between: what is not told apart, where the question does not say it.
        seeds: about how many more would; None: no number up to MOST_SEEDS.
        scope: of what as many, where it is more than the network's cell.
        seconds: CPU seconds of these; None: unknown.
        instead: where seeds will not do, what may.
    """

    question: str
    of: str
    between: str
    seeds: int | None
    scope: str
    seconds: float | None
    instead: str

    @property
    def cost(self) -> tuple[float, float]:
        """Seconds and seeds, for an order: the cheapest first."""
        return (
            math.inf if self.seconds is None else self.seconds,
            math.inf if self.seeds is None else self.seeds,
        )


def unknowns(study: Study, results: Results) -> list[Unknown]:
    """Return what is not told: whose fault plain cells are, pairs of families; the cheapest first.

    Those of one question stand together.
    """
    rows, seconds = to_rows(results.landscape), seconds_by_place(study.trials)
    shared = overlaps(study.trials)
    first_stage = None if study.stopping is None else study.stopping.first_seeds
    over_all = [row for row in to_rows(results.comparisons) if row["scope"] == POPULATION]
    found: list[Unknown] = []
    for task in split_by_task(rows):
        names = short_names(populations_of(task.rows))
        for population, short in names.items():
            mine = [row for row in task.rows if row["population"] == population]
            pairs = [
                row
                for row in over_all
                if row["population"] == population and row["task"] in (task.task.name, None)
            ]
            title = f"{task.title}{short}"
            worth = Seeds(overlap=shared.get(population, 0.0), first_stage=first_stage)
            for held in (
                _faults(title, plainest(mine), seconds, worth),
                _pairs(title, pairs, mine, seconds, worth),
            ):
                found += sorted(held, key=lambda one: one.cost)
    return found


def unknown_lines(found: Sequence[Unknown]) -> list[str]:
    """Return a sentence for each question, of a few unknowns each."""
    lines = []
    for question in dict.fromkeys(one.question for one in found):
        texts = [f"{_named(one)}: {_cost_words(one)}" for one in found if one.question == question]
        more = len(texts) - _MOST_LINES
        shown = [*texts[:_MOST_LINES], *([f"{more} more"] if more > 0 else [])]
        lines.append(f"{question}: {'; '.join(shown)}.")
    return lines


def _cost_words(one: Unknown) -> str:
    """Return what knowing would take, in words."""
    if one.seeds is None:
        return one.instead
    seeds = f"about {counted(one.seeds, 'seed')} more{one.scope}"
    return seeds if one.seconds is None else f"{seeds}, {duration(one.seconds)}"


def _named(one: Unknown) -> str:
    return f"{one.of} ({one.between})" if one.between else one.of


def _faults(
    title: str, rows: Sequence[Row], seconds: Mapping[Place, float], worth: Seeds
) -> list[Unknown]:
    found = []
    for row in rows:
        told = verdict(row)
        if told.kind == TIED:
            more = seeds_to_part(row, told.errors, worth)
            instead = _instead(told.errors, worth)
            between = listed([FAULT_WORDS[name] for name in told.errors], "or")
        elif told.kind == NONE:
            positive = positive_parts(row)
            more = seeds_to_show(row, worth)
            instead = _instead(positive, worth) if positive else _NONE_POSITIVE
            between = "nobody’s for certain"
        else:
            continue
        each = seconds.get(place_of(row))
        found.append(
            Unknown(
                question=f"Whose fault on {title} ({damage_words(row)}, n = {row['num_train']})",
                of=network_words(row),
                between=between,
                seeds=more,
                scope="",
                seconds=None if more is None or each is None else more * each,
                instead=instead,
            )
        )
    return found


def _instead(errors: Sequence[str], worth: Seeds) -> str:
    """Say what may tell errors apart where seeds will not."""
    if "approximation" in errors:
        what = "a longer search for U_H ([best_in_class] num_stream, restarts)"
    elif "objective" in errors:
        what = "a longer stream and more restarts of U_A ([limit] num_stream, restarts)"
    else:
        return _out_of_reach(worth)
    return f"no number of seeds alone; perhaps {what}"


def _out_of_reach(worth: Seeds) -> str:
    """Say why no number of seeds tells what is the seeds' to tell."""
    return _TOO_FEW_EXAMPLES if worth.overlap else _TOO_CLOSE


def _pairs(
    title: str,
    pairs: Sequence[Row],
    rows: Sequence[Row],
    seconds: Mapping[Place, float],
    worth: Seeds,
) -> list[Unknown]:
    """Say of the pairs that no comparison tells apart how many seeds more each would take."""
    found = []
    for pair in pairs:
        is_known = pair["difference_lo"] is not None and pair["num_pairs"] > 1
        if pair["significant"] is not False or not is_known:
            continue
        more = seeds_to_tell(pair, worth)
        sides = (pair["first"], pair["second"])
        places = {place_of(row) for row in rows if row["family"] in sides}
        known = [seconds[place] for place in places if place in seconds]
        each = sum(known) if len(known) == len(places) else None
        found.append(
            Unknown(
                question=f"Which of two families errs less over all cells of {title}",
                of=f"{sides[0]} and {sides[1]}",
                between="",
                seeds=more,
                scope=" of every cell",
                seconds=None if more is None or each is None else more * each,
                instead=_out_of_reach(worth),
            )
        )
    return found


def duration(seconds: float) -> str:
    """Return CPU seconds in words: `2.5 CPU seconds`, `1,200 CPU seconds`."""
    return f"{seconds_text(seconds)} CPU seconds"


def seconds_text(seconds: float) -> str:
    """Return seconds as legible as an estimate is: `2.5`, `1,200`."""
    return f"{seconds:,.{0 if seconds >= 10 else 1}f}"
