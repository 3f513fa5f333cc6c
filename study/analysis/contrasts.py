"""Two families' difference in one cell by one measure, and its test.

Families see the same samples and are scored on the same examples, so that differences are taken
seed by seed and example by example. What no table holds is in a study's decisions; without them
there are differences and no intervals. Where every seed divides the set anew there are no examples
that all seeds share, and the seeds count for fewer than they are (Nadeau and Bengio 2003).
"""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np

from study.analysis.crossed import Crossed, combine, symmetric, t_quantile
from study.analysis.decisions import BUDGET
from study.analysis.frames import Row, TableError, Trial
from study.analysis.intervals import holm
from study.analysis.joined import Joined
from study.analysis.moderated import Array, fit_prior
from study.analysis.moments import Part, crossed_parts
from study.analysis.resampling import resampled_factor, room_around
from study.analysis.rows import Rows
from study.trials.tasks import task_of
from study.trials.trial import Cell

LEVEL = 0.05
SMALLEST_P = 1e-15  # smaller ones are given as this
MOST_PAIRS = 2**24
"""Of trials that are compared: they grow with the square of the families."""
NO_EXAMPLES = Part(covariance=np.zeros((1, 1)), degrees_of_freedom=np.inf)
"""Of a variance to which examples add nothing, or nobody kept what each of them adds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """Two families of a task in one cell.

    Attributes:
        cell: with an empty family.
        seeds: that both were measured with, rising.
        rows: the trials of each, in their order.
    """

    task: str | None
    first: str
    second: str
    cell: Cell
    seeds: tuple[int, ...]
    rows: tuple[Rows, Rows]

    @property
    def names(self) -> Row:
        return {"task": self.task, "first": self.first, "second": self.second}

    @property
    def anew(self) -> Trial | None:
        """Any of the trials, where every seed divides the set anew: it says how large parts are."""
        row = self.rows[0][0]
        return row if row["is_resplit"] else None

    def differences(self, seeds: Sequence[int], measure: str = "risk") -> Array:
        """Risk of the first minus the second, or another column, by seed."""
        first, second = (rows.numbers(measure) for rows in self.of(seeds))
        return first - second

    def of(self, seeds: Sequence[int]) -> tuple[Rows, Rows]:
        """The trials of each with these seeds."""
        if tuple(seeds) == self.seeds:
            return self.rows
        chosen = np.searchsorted(self.seeds, seeds)
        return self.rows[0].at(chosen), self.rows[1].at(chosen)


class Testable(Protocol):
    """What `tested` tests: two families' difference somewhere, one value of each seed."""

    @property
    def meeting(self) -> Meeting:
        """Where; a cell at any sample size has `num_train` 0."""

    @property
    def differences(self) -> Array:
        """First minus second (k,), by seed."""

    def noise(self, joined: Joined) -> Sequence[Part] | None:
        """The parts of the variance that are not the seeds'; None: one of them is unknown."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The difference of two families in one cell by one measure.

    Attributes:
        column: of the trials table.
        kind: of corruption that the evaluation images have; None: they are clean.
        has_terms: whether what each example adds to the measure is kept.
    """

    meeting: Meeting
    column: str = "risk"
    kind: str | None = None
    has_terms: bool = True

    @cached_property
    def seeds(self) -> list[int]:
        """Those whose two trials both know the measure."""
        first, second = (rows.numbers(self.column) for rows in self.meeting.rows)
        is_known = ~np.isnan(first - second)
        return [seed for seed, known in zip(self.meeting.seeds, is_known, strict=True) if known]

    @cached_property
    def differences(self) -> Array:
        """First minus second by seed."""
        return self.meeting.differences(self.seeds, self.column)

    def noise(self, joined: Joined) -> Sequence[Part] | None:
        """The examples' part of the variance; None: it is unknown, and the interval with it."""
        if len(self.seeds) < 2:
            return None
        if self.meeting.anew is not None or not self.has_terms:
            return (NO_EXAMPLES,)
        terms = difference_terms(joined, self.meeting, self.seeds, self.kind)
        parts = None if terms is None else crossed_parts([terms[None]])
        return None if parts is None else parts[1:]


