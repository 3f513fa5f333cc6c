"""Trials tables, curves and metadata from a stranger."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study import report
from study.analysis.comparisons import meetings_of
from study.analysis.completeness import missing_rows
from study.analysis.files import (
    FAMILIES_KEY,
    LEVELS_KEY,
    STOPPING_KEY,
    VERSION_KEY,
    read_curves,
    read_trials,
    write_table,
)
from study.analysis.frames import TableError
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from tests.attacks.attacking import FINE, answer_of, check_answer
from tests.attacks.test_ledgers import RECORDS
from tests.small_study import TABLE

LEVELS = {name: list(values) for name, values in TABLE["distortions"].items()}
NO_LEVELS = "the levels in its metadata cannot be read"
NO_FAMILIES = "the families in its metadata cannot be read"
NO_RULE = "the stopping rule in its metadata cannot be read"

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    records = copy.deepcopy(RECORDS)
    for record in records:
        record["metrics"] |= {"risk": 0.2, "converged_risk": 0.15, "bayes_risk": 0.1}
        record["metrics"] |= {"excess_risk": 0.1, "converged_excess_risk": 0.05}
    stem = tmp_path_factory.mktemp("tables") / "trials"
    write_table(build_trials(records, LEVELS), stem, levels=LEVELS)
    return pq.read_table(stem.with_suffix(".parquet"))


@pytest.fixture(autouse=True)
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the report but its pictures (`test_drawing`)."""

    def read_only(path: Path, out: Path | None = None) -> Path:
        study = report.read_study(path)
        build_landscape(join(study.trials), study.levels)
        (path.parent / report.FINDINGS).write_text("nothing")
        return path.parent / "report" / "index.html"

    monkeypatch.setattr(report, "write_report", read_only)


def metadata(key: bytes, text: bytes) -> Change:
    return lambda table: table.replace_schema_metadata({**table.schema.metadata, key: text})


def families(text: bytes) -> tuple[Change, str]:
    return metadata(FAMILIES_KEY, text), NO_FAMILIES


def levels(text: bytes) -> tuple[Change, str]:
    return metadata(LEVELS_KEY, text), NO_LEVELS


def stopping(**values: Any) -> tuple[Change, str]:
    whole = {"precision": 0.1, "first_seeds": 5, "max_seeds": 9, **values}
    return metadata(STOPPING_KEY, json.dumps(whole).encode()), NO_RULE


def column(name: str, value: Any, kind: pa.DataType | None = None) -> Change:
    """Another value in a column's first row, or of another type in all of them."""

    def change(table: pa.Table) -> pa.Table:
        there = name in table.column_names
        first = table.column(name).to_pylist() if there else [None] * len(table)
        values = [value] * len(table) if kind is not None else [value, *first[1:]]
        array = pa.array(values, type=kind or table.column(name).type)
        if there:
            return table.set_column(table.column_names.index(name), name, array)
        return table.append_column(name, array)

    return change


def no_text(table: pa.Table) -> pa.Table:
    """Bytes that are no UTF-8, said to be text."""
    binary = pa.array([b"\xff\xfe"] * len(table), pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(table), binary.buffers())
    return table.set_column(table.column_names.index("family"), "family", text)


def one_text_often(table: pa.Table) -> pa.Table:
    """A megabyte said 2,000 times: some kB of file, 2 GB of text."""
    texts = pa.DictionaryArray.from_arrays(
        pa.array([0] * 2_000, pa.int32()), pa.array(["x" * 10**6])
    )
    return pa.table({"family": texts}).replace_schema_metadata({VERSION_KEY: b"4"})


def spread(*names: str, num: int = 40) -> Change:
    """So many trials, no two of which have any of these columns in common."""

    def change(table: pa.Table) -> pa.Table:
        place = table.column("distortion").to_pylist().index("none")
        measured = column("role", "measure")(column("status", "done")(table.slice(place, 1)))
        found = pa.concat_tables([measured] * num)
        for name in ("trial_id", *names):
            held = table.schema.field(name).type
            values: list[Any] = [k + 8 for k in range(num)]
            array = pa.array(values if pa.types.is_integer(held) else list(map(str, values)), held)
            found = found.set_column(found.column_names.index(name), name, array)
        return found

    return change


