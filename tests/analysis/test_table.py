"""The trials table: what goes in comes out, null stays null, and a bad table says so in a line."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.analysis.files import (
    LEVELS_KEY,
    VERSION_KEY,
    read_curves,
    read_trials,
    write_table,
)
from study.analysis.frames import TableError, to_rows
from study.analysis.table import build_curves, build_trials
from study.trials.schema import METRIC_COLUMNS, TABLE_VERSION, TRIAL_COLUMNS

Record = dict[str, Any]
Make = Callable[..., Record]

_VALUES = {
    "Int64": st.integers(0, 2**62),
    "Float64": st.floats(0, 1),
    "boolean": st.booleans(),
    "string": st.text(max_size=5),
}
metrics = st.fixed_dictionaries(
    {}, optional={c.name: st.one_of(st.none(), _VALUES[c.dtype]) for c in METRIC_COLUMNS}
)
tunables = st.dictionaries(
    st.sampled_from(["learning_rate", "batch_size", "kind", "use"]),
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-1, 1), st.text(max_size=3)),
    max_size=4,
)
some_records = st.lists(st.tuples(metrics, tunables, st.text(max_size=6)), max_size=5)
relaxed = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def numbered(make: Make, found: list[tuple[Record, Record, str]]) -> list[Record]:
    return [
        make(**held, hyperparameters=tuned, population=text, seed=n, trial_id=f"{n:016x}")
        for n, (held, tuned, text) in enumerate(found)
    ]


@given(found=some_records)
@relaxed
def test_round_trip_through_parquet(
    found: Any, make: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    levels = {"label_noise": [0.0, 0.3], "overlap": [0.0]}
    trials = build_trials(numbered(make, found), levels)
    path = write_table(trials, tmp_path_factory.mktemp("t") / "trials", levels=levels)
    back, back_levels = read_trials(path)
    pd.testing.assert_frame_equal(back, trials)
    assert back_levels == levels


@given(found=some_records)
@relaxed
def test_unknown_is_null_and_known_is_kept(found: Any, make: Make) -> None:
    records = numbered(make, found)
    rows = {row["trial_id"]: row for row in to_rows(build_trials(records, {}))}
    for record in records:
        row = rows[record["trial_id"]]
        for column in METRIC_COLUMNS:
            assert row[column.name] == record["metrics"].get(column.name)
        for name, value in record["hyperparameters"].items():
            assert (row[f"hp_{name}"] is None) == (value is None)


@given(found=some_records, seed=st.integers(0, 99))
@relaxed
def test_the_order_of_records_never_matters(found: Any, seed: int, make: Make) -> None:
    records = numbered(make, found)
    shuffled = list(records)
    random.Random(seed).shuffle(shuffled)
    pd.testing.assert_frame_equal(build_trials(shuffled, {}), build_trials(records, {}))


def test_nan_is_null_and_a_whole_float_is_an_integer(make: Make) -> None:
    row = to_rows(build_trials([make(risk=math.nan, steps=12.0, seed=3)], {}))[0]
    assert row["risk"] is None
    assert row["steps"] == 12


def test_hyperparameters_take_the_narrowest_dtype(make: Make) -> None:
    records = [
        make(seed=0, hyperparameters={"a": 1, "b": 1, "c": True, "d": "x", "e": [1, 2]}),
        make(seed=1, hyperparameters={"a": 2, "b": 0.5, "c": False, "d": 3}),
    ]
    trials = build_trials(records, {})
    names = ("hp_a", "hp_b", "hp_c", "hp_d", "hp_e")
    assert [str(trials[n].dtype) for n in names] == [
        *("Int64", "Float64", "boolean", "string", "string")
    ]
    assert trials["hp_d"].tolist() == ["x", "3"]
    assert trials["hp_e"].iloc[0] == "[1, 2]"


def test_level_is_the_index_of_the_severity(make: Make) -> None:
    levels = {"label_noise": [0.0, 0.1, 0.4]}
    records = [
        make(seed=0),
        make(seed=1, distortion="label_noise", severity=0.4),
        make(seed=2, distortion="label_noise", severity=0.3),
        make(seed=3, distortion="overlap", severity=0.4),
    ]
    found = {row["seed"]: row["level"] for row in to_rows(build_trials(records, levels))}
    assert found == {0: 0, 1: 2, 2: None, 3: None}


def test_a_metric_beyond_the_schema_is_kept(make: Make) -> None:
    trials = build_trials([make(elbo_nats=-3.5, seed=0), make(seed=1)], {})
    assert [row["elbo_nats"] for row in to_rows(trials)] == [-3.5, None]


def test_an_empty_ledger_gives_an_empty_typed_table(tmp_path: Path) -> None:
    trials = build_trials([], {})
    assert list(trials.columns) == [column.name for column in TRIAL_COLUMNS]
    assert [str(d) for d in trials.dtypes] == [column.dtype for column in TRIAL_COLUMNS]
    back, _ = read_trials(write_table(trials, tmp_path / "trials"))
    pd.testing.assert_frame_equal(back, trials)


def one_line(error: pytest.ExceptionInfo[TableError]) -> str:
    message = str(error.value)
    assert message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"risk": 1.2}, "risk is 1.2, not at most 1"),
        ({"risk": "a\nb"}, "risk is 'a\\nb', not a number"),
        ({"steps": 1.5}, "steps is 1.5, not a whole number"),
        ({"steps": 2**70}, "not a whole number"),
        ({"converged": 1}, "converged is 1, not true or false"),
        ({"risk_se": -0.1}, "risk_se is -0.1, not at least 0"),
        ({"excess_risk": -1.5}, "excess_risk is -1.5, not at least -1"),
        ({"role": "boss"}, "role is 'boss', not one of search, measure"),
        ({"status": "fine"}, "status is 'fine', not one of done, stopped, failed"),
        ({"num_train": 0}, "num_train is 0, not at least 1"),
        ({"family": None}, "the record has no family"),
        ({"node": 3}, "node is 3, not text"),
        ({"hp_x": 3}, "'hp_x' has the name of another column"),
    ],
)
def test_a_wrong_record_is_refused(changes: Record, words: str, make: Make) -> None:
    with pytest.raises(TableError) as error:
        build_trials([make(**changes)], {})
    assert words in one_line(error)


def test_another_schema_is_refused(make: Make) -> None:
    with pytest.raises(TableError) as error:
        build_trials([{**make(), "schema": 1}], {})
    assert "schema is 1, this program reads 2" in one_line(error)


def test_a_retired_role_is_read(make: Make) -> None:
    """Old tables hold rows of it; nothing new is of it, and nobody is told to use it."""
    trials = build_trials([make("resubstitution", risk=0.1), make()], {})
    assert set(trials["role"]) == {"resubstitution", "measure"}
    assert list(trials["role"]) == ["measure", "resubstitution"]


def test_a_repeated_trial_id_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(TableError) as error:
        build_trials([make(), make()], {})
    assert "appears more than once" in one_line(error)
    trials = build_trials([make()], {})
    path = write_table(pd.concat([trials, trials], ignore_index=True), tmp_path / "trials")
    with pytest.raises(TableError) as error:
        read_trials(path)
    assert str(path) in one_line(error)


@pytest.fixture
def good(make: Make, tmp_path: Path) -> pa.Table:
    path = write_table(build_trials([make(risk=0.25, steps=4)], {}), tmp_path / "good")
    return pq.read_table(path)


def refusal(table: pa.Table, tmp_path: Path) -> str:
    path = tmp_path / "bad.parquet"
    pq.write_table(table, path)
    with pytest.raises(TableError) as error:
        read_trials(path)
    assert str(path) in str(error.value)
    return one_line(error)


def test_malformed_tables_are_refused_in_one_line(good: pa.Table, tmp_path: Path) -> None:
    held = dict(good.schema.metadata)

    def replaced(name: str, values: pa.Array) -> pa.Table:
        return good.set_column(good.column_names.index(name), name, values)

    assert "column seed is missing" in refusal(good.drop_columns(["seed"]), tmp_path)
    assert "column risk is of type string" in refusal(replaced("risk", pa.array(["x"])), tmp_path)
    assert "is of type double, not Int64" in refusal(replaced("steps", pa.array([0.5])), tmp_path)
    assert "risk is 7.0, not at most 1" in refusal(replaced("risk", pa.array([7.0])), tmp_path)
    assert "has a null" in refusal(replaced("seed", pa.array([None], pa.int64())), tmp_path)
    assert "not one of" in refusal(replaced("status", pa.array(["ok"])), tmp_path)
    extra = good.append_column("odd", pa.array([[1, 2]]))
    assert "column odd is of type list" in refusal(extra, tmp_path)
    twice = good.append_column("risk", pa.array([0.1]))
    assert "two columns have the same name" in refusal(twice, tmp_path)
    for version in (b"9", b"0", b"-1", b"two"):
        other = good.replace_schema_metadata({**held, VERSION_KEY: version})
        words = f"schema is {version.decode()}, this program reads 1 to {TABLE_VERSION}"
        assert words in refusal(other, tmp_path)
    assert "no schema version" in refusal(good.replace_schema_metadata(None), tmp_path)
    for levels in (b"{", b"[1]", b'{"a": 3}', b'{"a": ["x"]}'):
        wrong = good.replace_schema_metadata({**held, LEVELS_KEY: levels})
        assert "levels in its metadata" in refusal(wrong, tmp_path)


def test_columns_may_come_and_go(good: pa.Table, tmp_path: Path) -> None:
    """An older table lacks some, another's has more: both read, in the table's order."""
    path = tmp_path / "other.parquet"
    more = good.append_column("hp_kind", pa.array(["x"])).append_column("odd", pa.array([0.5]))
    pq.write_table(more.drop_columns(["task", "risk", "code"]), path)
    (row,) = to_rows(read_trials(path)[0])
    assert (row["hp_kind"], row["odd"], row["steps"]) == ("x", 0.5, 4)
    assert (row["task"], row["risk"], row["code"]) == (None, None, None)
    names = [name for name in row if name in ("max_epochs", "hp_kind", "risk", "odd", "source")]
    assert names == ["max_epochs", "hp_kind", "risk", "odd", "source"]


def test_a_risk_is_a_probability_where_the_task_is_classification(make: Make) -> None:
    """Another task's risk, such as a squared error, has no such range; its counts do."""
    for task in (None, "classification"):
        with pytest.raises(TableError, match=r"risk is 3\.5, not at most 1"):
            build_trials([make(task=task, risk=3.5)], {})
    squared = build_trials([make(task="reconstruction", risk=3.5, excess_risk=-2.0)], {})
    assert squared["risk"].tolist() == [3.5]
    with pytest.raises(TableError, match=r"risk_se is -1\.0, not at least 0"):
        build_trials([make(task="reconstruction", risk=3.5, risk_se=-1.0)], {})
    with pytest.raises(TableError, match="steps is -1, not at least 0"):
        build_trials([make(task="reconstruction", steps=-1)], {})


