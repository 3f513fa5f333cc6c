"""What a driver printed, kept in the study's folder."""

import sys
from pathlib import Path

import pytest

from study.logbook import LogBook


def test_what_is_printed_stands_in_the_log_from_the_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.log"
    with LogBook().kept() as log:
        print("before")
        log.open(path, "study.run smoke")
        print("after", file=sys.stderr)
    print("outside")
    head, *lines = path.read_text().splitlines()
    assert head.startswith("== 20")
    assert head.endswith("+00:00 study.run smoke")
    assert lines == ["before", "after"]
    assert capsys.readouterr() == ("before\noutside\n", "after\n")


def test_runs_stand_one_after_another_and_a_torn_line_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "study.log"
    path.write_text("== earlier\nhalf a li")
    for word in ("one", "two"):
        with LogBook().kept() as log:
            log.open(path, word)
            print(word)
    lines = path.read_text().splitlines()
    assert lines[:2] == ["== earlier", "half a li"]
    assert [line for line in lines[2:] if not line.startswith("==")] == ["one", "two"]
    assert len(lines) == 6


def test_a_progress_bar_leaves_what_it_ended_with(tmp_path: Path) -> None:
    path = tmp_path / "study.log"
    with LogBook().kept() as log:
        log.open(path, "")
        for share in range(1000):
            sys.stdout.write(f"\r\x1b[2K{share}")
        sys.stdout.write("\r\x1b[2Kdone\n")
    assert path.read_text().splitlines()[1:] == ["done"]


def test_quietly_stdout_is_the_logs_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.log"
    with LogBook(is_quiet=True).kept() as log:
        log.open(path, "")
        print("a landscape")
        print("a warning", file=sys.stderr)
    assert capsys.readouterr() == ("", "a warning\n")
    assert path.read_text().splitlines()[1:] == ["a landscape", "a warning"]


def test_a_log_that_cannot_be_written_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "study.log").symlink_to(tmp_path / "elsewhere")  # may be anybody's
    with LogBook().kept() as log:
        log.open(tmp_path / "study.log", "")
        print("told")
        log.open(tmp_path / "no such folder" / "study.log", "")
    assert capsys.readouterr().out == "told\n"
    assert (tmp_path / "elsewhere").read_text() == ""