TABLES: Mapping[str, tuple[Change, str]] = {
    "levels that are NaN": levels(b'{"label_noise": [NaN]}'),
    "levels of infinity": levels(b'{"label_noise": [1e999]}'),
    "levels of 1e400 in digits": levels(b'{"label_noise": [1' + b"0" * 400 + b"]}"),
    "levels of 5,000 digits": levels(b'{"label_noise": [' + b"9" * 5_000 + b"]}"),
    "levels of 1e308": levels(b'{"label_noise": [-1e308, 1e308]}'),
    "levels nested 50,000 deep": levels(b"[" * 50_000),
    "levels nested 40 deep": levels(b'{"a": [' + b"[" * 40 + b"]" * 40 + b"]}"),
    "levels that are texts": levels(b'{"label_noise": ["x"]}'),
    "levels under a lone surrogate": levels(b'{"\\ud800": [0.1]}'),
    "levels that are no UTF-8": levels(b"\xff"),
    "a million levels": levels(json.dumps({"label_noise": list(range(10**6))}).encode()),
    "levels under the name of mathematics": (
        metadata(LEVELS_KEY, b'{"$\\\\q{$": [0.1]}'),
        FINE,
    ),
    "levels that are listed twice": levels(b'{"label_noise": [0.1, 0.1]}'),
    "families nested 50,000 deep": families(b"[" * 50_000),
    "families of 5,000 digits": families(b"9" * 5_000),
    "families that are numbers": families(b"[1]"),
    "families that are no UTF-8": families(b"\xff"),
    "a family that is a lone surrogate": families(b'["\\ud800"]'),
    "forty trials without anything in common": (
        spread("family", "depth", "population", "num_train"),
        "grid has 7,680,000 cells",
    ),
    "a stopping rule of NaN": stopping(precision=float("nan")),
    "a stopping rule of 1e400 seeds": stopping(max_seeds=10**400),
    "a stopping rule of no seeds": stopping(first_seeds=0),
    "a stopping rule of 1e15 seeds": stopping(first_seeds=10**15, max_seeds=10**15),
    "a stopping rule of texts": stopping(first_seeds="x"),
    "a stopping rule that is a list": (metadata(STOPPING_KEY, b"[1]"), NO_RULE),
    "a version of 5,000 digits": (metadata(VERSION_KEY, b"9" * 5_000), "schema is"),
    "a version that is text": (metadata(VERSION_KEY, b"\xff\x1b[2J"), "schema is"),
    "a severity of infinity": (column("severity", float("inf")), "severity is inf"),
    "a severity of 1e308": (column("severity", 1e308), "not within 1e+150 of 0"),
    "a severity of minus 1e308": (column("severity", -1e308), "not within 1e+150 of 0"),
    "a wall time of 1e308": (column("wall_s", 1e308), "not within 1e+150 of 0"),
    "a metric of its own of infinity": (column("odd", float("inf"), pa.float64()), "odd is inf"),
    "a hyperparameter of 1e308": (column("hp_x", 1e308, pa.float64()), "hp_x is 1e+308"),
    "a risk of 2": (column("risk", 2.0), "risk is 2.0, not at most 1"),
    "a risk beside its parts": (
        column("risk", 0.3),
        "risk is 0.3, not bayes_risk and excess_risk, 0.2",
    ),
    "a converged risk beside its parts": (
        column("converged_risk", 0.1),
        "converged_risk is 0.1, not bayes_risk and converged_excess_risk, 0.15",
    ),
    "another R* than its parts are above": (
        column("bayes_risk", 0.0),
        "risk is 0.2, not bayes_risk",
    ),
    "a depth below 0": (column("depth", -1), "depth is -1"),
    "a seed of minus 2^63": (column("seed", -(2**63)), FINE),
    "no training examples": (column("num_train", 0), "num_train is 0"),
    "a role that nobody knows": (column("role", "boss"), "role is 'boss'"),
    "a role of a million letters": (column("role", "r" * 10**6), "role is"),
    "an id that is a path": (column("trial_id", "../../../etc/passwd"), "trial_id is"),
    "an id with a NUL": (column("trial_id", "a\0b"), "trial_id is"),
    "an id of a million letters": (column("trial_id", "a" * 10**6), "trial_id is"),
    "an id with a line break": (column("trial_id", "a\n"), "trial_id is"),
    "text that is no UTF-8": (no_text, "family holds values that are not string"),
    "a column of lists": (column("odd", [1], pa.list_(pa.int64())), "is of type list"),
    "a column of structures": (
        column("odd", {"a": 1}, pa.struct([("a", pa.int64())])),
        "is of type struct",
    ),
    "a column of dates": (column("odd", 0, pa.date32()), "is of type date32"),
    "a column of bytes": (column("odd", b"\xff", pa.binary()), "is of type binary"),
    "a column of nothing": (column("odd", None, pa.null()), "is of type null"),
    "a column whose name is mathematics": (column("$\\q{$", 1.0, pa.float64()), FINE),
    "a column of 100,000 letters": (column("c" * 10**5, 1.0, pa.float64()), FINE),
    "a column of escape codes": (column("\x1b[2J", [1], pa.list_(pa.int64())), "is of type list"),
    "a family of a million letters": (column("family", "f" * 10**6), FINE),
    "an integer beyond 64 bits": (
        column("depth", 2**64 - 1, pa.uint64()),
        "depth holds values that are not Int64",
    ),
    "two gigabytes of one text": (one_text_often, "trial_id is missing"),
    "no columns": (lambda table: table.select([]), "is missing"),
    "no rows": (lambda table: table.slice(0, 0), FINE),
}