@pytest.mark.parametrize("task", ["reconstruction", "a task of next year"])
@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"risk": -1e-9}, "risk is -1e-09, not at least 0"),
        ({"converged_risk": math.inf}, "converged_risk is inf, not a finite number"),
        ({"excess_risk": -math.inf}, "excess_risk is -inf, not a finite number"),
        ({"class_distribution_tv": 1.5}, "class_distribution_tv is 1.5, not at most 1"),
    ],
)
def test_a_risk_that_is_no_probability_is_finite_and_not_below_zero(
    make: Make, task: str, metrics: dict[str, float], said: str
) -> None:
    """Before, any number passed: also below zero, and infinity; and any total variation."""
    with pytest.raises(TableError, match=said):
        build_trials([make(task=task, **metrics), make(seed=1, risk=0.5)], {})


def test_an_unbiased_estimate_of_a_distance_may_be_below_zero(make: Make) -> None:
    found = build_trials([make(task="generation", risk=-1e-4, excess_risk=-1e-4)], {})
    assert found["risk"].tolist() == [-1e-4]
    with pytest.raises(TableError, match="risk is -inf, not a"):
        build_trials([make(task="generation", risk=-math.inf)], {})
    with pytest.raises(TableError, match=r"risk_se is -1\.0, not at least 0"):
        build_trials([make(task="generation", risk_se=-1.0)], {})


