"""Up to which sample size one family errs less than another, and from which it does not."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from study.analysis.columns import CROSSOVER_COLUMNS
from study.analysis.comparisons import CELL
from study.analysis.contrasts import LEVEL
from study.analysis.frames import Row, to_rows, typed_frame
from study.trials.trial import CELL_NAMES

_LAW = ("population", "distortion", "severity")
_NETWORK = tuple(name for name in CELL_NAMES if name not in (*_LAW, "family", "num_train"))
GROUP = ("task", *_LAW, *_NETWORK, "first", "second")
"""What names two families' comparisons at all sizes; of an n they are a row of `comparisons`."""


def build_crossovers(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The table of every two families at every depth, k and severity; columns as CROSSOVER_COLUMNS.

    A family is ahead at an n where the 95% interval of the paired difference lies on its side of
    zero; where it holds zero, or is unknown, neither is. Intervals are each n's own: that somewhere
    between two sizes a lead ends is read off two of them, and no p-value is claimed for it. It is
    over where the interval of the second is known, and the family ahead at no n from there.

    The p-value is of a lead, at all sizes of it and, where the other family is ahead from some n
    on, at all of those: the largest of theirs. Sizes are then tested in a fixed order, from the
    smallest and from the largest on, so that each end errs with the level of one test (Westfall
    and Krishen 2001); times two ends of all the task's rows it is Bonferroni's. Holm's would not
    do: how far a lead goes is chosen by the data.

    Args:
        comparisons: of study.analysis.comparisons.build_comparisons.
    """
    rows: list[Row] = []
    for held in over_sizes(comparisons):
        leads = [_ahead(row) for row in held]
        sizes = [int(row["num_train"]) for row in held]
        ahead = leads[0]
        lead = next((i for i, other in enumerate(leads) if other != ahead), len(leads))
        tail = len(leads)
        while tail > 0 and leads[tail - 1] not in (None, ahead):
            tail -= 1
        is_known = ahead is not None
        is_open = is_known and lead < len(sizes)
        rows.append(
            {name: held[0][name] for name in GROUP}
            | {
                "num_sizes": len(held),
                "ahead": ahead,
                "ahead_until": sizes[lead - 1] if is_known else None,
                "open_from": sizes[lead] if is_open else None,
                "is_over": _is_known(held[lead]) and ahead not in leads[lead:] if is_open else None,
                "behind_from": sizes[tail] if is_known and tail < len(sizes) else None,
                "p_value": _largest_p([*held[:lead], *held[tail:]]) if is_known else None,
            }
        )
    _correct(rows)
    return typed_frame(rows, CROSSOVER_COLUMNS)


def over_sizes(comparisons: pd.DataFrame) -> list[list[Row]]:
    """The rows of single cells by what `GROUP` names, in the order of n; of two sizes or more."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in to_rows(comparisons):
        if row["scope"] == CELL:
            groups[tuple(row[name] for name in GROUP)].append(row)
    found = [sorted(rows, key=_num_train) for rows in groups.values() if len(rows) > 1]
    return sorted(found, key=_place)


def _place(rows: list[Row]) -> tuple[tuple[bool, object], ...]:
    """Field by field; what is None comes first."""
    return tuple((rows[0][name] is not None, rows[0][name]) for name in GROUP)


def _num_train(row: Row) -> int:
    return int(row["num_train"])


def _ahead(row: Row) -> str | None:
    """Which of the two errs less; None where the interval holds zero or is unknown."""
    lo, hi = row["difference_lo"], row["difference_hi"]
    if not _is_known(row) or lo <= 0 <= hi:
        return None
    return str(row["first"] if hi < 0 else row["second"])


def _largest_p(rows: Sequence[Row]) -> float | None:
    """The largest p-value of the rows; None where one is unknown."""
    values = [row["p_value"] for row in rows]
    return None if None in values else max(values)


def _correct(rows: Sequence[Row]) -> None:
    """Fill in the corrected p-values, and what they say at 5%."""
    num_rows = Counter(row["task"] for row in rows)
    for row in rows:
        value = row["p_value"]
        corrected = None if value is None else min(1.0, 2 * num_rows[row["task"]] * value)
        row["p_bonferroni"] = corrected
        row["significant"] = None if corrected is None else corrected < LEVEL


def _is_known(row: Row) -> bool:
    return row["difference_lo"] is not None and row["difference_hi"] is not None
