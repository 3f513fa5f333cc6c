"""The studies that ship, and tables of version 1, read and computed again number by number."""

import hashlib
import re
import tomllib
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import study
from docs import card
from study.analysis.files import VERSION_KEY, read_trials, write_csv
from study.analysis.results import Results, build_results
from study.trials.schema import TRIAL_COLUMNS
from study.trials.trial import AXES

SHIPPED = Path(__file__).parents[2] / "ray_results" / "reference"
STUDIES = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())
"""A folder is tested by being there."""
OLD = Path(__file__).parent / "version_1"
"""Tables of `gaussian-small` under the first protocol. No number of theirs may be quoted."""


@pytest.fixture(scope="module")
def results() -> Results:
    return build_results(*read_trials(OLD / "trials.parquet"))


UNCHANGED = (
    *("family", "depth", "population", "distortion", "level", "severity", "num_train"),
    *("num_seeds", "num_missing", "estimation_num_seeds", "num_stopped", "num_failed"),
    *("bayes_risk", "bayes_risk_se", "risk", "converged_risk", "total", "optimization"),
)


def test_an_old_table_says_what_it_said(results: Results, tmp_path: Path) -> None:
    """Digit by digit, in the columns that meant the same then: a float's text tells it apart."""
    shipped = pd.read_csv(OLD / "landscape.csv", dtype=str, keep_default_na=False)
    found = write_csv(results.landscape, tmp_path / "found.csv")
    again = pd.read_csv(found, dtype=str, keep_default_na=False)
    assert len(shipped) > 100
    kept = list(UNCHANGED)
    pd.testing.assert_frame_equal(again[kept], shipped[kept])


def test_what_an_old_table_does_not_know_is_null(results: Results) -> None:
    """It has no limits and no decisions; U_H is of the restarts alone, at any m."""
    landscape = results.landscape
    for name in ("objective", "estimation", "limit_risk", "total_lo", "optimization_hi"):
        assert landscape[name].isna().all()
    assert landscape["approximation"].notna().any()
    assert landscape["approximation_is_bound"].dropna().all()
    assert set(landscape["best_in_class_role"].dropna()) == {"best_in_class"}
    assert "resubstitution" not in set(results.missing["role"])
    assert len(results.notes) == 1


def test_a_table_of_version_1_lacks_columns_and_reads_all_the_same() -> None:
    table = pq.read_table(OLD / "trials.parquet")
    assert table.schema.metadata[VERSION_KEY] == b"1"
    lacking = {column.name for column in TRIAL_COLUMNS} - set(table.column_names)
    assert lacking >= {"task", "source", "code"}
    trials, _ = read_trials(OLD / "trials.parquet")
    assert len(trials) == table.num_rows
    assert trials[sorted(lacking)].isna().all(axis=None)
    assert [name for name in trials.columns if name not in lacking] == table.column_names


def test_tasks_that_no_table_tells_are_one_task(results: Results) -> None:
    assert results.landscape["task"].isna().all()
    assert results.comparisons["task"].isna().all()


@pytest.mark.parametrize("name", STUDIES)
def test_what_ships_is_what_its_trials_and_decisions_say(name: str, tmp_path: Path) -> None:
    """Text against text in every column; what passed through a float's last digit, to 1e-9.

    An axis that came since is null. Otherwise: python -m study.report FOLDER --out ELSEWHERE.
    """
    opened = study.open(SHIPPED / name)
    asked = tomllib.loads((SHIPPED / name / "study.toml").read_text(encoding="utf-8"))
    assert (opened.study.stopping is None) == ("precision" not in asked)
    found = opened.results
    tables = [path.stem for path in (SHIPPED / name).glob("*.csv")]
    assert {"landscape", "best_in_class", "comparisons", "ensembles"} <= set(tables)
    for table in tables:
        shipped = pd.read_csv(SHIPPED / name / f"{table}.csv")
        again = pd.read_csv(write_csv(getattr(found, table), tmp_path / f"{table}.csv"))
        since = [name for name in AXES if name in again and name not in shipped]
        assert again[since].isna().all(axis=None)
        kept = again.drop(columns=since)
        pd.testing.assert_frame_equal(kept, shipped, rtol=1e-9, atol=1e-12)
    assert found.landscape["objective_lo"].notna().sum() >= 10
    assert opened.findings == (SHIPPED / name / "findings.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STUDIES)
def test_a_card_is_of_the_files_beside_it(name: str) -> None:
    """Otherwise: python docs/card.py FOLDER. Checksums are taken here once more, by other code."""
    folder = SHIPPED / name
    text = (folder / card.NAME).read_text(encoding="utf-8")
    assert card.card(folder) == text
    rows = re.findall(r"^\| `([\w./-]+)` \| (\d+) \| `([0-9a-f]{64})` \|", text, re.MULTILINE)
    files = {path.name: path for path in folder.iterdir() if path.is_file()}
    assert {row[0] for row in rows} == {*files, "decisions/"} - {card.NAME}
    for file, size, digest in rows:
        if file == "decisions/":
            inside = sorted((folder / "decisions").iterdir())
            listing = "".join(
                f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in inside
            )
            held = listing.encode()
            assert sum(path.stat().st_size for path in inside) == int(size)
        else:
            held = files[file].read_bytes()
            assert len(held) == int(size)
        assert hashlib.sha256(held).hexdigest() == digest, file
    for target in re.findall(r"\]\((\.[^)#]+)", text):
        assert (folder / target).exists(), target


def test_a_card_says_whose_the_data_are() -> None:
    assert "CC BY 4.0" in (SHIPPED / "quickstart" / card.NAME).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="'cifar10': say its licence in"):
        card.licence([{"name": "cifar10"}])
