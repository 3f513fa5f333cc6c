"""The status command on files alone: what it says, and what it needs for that."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from study import status
from study.planning.plan import next_trials, planned_trials
from study.planning.stretch import last_stretch, spans_of
from study.request.reading import read_spec, write_spec
from study.request.spec import StudySpec
from study.status import describe, look, main
from study.storage.ledger import Ledger
from study.trials.trial import trial_title
from tests.small_study import record_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(record: dict[str, Any], seconds: float, *, wall_s: float = 1.0) -> dict[str, Any]:
    record["metrics"]["wall_s"] = wall_s
    record["finished_at"] = (NOON + timedelta(seconds=seconds)).isoformat()
    return record


def write_study(folder: Path, spec: StudySpec, records: list[dict[str, Any]]) -> Path:
    write_spec(spec, folder / "study.toml")
    with Ledger(folder / "ledger").locked() as ledger:
        for record in records:
            ledger.append(record)
    return folder


@pytest.fixture
def study(tmp_path: Path, make_spec: Callable[..., StudySpec]) -> Path:
    """Every search trial done, two seconds apart, and one measuring trial failed."""
    spec = make_spec(families=["linear"], depths=[1], distortions={})
    trials = planned_trials(spec)
    records = [at(record_of(t), 2 * i) for i, t in enumerate(trials) if t.role == "search"]
    failed = next(t for t in trials if t.role == "measure")
    record = at(record_of(failed, status="failed"), 9)
    records.append({**record, "error": "ValueError: \x1b[2J[red]<b>no</b>\nsecond line"})
    return write_study(tmp_path / "small", spec, records)


def screen(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_it_counts_by_role_and_status(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = screen(study, capsys)
    assert text.startswith("small · nobody at work · 5 of ")
    assert re.search(r" · about 0:\d\d left once resumed · ", text)
    assert re.search(r"^search +4 +4 +0 +0$", text, re.MULTILINE)
    assert re.search(r"^measure +6 +0 +0 +1$", text, re.MULTILINE)
    assert re.search(r"^linear d1 xor\(sigma=0.5\) n=64 +3/5 +10\.0 % +–$", text, re.MULTILINE)
    assert re.search(r"^linear d1 xor\(sigma=0.5\) n=128 +2/5 +10\.0 % +–$", text, re.MULTILINE)


def test_a_program_is_told_the_same(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(study), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        *("name", "state", "is_stuck", "num_finished", "num_planned", "began", "last_finished"),
        *("worked_s", "trials_per_minute", "seconds_left", "roles", "failures", "cells"),
        "warnings",
    }
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    assert all(f"`{key}`" in page for key in told)
    assert (told["name"], told["state"], told["is_stuck"]) == ("small", "idle", False)
    assert told["num_finished"] == 5
    assert told["began"] is None
    assert told["last_finished"] == NOON.timestamp() + 9
    assert told["worked_s"] == 10.0  # from the first trial's start
    assert told["trials_per_minute"] == pytest.approx(30)
    assert told["roles"]["search"] == {"planned": 4, "done": 4, "stopped": 0, "failed": 0}
    assert told["roles"]["measure"] == {"planned": 6, "done": 0, "stopped": 0, "failed": 1}
    (failure,) = told["failures"]
    assert failure["message"].startswith("ValueError: ")
    assert len(failure["trials"]) == 1
    first = told["cells"][0]
    assert (first["family"], first["depth"], first["num_train"]) == ("linear", 1, 64)
    assert (first["planned"], first["finished"]) == (5, 3)
    assert first["least_validation_risk"] == pytest.approx(0.1)
    assert first["least_excess_risk"] is None
    assert told["num_planned"] == sum(role["planned"] for role in told["roles"].values())


def test_of_a_study_that_has_not_begun_nothing_is_made_up(
    tmp_path: Path, make_spec: Callable[..., StudySpec], capsys: pytest.CaptureFixture[str]
) -> None:
    write_spec(make_spec(), tmp_path / "study.toml")
    assert main([str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    unknown = ("began", "last_finished", "worked_s", "trials_per_minute", "seconds_left")
    assert [told[name] for name in unknown] == [None] * 5
    assert {cell["task"] for cell in told["cells"]} == {None}


def finish_at_look(study: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From that look on the study is finished; which looks were taken."""
    looks: list[int] = []

    def looked(directory: str) -> status.Look:
        looks.append(len(looks))
        found = look(directory)
        if len(looks) < number:
            return found
        spec = found.spec.model_copy(update={"num_train": ()})
        return replace(found, spec=spec)

    monkeypatch.setattr(status, "look", looked)
    return looks


