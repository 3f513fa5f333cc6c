"""Up to which sample size one family errs less than another, and from which it does not."""

from collections import defaultdict

import pandas as pd

from study.analysis.columns import CROSSOVER_COLUMNS
from study.analysis.comparisons import CELL
from study.analysis.frames import Row, to_rows, typed_frame
from study.trials.trial import CELL_NAMES

_LAW = ("population", "distortion", "severity")
_SIZE = tuple(name for name in CELL_NAMES if name not in (*_LAW, "family", "num_train"))
GROUP = ("task", *_LAW, *_SIZE, "first", "second")
"""What names two families' comparisons at all sizes; of an n they are a row of `comparisons`."""


def build_crossovers(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The table of every two families at every depth, k and severity; columns as CROSSOVER_COLUMNS.

    A family is ahead at an n where the 95% interval of the paired difference lies on its side of
    zero; where it holds zero, or is unknown, neither is. Intervals are each n's own: that somewhere
    between two sizes a lead ends is read off two of them, and no p-value is claimed for it. It is
    over where the interval of the second is known, and the family ahead at no n from there.

    Args:
        comparisons: of study.analysis.comparisons.build_comparisons.
    """
    rows = []
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
            }
        )
    return typed_frame(rows, CROSSOVER_COLUMNS)


def over_sizes(comparisons: pd.DataFrame) -> list[list[Row]]:
    """The rows of single cells by what `GROUP` names, in the order of n; of two sizes or more."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in to_rows(comparisons):
        if row["scope"] == CELL:
            groups[tuple(row[name] for name in GROUP)].append(row)
    found = [sorted(rows, key=_size) for rows in groups.values() if len(rows) > 1]
    return sorted(found, key=_place)


def _place(rows: list[Row]) -> tuple[tuple[bool, object], ...]:
    """Field by field; what is None comes first."""
    return tuple((rows[0][name] is not None, rows[0][name]) for name in GROUP)


def _size(row: Row) -> int:
    return int(row["num_train"])


def _ahead(row: Row) -> str | None:
    """Which of the two errs less; None where the interval holds zero or is unknown."""
    lo, hi = row["difference_lo"], row["difference_hi"]
    if not _is_known(row) or lo <= 0 <= hi:
        return None
    return str(row["first"] if hi < 0 else row["second"])


def _is_known(row: Row) -> bool:
    return row["difference_lo"] is not None and row["difference_hi"] is not None
