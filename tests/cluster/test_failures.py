"""Trials that fail are rows; a disk that is full is a line; nothing that was finished is lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster.driving import SMALL, driver, records_of, results_of, wait_until

Finish = Callable[..., tuple[int, str]]

FAILING = """
name = "failing"
families = ["linear"]
depths = [1]
seeds = 2
num_train = [32]
[[populations]]
name = "xor"
[distortions]
feature_noise = [0.0, 1e45]
[training]
budget_epochs = 2
max_epochs = 15
[best_in_class]
restarts = 1
num_stream = [256]
[limit]
restarts = 2
num_stream = [256]
"""
"""Half of it is no number that a float32 holds."""


def only_line(printed: str) -> str:
    """The one line in which the driver says why it ends."""
    assert "Traceback" not in printed, printed
    (line,) = [line for line in printed.splitlines() if line.startswith("study.run: ")]
    return line


@pytest.mark.slow
def test_what_diverges_is_a_row(finish_shared: Finish, tmp_path: Path) -> None:
    status, printed = finish_shared(FAILING, tmp_path, "--set", "max_failed_share=1")
    assert status == 3, printed
    assert "Traceback" not in printed
    assert "trials failed; the report names them" in printed
    trials = pd.read_parquet(tmp_path / "results/failing/trials.parquet")
    assert set(trials["status"]) == {"done", "failed"}
    is_sound = trials["distortion"] == "none"
    assert set(trials.loc[is_sound, "status"]) == {"done"}
    assert set(trials.loc[~is_sound, "status"]) == {"failed"}
    errors = trials.loc[trials["status"] == "failed", "error"]
    assert set(errors) == {"DivergedError: the training loss became nan"}
    assert (trials["attempt"] == 1).all(), "an exception is no reason to try again"
    page = (tmp_path / "results/failing/report/index.html").read_text()
    assert "the training loss became nan" in page
    again, printed = finish_shared(FAILING, tmp_path, "--set", "max_failed_share=1")
    assert again == 3
    assert "nothing to run" in printed


@pytest.mark.slow
def test_too_many_failures_end_the_study_and_say_why(finish_shared: Finish, tmp_path: Path) -> None:
    many = FAILING.replace("seeds = 2", "seeds = 20").replace("[0.0, 1e45]", "[1e45]")
    status, printed = finish_shared(many, tmp_path)
    assert status == 3, printed
    line = only_line(printed)
    assert line.startswith("study.run: ended early: max_failed_share = 0.5: ")
    records = records_of(tmp_path / "results/failing")
    assert 10 <= len(records) < 20, "it stopped long before the end"
    assert (tmp_path / "results/failing/report/index.html").is_file()


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A tmpfs of this size; mounting takes root, or a sudo that does not ask."""
    path.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    try:
        yield
    finally:
        subprocess.run([*privileged(), "umount", str(path)], check=True)


def mount(*arguments: str) -> None:
    subprocess.run([*privileged(), "mount", *arguments], check=True)


def privileged() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_study_goes_on_once_there_is_room(
    finish_shared: Finish, tmp_path: Path, quiet_study: Path
) -> None:
    results = tmp_path / "results"
    with small_disk(results, "48k"):
        status, printed = finish_shared(SMALL, tmp_path)
        assert status == 2, printed
        line = only_line(printed)
        assert "No space left on device" in line
        assert "to go on, make room and type: python -m study.run" in line
        kept = records_of(results / "small")
        assert 0 < len(kept) < 27, "it happened in the middle"
        mount("-o", "remount,size=64m", str(results))
        status, printed = finish_shared(SMALL, tmp_path)
        assert status == 0, printed
        records = records_of(results / "small")
        assert records[: len(kept)] == kept
        assert len({record["trial_id"] for record in records}) == len(records) == 27
        assert results_of(records) == results_of(records_of(quiet_study))
        tables_survive_a_full_disk(finish_shared, results, tmp_path)


def tables_survive_a_full_disk(finish_shared: Finish, results: Path, tmp_path: Path) -> None:
    """A finished study whose disk is full keeps the tables it has, whole."""
    tables = [*(results / "small").glob("*.parquet"), *(results / "small").glob("*.csv")]
    before = {path: path.read_bytes() for path in tables}
    ledger = records_of(results / "small")
    with pytest.raises(OSError, match="No space left"):
        (results / "filler").write_bytes(bytes(2**27))
    status, printed = finish_shared(SMALL, tmp_path)
    assert status == 2, printed
    assert "No space left on device" in only_line(printed)
    assert {path: path.read_bytes() for path in tables} == before
    assert records_of(results / "small") == ledger
    assert not list((results / "small").rglob("*.tmp"))


@pytest.mark.slow
def test_a_torn_record_is_dropped_said_and_run_again(
    finish_shared: Finish, tmp_path: Path, quiet_study: Path
) -> None:
    study = tmp_path / "results/small"
    shutil.copytree(quiet_study, study)
    segment = study / "ledger/000001.jsonl"
    segment.write_bytes(segment.read_bytes()[:-40])
    status, printed = finish_shared(SMALL, tmp_path)
    assert status == 0, printed
    assert "000001.jsonl: the last record is torn and was dropped" in only_line(printed)
    assert results_of(records_of(study)) == results_of(records_of(quiet_study))


@pytest.mark.slow
def test_a_second_driver_is_refused_and_the_first_goes_on(
    finish_shared: Finish, shared_ray: str, tmp_path: Path
) -> None:
    study = tmp_path / "results/small"
    with driver(SMALL, tmp_path, "--cluster", "--address", shared_ray) as first:
        wait_until(lambda: (study / "study.toml").exists())
        status, printed = finish_shared(SMALL, tmp_path)
        assert status == 2, printed
        assert "another driver is at work on it" in only_line(printed)
        assert first.wait() == 0, first.printed()
    ids = [record["trial_id"] for record in records_of(study)]
    assert len(ids) == len(set(ids)) == 27