def test_it_is_watched_until_it_is_finished(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = finish_at_look(study, 3, monkeypatch)
    monkeypatch.setenv("TERM", "xterm")  # on a dumb one nothing is drawn over
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, height=40)
    assert status.watch(str(study), console, every_s=0.0) == 0
    assert len(looks) == 3
    drawn, _, left = text.getvalue().rpartition("\x1b[2K")  # the last screen is taken away
    assert drawn.count("small · nobody at work") >= 2
    assert left.startswith("small · finished · 5 of ")


def test_watching_ends_on_ctrl_c_with_130(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", pressed)
    assert main([str(study), "--watch"]) == 130
    assert capsys.readouterr().err == ""


def test_what_is_watched_must_be_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--watch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no study.toml" in line


def test_least_risks_are_percentages_of_classifiers_only(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before, a squared error of 0.1 was 10 %."""
    with Ledger(study / "ledger").locked() as ledger:
        records, _ = ledger.read()
    (study / "other").mkdir()
    with Ledger(study / "other").locked() as ledger:
        for record in records:
            ledger.append({**record, "task": "reconstruction"})
    for path in (study / "other").iterdir():
        path.replace(study / "ledger" / path.name)
    text = screen(study, capsys)
    assert re.search(r"^linear d1 xor\(sigma=0.5\) n=64 +3/5 +0\.10 +–$", text, re.MULTILINE)
    assert "10.0 %" not in text


def test_failures_are_told_and_cannot_move_the_cursor(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = screen(study, capsys)
    assert "1 × ValueError:  [2J[red]<b>no</b> second line" in text
    assert "such as linear d1 xor n=64 s0 (" in text
    assert "\x1b" not in text


def test_what_cannot_start_is_not_waited_for(
    tmp_path: Path, make_spec: Callable[..., StudySpec], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = make_spec(families=["linear"], depths=[1], distortions={}, num_train=[64])
    records: list[dict[str, Any]] = []
    while trials := next_trials(spec, records):
        records += [at(record_of(trial, status="failed"), len(records)) for trial in trials]
    assert {record["role"] for record in records} == {"search"}
    lines = screen(write_study(tmp_path / "small", spec, records), capsys).splitlines()
    assert lines[0].startswith("small · finished · 2 of ")
    assert lines[1] == "the others cannot start: every proposal of their search failed"
    assert " left" not in lines[2]


def test_it_says_whether_a_driver_is_at_work(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Ledger(study / "ledger").locked():
        assert "a driver is at work" in screen(study, capsys)
    assert "nobody at work" in screen(study, capsys)


def test_a_finished_study(
    tmp_path: Path, make_spec: Callable[..., StudySpec], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = make_spec(families=["linear"], depths=[1], distortions={}, search={"trials": 0})
    records = [at(record_of(t), i) for i, t in enumerate(planned_trials(spec))]
    text = screen(write_study(tmp_path / "small", spec, records), capsys)
    assert text.startswith(f"small · finished · {len(records)} of {len(records)} trials")
    assert "left" not in text


def test_a_study_without_a_finished_trial(
    tmp_path: Path, make_spec: Callable[..., StudySpec], capsys: pytest.CaptureFixture[str]
) -> None:
    write_spec(make_spec(), tmp_path / "study.toml")
    text = screen(tmp_path, capsys)
    assert "no trial has finished yet" in text
    assert "24 cells, none begun" in text


def test_many_cells_stay_on_one_screen(make_spec: Callable[..., StudySpec]) -> None:
    spec = make_spec(num_train=list(range(8, 80)))
    searches = [t for t in planned_trials(spec) if t.role == "search" and t.cell.depth == 1]
    records = [at(record_of(t), i) for i, t in enumerate(searches)]
    text = describe(spec, records, [], None, NOON.timestamp(), 40)
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 100
    assert "more begun" in text.splitlines()[-1]
    assert "not begun" in text.splitlines()[-1]


def test_a_night_between_two_drivers_is_no_work(make_spec: Callable[..., StudySpec]) -> None:
    trials = planned_trials(make_spec())[:30]
    evening = [at(record_of(t), i, wall_s=2.0) for i, t in enumerate(trials[:10])]
    morning = [at(record_of(t), 40_000 + i, wall_s=2.0) for i, t in enumerate(trials[10:])]
    stretch = last_stretch(spans_of(evening + morning), None)
    assert stretch is not None
    assert stretch.num_trials == 20
    assert stretch.seconds == 21.0  # from the first one's start
    assert stretch.parallel == pytest.approx(40 / 21)
    running = last_stretch(spans_of(evening + morning), NOON.timestamp() + 40_029)
    assert running is not None
    assert running.seconds == 31.0
    assert last_stretch([], None) is None


def test_the_pause_before_an_extension_is_no_work(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last trial ended at 12:00:09; a driver extends it from 12:10:00. Before, it was at work
    since the first trial of the first driver."""
    began = NOON.timestamp() + 600
    os.utime(study / "study.toml", (began, began))
    records, _ = Ledger(study / "ledger").read()
    spec = read_spec(str(study / "study.toml"))

    def clock(held: list[dict[str, Any]], seconds: float) -> str:
        return describe(spec, held, [], began, began + seconds, 40).splitlines()[1]

    said = clock(records, 88)
    assert said.startswith("at work for 1:28, without a finished trial yet · ")
    assert said.endswith(" · last trial 11:19 ago")
    trial = next(t for t in next_trials(spec, records) if t.role == "measure")
    more = [*records, at(record_of(trial), 640, wall_s=30)]
    assert clock(more, 88).startswith("at work for 1:18 · ")  # from its start at 12:10:10
    with Ledger(study / "ledger").locked():
        assert ", without a finished trial yet · " in screen(study, capsys)


WRONG = {
    "no folder": (None, "there is no study.toml"),
    "not TOML": ("name = [", "is not TOML"),
    "not a study": ('name = "x"\n', "is missing"),
    "not text": ("\udcff", "cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_study_is_one_line_and_exit_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, expected = WRONG[case]
    if text is not None:
        (tmp_path / "study.toml").write_bytes(text.encode(errors="surrogateescape"))
    assert main([str(tmp_path)]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert expected in line
    assert captured.out == ""


def test_a_damaged_ledger_is_one_line_and_exit_2(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = study / "ledger/000001.jsonl"
    segment.write_bytes(b"{}\n" + segment.read_bytes())
    assert main([str(study)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "line 1" in line


def test_it_needs_neither_ray_nor_torch(study: Path) -> None:
    code = (
        "import sys; from study.status import main; status = main([sys.argv[1]]); "
        "heavy = {'ray', 'torch', 'torchvision', 'optuna', 'sklearn', 'pandas'} & set(sys.modules)"
        "; sys.exit(str(heavy) if heavy else status)"
    )
    command = [sys.executable, "-c", code, str(study)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "small" in done.stdout


def test_titles(make_spec: Callable[..., StudySpec]) -> None:
    titles = {trial_title(trial.identity) for trial in planned_trials(make_spec())}
    assert "vgg d2 xor label_noise=0.2 n=128 s2" in titles
    assert "linear d1 xor n=64 s0 search" in titles
    assert "vgg d1 xor imbalance=0.9 n=2000 s1 best_in_class" in titles