def meetings_of(joined: Joined) -> list[Meeting]:
    """Every two families of a task in every cell that both are measured in.

    Raises:
        TableError: their trials are more pairs than MOST_PAIRS.
    """
    measured: dict[Cell, dict[str, dict[int, int]]] = defaultdict(dict)
    for cell in joined.current["measure"]:
        seeds = joined.measured(cell).values("seed")
        by_seed = {seed: place for place, seed in enumerate(seeds)}
        measured[replace(cell, family="")][cell.family] = by_seed
    num = sum(math.comb(len(held), 2) * max(map(len, held.values())) for held in measured.values())
    if num > MOST_PAIRS:
        raise TableError(f"{num:,} pairs of trials to compare: at most {MOST_PAIRS:,} are allowed")
    found = []
    for cell, families in sorted(measured.items()):
        for first, second in combinations(sorted(families), 2):
            of_first, of_second, task = families[first], families[second], joined.tasks[first]
            both = tuple(seed for seed in of_first if seed in of_second)  # in their order
            if not both or task != joined.tasks[second]:
                continue
            first_rows, second_rows = (
                joined.measured(replace(cell, family=name)).at(np.array([of[s] for s in both]))
                for name, of in ((first, of_first), (second, of_second))
            )
            found.append(
                Meeting(
                    task=task,
                    first=first,
                    second=second,
                    cell=cell,
                    seeds=both,
                    rows=(first_rows, second_rows),
                )
            )
    return found


def difference_terms(
    joined: Joined, meeting: Meeting, seeds: Sequence[int], kind: str | None = None
) -> Array | None:
    """Differences (k, N) of the losses, under a corruption or none; None without every rule's."""
    first, second = (loss_terms(joined, rows, kind) for rows in meeting.of(seeds))
    return None if first is None or second is None else first - second


def loss_terms(
    joined: Joined, rows: Rows, kind: str | None = None, branch: str = BUDGET
) -> Array | None:
    """Losses (k, N) of rules, at T under a corruption or none; None without every rule's."""
    if joined.decisions is None or not joined.are_kept[rows.places].all():
        return None
    found = [
        joined.decisions.losses(row, branch)
        if kind is None
        else joined.decisions.losses_under(row, kind)
        for row in rows
    ]
    held = [losses for losses in found if losses is not None]
    is_whole = len(held) == len(rows) and len({losses.shape for losses in held}) == 1
    return np.array(held) if is_whole else None


def worth_of(num: int, anew: Trial | None) -> float:
    """How many independent seeds `num` of them count for in the variance of their mean.

    Seeds that divide the same few examples anew share most of them: s^2 over such seeds has to be
    taken `resampled_factor` = 1/k + n_test/n_train times (Nadeau and Bengio 2003).

    Args:
        num: seeds.
        anew: of `Meeting.anew`; None: every seed has samples of its own.
    """
    if anew is None:
        return num
    return 1 / resampled_factor(num, num_train=anew["num_available"], num_test=anew["num_test"])


def tested(joined: Joined, contrasts: Sequence[Testable]) -> list[Row]:
    """Difference and number of seeds of each, and its test where there are two seeds and all terms.

    Variances are shrunk over all contrasts of one kind. Where seeds divide a set anew they have the
    noise of its test examples in them, which is a part of its own elsewhere: two kinds.
    """
    found: list[Row] = []
    kinds: dict[bool, list[tuple[Row, Testable, Sequence[Part]]]] = defaultdict(list)
    for contrast in contrasts:
        differences = contrast.differences
        found.append({"difference": float(differences.mean()), "num_pairs": len(differences)})
        noise = contrast.noise(joined)
        if noise is not None:
            kinds[contrast.meeting.anew is None].append((found[-1], contrast, noise))
    for held in kinds.values():
        columns = moderated_tests(
            [contrast.differences for _, contrast, _ in held],
            [noise for _, _, noise in held],
            np.array(
                [contrast.meeting.cell.num_train or 1 for _, contrast, _ in held], dtype=float
            ),
            [worth_of(row["num_pairs"], contrast.meeting.anew) for row, contrast, _ in held],
        )
        for (row, contrast, _), more in zip(held, columns, strict=True):
            row |= more | room_columns(contrast.meeting, more)
    return found


