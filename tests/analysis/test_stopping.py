"""How many seeds were to be measured, and why, travels with the trials table."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from study.analysis.files import STOPPING_KEY, Stopping, read_stopping, write_table
from study.analysis.frames import TableError

FRAME = pd.DataFrame({"risk": pd.Series([0.25], dtype="Float64")})


def test_it_is_read_back_by_whoever_has_the_table(tmp_path: Path) -> None:
    for precision in (0.005, 2.5):  # of a risk that is no probability; before, none was above 1
        other = Stopping(precision=precision, first_seeds=5, max_seeds=40)
        assert read_stopping(write_table(FRAME, tmp_path / "trials", stopping=other)) == other
    rule = Stopping(precision=0.005, first_seeds=5, max_seeds=40)
    path = write_table(FRAME, tmp_path / "trials", stopping=rule)
    assert read_stopping(path) == rule
    text = pq.read_schema(path).metadata[STOPPING_KEY]
    assert text == b'{"precision": 0.005, "first_seeds": 5, "max_seeds": 40}'


def test_a_fixed_number_of_seeds_is_none(tmp_path: Path) -> None:
    assert read_stopping(write_table(FRAME, tmp_path / "trials")) is None


@pytest.mark.parametrize(
    "text",
    [
        b"[",
        b"[]",
        b"{}",
        b'{"precision": 0.005, "first_seeds": 5}',
        b'{"precision": -1, "first_seeds": 5, "max_seeds": 40}',
        b'{"precision": 0.005, "first_seeds": 1, "max_seeds": 40}',
        b'{"precision": 0.005, "first_seeds": 9, "max_seeds": 8}',
        b'{"precision": Infinity, "first_seeds": 5, "max_seeds": 8}',
        b'{"precision": NaN, "first_seeds": 5, "max_seeds": 8}',
        b'{"precision": 0.005, "first_seeds": Infinity, "max_seeds": 8}',
    ],
)
def test_what_is_no_rule_is_one_line(text: bytes, tmp_path: Path) -> None:
    path = write_table(FRAME, tmp_path / "trials")
    table = pq.read_table(path)
    held = {**(table.schema.metadata or {}), STOPPING_KEY: text}
    pq.write_table(table.replace_schema_metadata(held), path)
    with pytest.raises(TableError, match="the stopping rule in its metadata cannot be read"):
        read_stopping(path)
