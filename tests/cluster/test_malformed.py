"""Study files, ledgers and tables that are not what they should be: one line, nothing lost.

At least 300 of them, the same ones every time. Each goes through the command itself; what would
take seconds (Ray, timing, figures) is left out, since none of them should get there.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classcomp.costs import Costs
from study import driving, report, run, status
from study.analysis.files import write_table
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from study.cli import OK
from study.engine.code import fingerprint
from study.planning.plan import next_trials
from study.request.reading import parse_spec
from study.request.spec import StudySpec
from tests.small_study import TABLE, record_of

COSTS = Costs(start_s=1e-3, example_s=1e-6, scoring_s=1e-3)

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([10**6, 10**18, 2**63, 10**30, -(10**30)]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=8),
    st.sampled_from(["vgg", "xor", "digits", "label_noise", "tpe", "measure", "failed", "../x"]),
    st.lists(st.integers(-2, 9), max_size=3),
    st.lists(st.one_of(st.floats(), st.sampled_from([1e300, -1e300, 1e160])), max_size=2),
    st.sampled_from([1e300, 1e160, 1e-300]),
    st.dictionaries(st.sampled_from(["name", "sigma", "trials", "x"]), st.integers(0, 3)),
)


@pytest.fixture(autouse=True)
def nothing_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command up to where Ray would start and figures would be drawn."""
    from study.engine.proposals import check_search

    monkeypatch.setattr("study.engine.timing.timer", lambda address, data_dir: lambda trial: COSTS)
    monkeypatch.setattr(
        driving, "_sweep", lambda spec, whole, records, *_: check_search(whole, records)
    )
    monkeypatch.setattr(driving, "_conclude", lambda *everything: OK)
    monkeypatch.setattr(report, "write_report", read_only)


def read_only(path: Path, out: Path | None = None) -> Path:
    """All of the report but its writing."""
    study = report.read_study(path)
    build_landscape(join(study.trials), study.levels)
    return path


def outcome(command: Callable[[list[str]], int], *arguments: str) -> tuple[int, str]:
    """Exit status and what was said of errors; an exception here is a test that fails."""
    errors = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(errors):
        status = command(list(arguments))
    return status, errors.getvalue()


def statuses(
    examples: st.SearchStrategy[Any], num: int, look: Callable[[Any], tuple[int, str]]
) -> Counter[int]:
    """How often `num` examples were fine, and how often wrong and said to be so in one line."""
    seen: Counter[int] = Counter()

    @settings(
        max_examples=num,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(example=examples)
    def each(example: Any) -> None:
        status, errors = look(example)
        assert status in (0, 2)
        if status == 2:
            (line,) = errors.strip().splitlines()
            assert len(line) < 1000
            assert "Traceback" not in line
        seen[status] += 1

    each()
    return seen


# ---------------------------------------------------------------- study files

PATHS: list[tuple[str | int, ...]] = [
    *((key,) for key in TABLE),
    *(("search", key) for key in ("trials", "repeats", "validation_size", "sampler", "parallel")),
    *(("search", key) for key in ("grace_share", "max_epochs")),
    *(("training", key) for key in ("budget_epochs", "max_epochs", "budget_steps", "max_steps")),
    *(("best_in_class", key) for key in ("restarts", "num_stream", "slack_restarts")),
    *(("limit", "restarts"), ("limit", "num_stream"), ("training", "ideal")),
    *(("precision",), ("max_seeds",)),
    *(("populations", 0), ("populations", 0, "name"), ("populations", 0, "sigma")),
    *(("populations", 0, "rendering"), ("populations", 0, "nonsense")),
    *(("distortions", "label_noise"), ("distortions", "imbalance"), ("distortions", "blur")),
    *(("distortions", "feature_noise"), ("distortions", "overlap")),
    *(("families", 0), ("depths", 0), ("num_train", 0), ("variance", "seeds")),
    *(("resources", "cpus_per_trial"), ("max_failed_share",), ("nonsense",)),
]


def replaced(table: Any, path: Sequence[str | int], value: Any) -> Any:
    """A copy of a table with another value, or without the key where the value is None."""
    if not path:
        return value
    first, *rest = path
    if isinstance(table, list):
        copy: Any = [*table]
        changed = replaced(copy[int(first)], rest, value)
        copy[int(first) : int(first) + 1] = [] if changed is None else [changed]
        return copy
    copy = dict(table) if isinstance(table, dict) else {}
    changed = replaced(copy.get(first, {}), rest, value)
    if changed is None:
        copy.pop(first, None)
    else:
        copy[first] = changed
    return copy


def as_toml(table: dict[str, Any]) -> bytes:
    return tomli_w.dumps(table).encode()


@st.composite
def study_files(draw: st.DrawFn) -> bytes:
    """A good study file with one or two values of another kind."""
    table: Any = json.loads(json.dumps(TABLE))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(PATHS))
        try:
            table = replaced(table, path, draw(JUNK))
        except (IndexError, TypeError, ValueError, AttributeError):
            continue  # the first change took away where the second would be
    return as_toml(table)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes cut, overwritten, doubled or filled with others."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), start + draw(st.integers(1, 40)))
        how = draw(st.sampled_from(["cut", "end", "other", "double", "line"]))
        if how == "cut":
            del data[start:end]
        elif how == "end":
            del data[start:]
        elif how == "other":
            data[start:end] = draw(st.binary(min_size=1, max_size=12))
        elif how == "double":
            data[start:start] = data[start:end]
        else:
            data[start:start] = b"\n" + draw(st.binary(max_size=12)) + b"\n"
    return bytes(data)