@pytest.mark.parametrize("what", TABLES)
def test_tables(what: str, good: pa.Table, tmp_path: Path) -> None:
    change, expected = TABLES[what]
    path = tmp_path / "trials.parquet"
    pq.write_table(change(good), path)
    check_answer(answer_of(report.main, str(path)), expected)


def test_a_plain_column_that_says_one_text_often(good: pa.Table, tmp_path: Path) -> None:
    """Without Arrow's own schema beside it the column is text, and 2 GB of it."""
    path = tmp_path / "trials.parquet"
    pq.write_table(one_text_often(good), path, store_schema=False)
    assert path.stat().st_size < 10**6
    check_answer(answer_of(report.main, str(path)), "family holds more than")


def test_more_values_than_any_honest_table(
    good: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kB of file may hold billions of nulls: they are counted before they are made."""
    monkeypatch.setattr("study.analysis.files.MOST_VALUES", good.num_columns * len(good) - 1)
    path = tmp_path / "trials.parquet"
    pq.write_table(good, path)
    check_answer(answer_of(report.main, str(path)), "values are more than the")


def test_texts_are_counted_over_all_columns(
    good: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.analysis.files.MOST_TEXT", 10**6)
    path, table = tmp_path / "trials.parquet", good.slice(0, 1)
    for number, answer in enumerate((FINE, FINE, "up to column hp_2 holds more than")):
        table = column(f"hp_{number}", "x" * 400_000, pa.string())(table)
        pq.write_table(table, path)
        check_answer(answer_of(report.main, str(path)), answer)


def test_gigabytes_that_are_packed_are_refused_before_they_are_unpacked(
    good: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.analysis.files.MOST_BYTES", 10**8)
    path = tmp_path / "trials.parquet"
    pq.write_table(
        column("hp_x", "x" * 10**8, pa.string())(good.slice(0, 1)), path, store_schema=False
    )
    assert path.stat().st_size < 10**7
    check_answer(answer_of(report.main, str(path)), "bytes are more than the 100,000,000 allowed")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("pairs of trials", "3 pairs of trials"),
        ("rows that are missing", "misses more than the 5 rows"),
    ],
)
def test_what_few_trials_ask_for(
    what: str, said: str, good: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(spread("family", "seed", num=3)(good), tmp_path / "seeds.parquet")
    pq.write_table(spread("family", num=3)(good), tmp_path / "families.parquet")
    apart, together = (
        join(read_trials(tmp_path / name)[0]) for name in ("seeds.parquet", "families.parquet")
    )
    assert len(missing_rows(apart, {})) >= 6  # each of three families lacks two seeds
    assert len(meetings_of(together)) == 3
    monkeypatch.setattr("study.analysis.completeness.MOST_MISSING", 5)
    monkeypatch.setattr("study.analysis.contrasts.MOST_PAIRS", 2)
    with pytest.raises(TableError, match=said):
        missing_rows(apart, {}) if what.startswith("rows") else meetings_of(together)


CURVES: Mapping[str, dict[str, Any]] = {
    "an epoch of 1e308": {"epoch": 1e308},
    "a loss of minus 1e308": {"train_loss": -1e308},
    "a loss of infinity": {"train_loss": float("inf")},
    "a wall time of infinity": {"wall_s": float("inf")},
}


@pytest.mark.parametrize("what", CURVES)
def test_curves(what: str, tmp_path: Path) -> None:
    point = {"trial_id": "a", "phase": "budget", "step": 1, **CURVES[what]}
    pq.write_table(pa.Table.from_pylist([point]), tmp_path / "curves.parquet")
    with pytest.raises(TableError, match=r"trial a: \w+ is -?(inf|1e\+308), not within"):
        read_curves(tmp_path / "curves.parquet")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" * 1000, bytes(10**6), b"\xff" * 100, b""])
def test_no_tables(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    path.write_bytes(content)
    check_answer(answer_of(report.main, str(path)), "cannot be read as parquet")
