"""The study that ships: a table of version 1, read and computed again number by number."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from study.analysis.files import VERSION_KEY, read_trials, write_csv
from study.analysis.results import Results, build_results
from study.trials.schema import TRIAL_COLUMNS

SHIPPED = Path(__file__).parents[2] / "ray_results" / "reference" / "gaussian-small"


@pytest.fixture(scope="module")
def results() -> Results:
    return build_results(*read_trials(SHIPPED / "trials.parquet"))


@pytest.mark.parametrize("name", ["landscape", "best_in_class", "comparisons"])
def test_what_ships_is_what_its_trials_say(results: Results, name: str, tmp_path: Path) -> None:
    """Digit by digit: a float's text tells it from every other."""
    shipped = pd.read_csv(SHIPPED / f"{name}.csv", dtype=str, keep_default_na=False)
    found = write_csv(getattr(results, name)[list(shipped.columns)], tmp_path / "found.csv")
    again = pd.read_csv(found, dtype=str, keep_default_na=False)
    assert len(shipped) > 100
    pd.testing.assert_frame_equal(again, shipped)


def test_a_table_of_version_1_lacks_columns_and_reads_all_the_same() -> None:
    table = pq.read_table(SHIPPED / "trials.parquet")
    assert table.schema.metadata[VERSION_KEY] == b"1"
    lacking = {column.name for column in TRIAL_COLUMNS} - set(table.column_names)
    assert lacking >= {"task", "source", "code"}
    trials, _ = read_trials(SHIPPED / "trials.parquet")
    assert len(trials) == table.num_rows
    assert trials[sorted(lacking)].isna().all(axis=None)
    assert [name for name in trials.columns if name not in lacking] == table.column_names


def test_tasks_that_no_table_tells_are_one_task(results: Results) -> None:
    assert results.landscape["task"].isna().all()
    assert results.comparisons["task"].isna().all()