def correct(rows: Collection[Row]) -> None:
    """Adds to rows what their number leaves of their p-values."""
    for row, adjusted in zip(rows, holm([row.get("p_value") for row in rows]), strict=True):
        row["p_holm"] = adjusted
        row["significant"] = None if adjusted is None else adjusted < LEVEL


def moderated_tests(
    samples: Sequence[Array],
    noises: Sequence[Sequence[Part]],
    sizes: Array,
    worth: Sequence[float] | None = None,
) -> list[Row]:
    """Means over few seeds, tested with variances that are shrunk over all of them.

    Smyth's (2004) moderated t over the seeds, its prior linear in log n, and beside it the other
    parts of the variance, the evaluation examples' first of all, which is known too well to be
    shrunk.

    Args:
        samples: (k,) a test's values by seed, two or more.
        noises: the other parts, such as the examples' of study.analysis.moments.crossed_parts.
        sizes: (G,) n of the tests.
        worth: of the tests, as how many independent values their seeds count; None: as k.
    """
    return [
        mean_columns(float(values.mean()), variance / num, freedom, *parts)
        for values, parts, (variance, freedom), num in zip(
            samples,
            noises,
            shrunk_variances(samples, sizes),
            map(len, samples) if worth is None else worth,
            strict=True,
        )
    ]


def shrunk_variances(samples: Sequence[Array], sizes: Array) -> list[tuple[float, float]]:
    """The moderated variance of each test's values, and the degrees of freedom it is known to.

    Args:
        samples: (k,) a test's values, two or more.
        sizes: (G,) n of the tests.
    """
    counts = np.array([len(values) for values in samples], dtype=np.float64)
    variances = np.array([values.var(ddof=1) for values in samples])
    prior = fit_prior(variances, counts - 1, np.log(sizes)[:, None])
    shrunk = prior.moderate(variances, counts - 1)
    freedoms = prior.degrees_of_freedom + counts - 1
    return list(zip(shrunk.tolist(), freedoms.tolist(), strict=True))


def room_columns(meeting: Meeting, columns: Row) -> Row:
    """Other ends, where seeds that agree to the last example were each tested on few."""
    is_share = task_of(meeting.task).keeps_decisions
    if meeting.anew is None or not is_share or columns["standard_error"]:
        return {}
    room = room_around(columns["difference_lo"], meeting.anew["num_test"])
    return {"difference_lo": room.lo, "difference_hi": room.hi}


def variance_of(part: Part) -> float:
    """A source's part of the variance of the sum of all its means."""
    return max(0.0, float(part.covariance.sum()))


def mean_columns(value: float, seeds: float, freedom: float, *others: Part) -> Row:
    """Of a mean whose variance is a seeds' part, known to `freedom`, and those of others."""
    parts = [(seeds, freedom), *((variance_of(p), p.degrees_of_freedom) for p in others)]
    found = combine(value, [symmetric(*part) for part in parts])
    return {
        "difference_lo": found.lo,
        "difference_hi": found.hi,
        "standard_error": found.standard_error,
        "degrees_of_freedom": found.degrees_of_freedom,
        "p_value": _p_value(value, found, parts),
    }


def _p_value(value: float, found: Crossed, parts: Sequence[tuple[float, float]]) -> float | None:
    """One minus the confidence at which the interval ends at 0 (study.analysis.crossed.combine).

    SMALLEST_P where it is no larger; None where nothing varies and the mean is not 0.
    """
    if not found.standard_error or found.degrees_of_freedom is None:
        return 1.0 if value == 0.0 else None
    variance, pooled = found.standard_error**2, found.degrees_of_freedom

    def excess(log_level: float) -> float:
        level = math.exp(log_level)
        apart = sum(v * t_quantile(freedom, level) ** 2 for v, freedom in parts)
        return (variance * t_quantile(pooled, level) ** 2 + apart) / 2 - value**2

    smallest = math.log(SMALLEST_P)
    if excess(smallest) <= 0.0:
        return SMALLEST_P
    from scipy.optimize import brentq  # a tenth of a second, and not every table needs it

    return math.exp(float(brentq(excess, smallest, 0.0, rtol=1e-10)))