def dry_run(content: bytes, folder: Path) -> tuple[int, str]:
    path = folder / "study.toml"
    path.write_bytes(content)
    return outcome(run.main, str(path), "--results", str(folder / "results"), "--dry-run")


def test_study_files_with_other_values(tmp_path: Path) -> None:
    seen = statuses(study_files(), 120, lambda content: dry_run(content, tmp_path))
    assert seen[2] >= 60
    assert seen[0] >= 5


def test_study_files_with_other_bytes(tmp_path: Path) -> None:
    seen = statuses(damaged(as_toml(TABLE)), 60, lambda content: dry_run(content, tmp_path))
    assert seen[2] >= 40


def test_overrides(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(as_toml(TABLE))
    values = st.one_of(st.text(max_size=8), JUNK)
    assignments = st.builds(
        lambda keys, value: f"{'.'.join(map(str, keys))}={value}", st.sampled_from(PATHS), values
    )
    arguments = (str(path), "--results", str(tmp_path), "--dry-run")
    seen = statuses(
        st.one_of(st.text(max_size=20), assignments),
        60,
        lambda override: outcome(run.main, *arguments, f"--set={override}"),
    )
    assert seen[2] >= 30


# ---------------------------------------------------------------- command lines

COMMANDS = pytest.mark.parametrize("module", [run, status, report])
PLACES = ["s3://", "s3:///x", "gs://bucket/x", "file:///x", "s3://[/x", "s3://?region=x", "://"]


def at(module: ModuleType, place: str, folder: Path) -> tuple[int, str]:
    """What a command does with a study's place; `folder` takes a study file."""
    (folder / "study.toml").write_bytes(as_toml(TABLE))
    is_run = module is run
    return outcome(
        module.main, *([str(folder / "study.toml"), "--results", place] if is_run else [place])
    )


@COMMANDS
@pytest.mark.parametrize("place", PLACES)
def test_places_that_are_none(place: str, module: ModuleType, tmp_path: Path) -> None:
    exit_status, errors = at(module, place, tmp_path)
    assert exit_status == 2
    (line,) = errors.splitlines()
    assert line.startswith(f"{module.__name__}: ")
    assert line.endswith("allowed are a folder and s3://bucket/prefix")


@COMMANDS
def test_a_file_in_a_folders_place(module: ModuleType, tmp_path: Path) -> None:
    place = str(tmp_path / "file")
    (tmp_path / "file").touch()
    exit_status, errors = at(module, place, tmp_path)
    assert exit_status == 2
    (line,) = errors.splitlines()
    assert line.startswith(f"{module.__name__}: {place}")
    assert "make room" not in line


@COMMANDS
def test_options_that_are_none(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        module.main(["--nonsense"])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{module.__name__}: ")


# ---------------------------------------------------------------- ledgers


def small_spec() -> StudySpec:
    return parse_spec(TABLE, "test")


def all_records(spec: StudySpec) -> list[dict[str, Any]]:
    """A finished study's records, as the engine would have written them."""
    records: list[dict[str, Any]] = []
    while trials := next_trials(spec, records):
        records += [{**record_of(trial), "code": fingerprint()} for trial in trials]
    return records


RECORDS = all_records(small_spec())
LEDGER = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS[:40])
FIELDS = [
    *((name,) for name in RECORDS[0]),
    *(("metrics", name) for name in ("risk", "wall_s", "validation_risk", "nonsense")),
    *(("hyperparameters", name) for name in ("learning_rate", "batch_size", "nonsense")),
]


@st.composite
def ledgers(draw: st.DrawFn) -> bytes:
    """A ledger in which one record has a value of another kind."""
    records = list(RECORDS[:40])
    number = draw(st.integers(0, len(records) - 1))
    path = draw(st.sampled_from(FIELDS))
    records[number] = replaced(records[number], path, draw(JUNK))
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def go_on(ledger: bytes, folder: Path) -> tuple[int, str]:
    """Runs the study on a ledger, and sees that the ledger is as it was."""
    results = folder / "results"
    segment = results / "small/ledger/000001.jsonl"
    segment.parent.mkdir(parents=True, exist_ok=True)
    segment.write_bytes(ledger)
    (folder / "study.toml").write_bytes(as_toml(TABLE))
    status, errors = outcome(run.main, str(folder / "study.toml"), "--results", str(results))
    assert segment.read_bytes() == ledger
    lines = errors.splitlines(keepends=True)
    is_torn = bool(lines) and lines[0].endswith("the last record is torn and was dropped\n")
    return status, "".join(lines[1:] if is_torn else lines)


def test_ledgers_with_other_values(tmp_path: Path) -> None:
    seen = statuses(ledgers(), 60, lambda ledger: go_on(ledger, tmp_path))
    assert seen[2] >= 30


def test_ledgers_with_other_bytes(tmp_path: Path) -> None:
    seen = statuses(damaged(LEDGER), 60, lambda ledger: go_on(ledger, tmp_path))
    assert seen[2] >= 30
    assert seen[0] >= 1, "one that is cut at its end is torn, and goes on"


@pytest.mark.parametrize("name", ["study.toml", "provenance.json"])
def test_what_a_study_wrote_of_itself(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "results/small"
    directory.mkdir(parents=True)

    def look(content: bytes) -> tuple[int, str]:
        for other in ("study.toml", "provenance.json"):
            (directory / other).unlink(missing_ok=True)
        (directory / name).write_bytes(content)
        status, errors = go_on(LEDGER, tmp_path)
        if status == 2:
            assert (directory / name).read_bytes() == content
        return status, errors

    whole = as_toml(TABLE) if name == "study.toml" else b'{"runs": [{"wall_s": 1.0}]}'
    contents = st.one_of(
        st.binary(max_size=60),
        damaged(whole),
        st.sampled_from([b"[]", b"null", b"7", b'{"runs": 7}', b"{}", b"[" * 50_000]),
    )
    assert statuses(contents, 30, look)[2] >= 15


# ---------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    levels = {name: list(values) for name, values in TABLE["distortions"].items()}
    write_table(build_trials(RECORDS, levels), folder / "trials", levels=levels)
    return folder / "trials.parquet"


CHANGES = ("drop", "rename", "first", "all", "rows", "metadata")


def changed_table(table: pa.Table, how: str, name: str, junk: Any) -> pa.Table:
    """A trials table with one thing amiss."""
    position = table.column_names.index(name)
    if how == "drop":
        return table.drop_columns([name])
    if how == "rename":
        return table.rename_columns([f"{c}_" if c == name else c for c in table.column_names])
    if how == "rows":
        return pa.concat_tables([table, table.slice(0, 3)])
    if how == "metadata":
        return table.replace_schema_metadata(None)
    if how == "all":
        return table.set_column(position, name, pa.array([junk] * len(table)))
    values = [junk, *table.column(name).to_pylist()[1:]]
    kind = table.column(name).type if junk is None else None
    try:
        return table.set_column(position, name, pa.array(values, type=kind))
    except (pa.ArrowException, TypeError):
        return table.set_column(position, name, pa.array([str(v) for v in values]))


def test_tables_with_other_values(trials: Path, tmp_path: Path) -> None:
    table = pq.read_table(trials)
    path = tmp_path / "trials.parquet"

    def look(change: tuple[str, str, Any]) -> tuple[int, str]:
        pq.write_table(changed_table(table, *change), path)
        return outcome(report.main, str(path))

    junk = st.sampled_from([None, -1.0, 7.5, float("inf"), -7, "text", True])
    names = st.sampled_from(table.column_names)
    seen = statuses(st.tuples(st.sampled_from(CHANGES), names, junk), 60, look)
    assert seen[2] >= 30


def test_tables_with_other_bytes(trials: Path, tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"

    def look(content: bytes) -> tuple[int, str]:
        path.write_bytes(content)
        return outcome(report.main, str(path))

    assert statuses(damaged(trials.read_bytes()), 60, look)[2] >= 30
