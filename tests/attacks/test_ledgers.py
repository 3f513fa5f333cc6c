"""Ledgers, provenances and records that did not come from a driver."""

import copy
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from study import run, status
from study.engine.code import fingerprint
from study.planning.plan import next_trials
from study.request.reading import parse_spec
from tests.attacks.attacking import FINE, answer_of, check_answer
from tests.small_study import TABLE, record_of

SPEC = parse_spec(TABLE, "test")
RECORDS = [
    {**record_of(trial), "code": fingerprint(), "finished_at": "2026-01-01T00:00:00+00:00"}
    for trial in next_trials(SPEC, [])
]
HUGE = 10**400
NO_RECORD = "is not a trial's record"
TYPE = "is of another type"

Change = Callable[[dict[str, Any]], None]


def to(value: Any, *path: str) -> Change:
    """Another value at a place of a record."""

    def change(record: dict[str, Any]) -> None:
        held = record
        for step in path[:-1]:
            held = held[step]
        held[path[-1]] = value

    return change


def point(**values: Any) -> Change:
    return to([{"step": 1, "epoch": 1.0, **values}], "curves")


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


def failed_without_error(record: dict[str, Any]) -> None:
    record["status"] = "failed"
    del record["error"]


def failed(error: Any) -> Change:
    def change(record: dict[str, Any]) -> None:
        record |= {"status": "failed", "error": error}

    return change


CHANGES: Mapping[str, tuple[Change, str]] = {
    "an end that is no date": (to("yesterday", "finished_at"), "finished_at is no date"),
    "an end that is a number": (to(5, "finished_at"), f"finished_at {TYPE}"),
    "an end before all time": (to("0001-01-01T00:00:00+14:00", "finished_at"), FINE),
    "an end after all time": (to("9999-12-31T23:59:59-14:00", "finished_at"), FINE),
    "an end of 100,000 letters": (to("2" * 10**5, "finished_at"), "finished_at is no date"),
    "a wall time of infinity": (to(float("inf"), "metrics", "wall_s"), "metrics.wall_s is inf"),
    "a wall time that is NaN": (to(float("nan"), "metrics", "wall_s"), "metrics.wall_s is nan"),
    "a wall time of 1e400": (to(HUGE, "metrics", "wall_s"), "metrics.wall_s is a whole number of"),
    "a wall time of 1e300": (to(1e300, "metrics", "wall_s"), FINE),
    "a wall time below 0": (to(-1e9, "metrics", "wall_s"), FINE),
    "a wall time that is text": (to("long", "metrics", "wall_s"), f"wall_s {TYPE}"),
    "a wall time that is true": (to(True, "metrics", "wall_s"), FINE),
    "a wall time that is a list": (to([1.0], "metrics", "wall_s"), f"wall_s {TYPE}"),
    "a severity of 1e400": (to(HUGE, "severity"), "severity is a whole number of"),
    "a severity that is NaN": (to(float("nan"), "severity"), "severity is nan"),
    "a depth of 1e400": (to(HUGE, "depth"), "depth is a whole number of"),
    "a seed of minus 1e400": (to(-HUGE, "seed"), "seed is a whole number of"),
    "a metric of 1e400": (to(HUGE, "metrics", "risk"), "metrics.risk is a whole number of"),
    "a metric that is a text": (to("x", "metrics", "validation_risk"), f"validation_risk {TYPE}"),
    "a curve's point of 1e400": (point(train_risk=HUGE), "curves.0.train_risk is a whole number"),
    "a curve's point that is a text": (point(train_risk="x"), f"train_risk {TYPE}"),
    "a curve's point that is NaN": (point(epoch=float("nan")), "curves.0.epoch is nan"),
    "a curve of numbers": (to([1, 2], "curves"), "curves is not a list of points"),
    "a curve of 10,000 points": (to([{"step": 1}] * 10_000, "curves"), FINE),
    "a lone surrogate as family": (to("v\ud800", "family"), "family is no text"),
    "a lone surrogate as error": (failed("\udfff"), "error is no text"),
    "a lone surrogate in a hyperparameter's name": (
        to({"a\ud800": 1}, "hyperparameters"),
        "is no text",
    ),
    "a lone surrogate as node": (to("\ud800", "node"), "node is no text"),
    "a failed trial without its error": (failed_without_error, FINE),
    "a failed trial whose error is null": (failed(None), FINE),
    "an error that is a number": (failed(5), f"error {TYPE}"),
    "an error of a million letters": (failed("e" * 10**6), FINE),
    "an error with escape codes": (failed("\x1b[2J\x1b]0;x\x07"), FINE),
    "a hyperparameter nested 40 deep": (to(nested(40), "hyperparameters", "x"), "nested more than"),
    "a hyperparameter nested 900 deep": (to(nested(900), "hyperparameters", "x"), "nested more"),
    "a family that is a list": (to(["vgg"], "family"), "family is missing or of another type"),
    "a trial's id that is a number": (to(1, "trial_id"), "trial_id is missing or of another type"),
    "a trial's id that is a path": (to("../../../etc/x", "trial_id"), FINE),
    "metrics that are a list": (to([], "metrics"), "metrics is missing or of another type"),
    "a role that nobody knows": (to("boss", "role"), "role is 'boss'"),
    "a role of 100,000 letters": (to("r" * 10**5, "role"), "role is "),
    "a status that nobody knows": (to("odd", "status"), "status is 'odd'"),
    "another protocol": (to(99, "schema"), "are of another protocol"),
    "another protocol of 100,000 letters": (to("s" * 10**5, "schema"), "are of another protocol"),
    "another code of 100,000 letters": (to("c" * 10**5, "code"), FINE),
    "a node that is a list": (to(["n"], "node"), f"node {TYPE}"),
    "a population of a million letters": (to("p" * 10**6, "population"), FINE),
    "a metric's name of 100,000 letters": (to(1.0, "metrics", "m" * 10**5), FINE),
}
LINES: Mapping[str, tuple[bytes, str]] = {
    "a line that is an array nested 50,000 deep": (b"[" * 50_000, "it is not JSON"),
    "a line with a number of 5,000 digits": (b'{"a": ' + b"9" * 5_000 + b"}", "it is not JSON"),
    "a line that is a number": (b"7", "it is no JSON object"),
    "a line that is null": (b"null", "it is no JSON object"),
    "a line that is no UTF-8": (b'{"a": "\xff"}', "it is not JSON"),
    "a line of UTF-16": ('{"a": 1}'.encode("utf-16"), "it is not JSON"),
    "a line of NUL": (bytes(1_000), "it is not JSON"),
    "a line with a key twice": (b'{"trial_id": 1, "trial_id": 2}', "trial_id is missing"),
    "a line of 17 MiB": (b'"' + b"a" * 17 * 2**20 + b'"', "is longer than 16 MiB"),
    "a million empty lines": (b"\n" * 10**6, FINE),
}


