"""Rows that are places in columns say what rows of dictionaries would."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special

from study.analysis.frames import to_rows
from study.analysis.grouping import by_role_and_cell, current, groups
from study.analysis.intervals import CONFIDENCE, Z
from study.analysis.rows import Rows, Table
from study.analysis.table import build_trials
from study.trials.trial import cell_of

Make = Callable[..., dict[str, Any]]

FRAME = pd.DataFrame(
    {
        "name": pd.array(["a", None, "b", "a"], dtype="string"),
        "nothing": pd.array([None] * 4, dtype="string"),
        "num": pd.array([3, None, 2**53 + 1, 0], dtype="Int64"),
        "risk": pd.array([0.25, 0.5, None, -0.0], dtype="Float64"),
        "converged": pd.array([True, None, False, True], dtype="boolean"),
    }
)


def rows_of(frame: pd.DataFrame) -> Rows:
    return Rows(Table(frame), np.arange(len(frame)))


def test_a_row_is_the_dictionary_that_it_stands_for() -> None:
    rows, plain = rows_of(FRAME), to_rows(FRAME)
    assert [dict(row) for row in rows] == plain
    types = [{name: type(value) for name, value in row.items()} for row in rows]
    assert types == [{name: type(value) for name, value in row.items()} for row in plain]
    assert rows[-1]["name"] == "a"
    assert rows[0].get("absent") is None
    with pytest.raises(IndexError):
        rows[4]


@pytest.mark.parametrize("name", FRAME.columns)
def test_a_column_is_the_values_of_its_rows(name: str) -> None:
    taken = rows_of(FRAME)[1:]
    assert taken.values(name) == [row[name] for row in to_rows(FRAME)[1:]]


def test_columns_of_their_own_stand_in_place_of_the_tables() -> None:
    rows = rows_of(FRAME).having(risk=np.array([1.0, np.nan, 2.0, 3.0]))
    assert rows.values("risk") == [1.0, None, 2.0, 3.0]
    assert [row["risk"] for row in rows.known("risk")] == [1.0, 2.0, 3.0]
    assert rows.known("risk")[1]["name"] == "b"
    assert rows[0].alone.values("risk") == [0.25]  # the table's


def test_what_rows_say() -> None:
    rows = rows_of(FRAME)
    assert rows.say("name", "a").tolist() == [True, False, False, True]
    assert not rows.say("name", "c").any()
    assert rows.none_knows("absent")
    assert not rows.none_knows("risk")
    assert rows.alike(rows[1], ["name", "num"]).tolist() == [False, True, False, False]
    assert rows.alike(rows[0], ["name"]).tolist() == [True, False, False, True]


def test_groups_keep_the_order_of_the_table() -> None:
    found = [places.tolist() for places in groups(np.array([7, 2, 7, 5, 2]))]
    assert found == [[0, 2], [1, 4], [3]]
    assert list(groups(np.array([], dtype=int))) == []


def test_rows_by_role_and_cell(make: Make) -> None:
    records = [make(seed=s, num_train=n) for n in (64, 512) for s in range(3)]
    frame = build_trials([*records, make("search", num_train=64)], {})
    found = by_role_and_cell(Table(frame))
    for role, cells in found.items():
        for cell, rows in cells.items():
            wanted = [r for r in to_rows(frame) if (r["role"], cell_of(r)) == (role, cell)]
            assert [dict(row) for row in rows] == wanted
    assert sum(len(rows) for cells in found.values() for rows in cells.values()) == 7


def test_each_search_has_a_configuration_that_is_current(make: Make) -> None:
    """Of two searches the seeds take turns; one of them was measured anew."""
    records = [
        make(seed=seed, hyperparameters={"rate": rate}, finished_at=f"2026-01-0{day}", risk=0.1)
        for day, seed, rate in [(1, 0, 0.1), (1, 1, 0.2), (2, 2, 0.3), (1, 3, 0.2), (2, 4, 0.3)]
    ]
    ((_, cells),) = [
        item for item in by_role_and_cell(Table(build_trials(records, {}))).items() if item[1]
    ]
    (rows,) = current(cells, ["hp_rate"], 2).values()
    assert rows.values("seed") == [1, 2, 3, 4]
    assert rows.values("hp_rate") == [0.2, 0.3, 0.2, 0.3]
    (rows,) = current(cells, ["hp_rate"], 1).values()
    assert rows.values("seed") == [2, 4]


def test_the_normal_quantile_is_scipys() -> None:
    assert scipy.special.ndtri((1 + CONFIDENCE) / 2) == Z