def test_each_row_is_held_against_its_own_task(make: Make) -> None:
    table = build_trials([make(task="reconstruction", risk=2.0), make(seed=1, risk=0.5)], {})
    assert table["risk"].tolist() == [2.0, 0.5]
    with pytest.raises(TableError, match=r"risk is 2\.0, not at most 1"):
        build_trials([make(task="reconstruction", risk=3.0), make(seed=1, risk=2.0)], {})


def test_the_first_wrong_value_of_a_column_is_told(make: Make) -> None:
    records = [make(seed=0), make(seed=1, risk=1.5, trial_id="bad1"), make(seed=2, risk=-0.5)]
    with pytest.raises(TableError, match=r"risk is -0\.5, not at least 0"):
        build_trials(records, {})
    with pytest.raises(TableError, match=r"^trial bad1: risk is 1\.5, not at most 1$"):
        build_trials(records[:2], {})


def test_nan_in_a_foreign_table_is_null(good: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    column = good.column_names.index("risk")
    pq.write_table(good.set_column(column, "risk", pa.array([math.nan])), path)
    assert read_trials(path)[0]["risk"].isna().all()


def test_files_that_are_no_parquet_are_refused(good: pa.Table, tmp_path: Path) -> None:
    whole = (tmp_path / "good.parquet").read_bytes()
    path = tmp_path / "broken.parquet"
    for broken in (b"", b"PAR1", b"not a table", whole[:-20], whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(TableError) as error:
            read_trials(path)
        assert "cannot be read as parquet" in one_line(error)
    with pytest.raises(TableError) as error:
        read_trials(tmp_path / "none.parquet")
    assert "no such file" in one_line(error)


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@relaxed
def test_a_flipped_byte_is_read_or_refused_never_a_crash(
    place: float, flip: int, good: pa.Table, tmp_path: Path
) -> None:
    whole = bytearray((tmp_path / "good.parquet").read_bytes())
    whole[int(place * len(whole))] ^= flip
    path = tmp_path / "flipped.parquet"
    path.write_bytes(bytes(whole))
    try:
        message = ""
        read_trials(path)
    except TableError as error:
        message = str(error)
    assert "\n" not in message


def test_writing_is_whole_or_not_at_all(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(build_trials([make()], {}), tmp_path / "trials")
    before = path.read_bytes()

    def torn(table: pa.Table, where: Path) -> None:
        Path(where).write_bytes(b"PAR1 half")
        raise OSError("no space left on device")

    monkeypatch.setattr(pq, "write_table", torn)
    with pytest.raises(OSError, match="no space"):
        write_table(build_trials([make(seed=4)], {}), tmp_path / "trials")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["trials.csv", "trials.parquet"]


def test_csv_leaves_unknown_fields_empty(make: Make, tmp_path: Path) -> None:
    write_table(build_trials([make(risk=0.25)], {}), tmp_path / "trials")
    row = pd.read_csv(tmp_path / "trials.csv", dtype=str, keep_default_na=False).iloc[0]
    assert row["risk"] == "0.25"
    assert row["excess_risk"] == ""


def test_curves_round_trip(make: Make, tmp_path: Path) -> None:
    point = {"step": 8, "epoch": 1, "train_loss": 0.5, "train_risk": None}
    curves = build_curves([make(curves=[{**point, "step": 16}, point]), make(seed=1)])
    assert [row["step"] for row in to_rows(curves)] == [8, 16]
    assert curves["train_risk"].isna().all()
    write_table(curves, tmp_path / "curves")
    pd.testing.assert_frame_equal(read_curves(tmp_path / "curves.parquet"), curves)
