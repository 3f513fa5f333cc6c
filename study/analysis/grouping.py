"""A trials table's rows by role and cell, and those of a cell's current configuration."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from study.analysis.rows import Array, Rows, Table
from study.trials.roles import RETIRED, ROLES
from study.trials.trial import CELL_NAMES, Cell, cell_of

ByCell = Mapping[Cell, Rows]


def by_role_and_cell(table: Table) -> dict[str, dict[Cell, Rows]]:
    """Every role's rows by cell, both in the order in which the table has them first.

    Rows of retired roles are left out.
    """
    roles = table["role"]
    codes = table.codes(CELL_NAMES, np.arange(len(table)))
    cells = [
        cell_of(Rows(table, places)[0]) for places in _firsts(codes, int(codes.max(initial=-1)) + 1)
    ]
    found: dict[str, dict[Cell, Rows]] = {name: {} for name in ROLES}
    for code, role in enumerate(roles.texts or ()):
        if role in RETIRED or role not in ROLES:
            continue
        places = np.flatnonzero(roles.data == code)
        for held in groups(codes[places]):
            found[role][cells[codes[places[held[0]]]]] = Rows(table, places[held])
    return found


def groups(codes: Array) -> Iterator[Array]:
    """The places (k,) of each code, in their order; codes in the order of their first places."""
    if not len(codes):
        return
    order = np.argsort(codes, kind="stable")
    begins = np.flatnonzero(np.diff(codes[order], prepend=-1))
    held = np.split(order, begins[1:])
    yield from (held[place] for place in np.argsort(order[begins], kind="stable").tolist())


def current(cells: ByCell, compared: Sequence[str], repeats: int) -> dict[Cell, Rows]:
    """The rows of every cell's current configuration: the one that finished a trial last.

    A study that is extended by more search may find another winner and measure again; its ledger
    keeps the old rows. A mean over two configurations means nothing, unless several independent
    searches are to be averaged over: then seed s has the configuration of search s mod repeats.

    Args:
        cells: rows by cell.
        compared: columns that are the same in one configuration.
        repeats: independent searches of a cell.
    """
    if not cells:
        return {}
    table = next(iter(cells.values())).table
    places = np.concatenate([rows.places for rows in cells.values()])
    configurations = table.codes(compared, places)
    searches = table["seed"].data[places] % repeats
    found, end = {}, 0
    for cell, rows in cells.items():
        begin, end = end, end + len(rows)
        own = configurations[begin:end]
        is_current = _is_current(rows, own, searches[begin:end]) if np.ptp(own) else None
        found[cell] = rows if is_current is None else rows.at(is_current)
    return found


def _is_current(rows: Rows, configurations: Array, searches: Array) -> Array:
    """Whether each of a cell's rows has the configuration of its search that finished last."""
    finished = zip(rows.values("finished_at"), rows.values("trial_id"), strict=True)
    order = [(when or "", trial_id) for when, trial_id in finished]
    found = np.zeros(len(rows), dtype=bool)
    for search in np.unique(searches):
        held = np.flatnonzero(searches == search)
        last = max(held.tolist(), key=order.__getitem__)
        found[held] = configurations[held] == configurations[last]
    return found


def _firsts(codes: Array, num: int) -> Array:
    """The first place (num, 1) of each code."""
    found = np.full(num, len(codes))
    np.minimum.at(found, codes, np.arange(len(codes)))
    return found[:, None]