def laid_out(folder: Path, segment: bytes) -> Path:
    """A study's folder with this segment."""
    place = folder / "results/small"
    (place / "ledger").mkdir(parents=True)
    (place / "ledger/000001.jsonl").write_bytes(segment)
    for file in (place / "study.toml", folder / "study.toml"):
        file.write_text(tomli_w.dumps(TABLE))
    return place


def lines_of(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.mark.parametrize("what", CHANGES)
def test_status_of_a_changed_record(what: str, tmp_path: Path) -> None:
    change, expected = CHANGES[what]
    records = copy.deepcopy(RECORDS[:4])
    change(records[1])
    place = laid_out(tmp_path, lines_of(records))
    answer = answer_of(status.main, str(place))
    check_answer(answer, expected)
    assert all(len(line) < 200 for line in answer.out.splitlines())
    assert (place / "ledger/000001.jsonl").read_bytes() == lines_of(records)


@pytest.mark.parametrize("what", LINES)
def test_status_of_another_line(what: str, tmp_path: Path) -> None:
    line, expected = LINES[what]
    place = laid_out(tmp_path, lines_of(RECORDS[:2]) + line + b"\n" + lines_of(RECORDS[2:4]))
    check_answer(answer_of(status.main, str(place)), expected)


PROVENANCES: Mapping[str, bytes] = {
    "an array nested 50,000 deep": b"[" * 50_000,
    "runs nested 500 deep": b'{"runs": ' + b"[" * 500 + b"]" * 500 + b"}",
    "a number of 5,000 digits": b'{"runs": [' + b"9" * 5_000 + b"]}",
    "NaN": b'{"runs": [{"wall_s": NaN}]}',
    "a lone surrogate": b'{"runs": [{"git_commit": "\\ud800"}]}',
    "runs that are a number": b'{"runs": 7}',
    "no UTF-8": b"\xff\xfe",
    "nothing": b"",
}


@pytest.mark.parametrize("what", PROVENANCES)
def test_provenances(what: str, tmp_path: Path) -> None:
    place = laid_out(tmp_path, b"")
    (place / "provenance.json").write_bytes(PROVENANCES[what])
    arguments = (str(tmp_path / "study.toml"), "--results", str(tmp_path / "results"))
    check_answer(answer_of(run.main, *arguments), "lists no runs; mend it, or move it away")
    assert (place / "provenance.json").read_bytes() == PROVENANCES[what]


@pytest.mark.parametrize("name", ["ledger/000002.jsonl", "ledger/lock", "study.toml"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_lies_in_a_studys_folder(name: str, kind: str, tmp_path: Path) -> None:
    place = laid_out(tmp_path, lines_of(RECORDS[:2]))
    (place / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place / name)
    else:
        (place / name).symlink_to("/dev/zero")
    answer = answer_of(status.main, str(place))
    check_answer(answer, FINE if name.endswith("lock") else "no")
