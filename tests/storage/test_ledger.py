"""Finished trials on disk: appended, read back, torn, held by one driver."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.storage.ledger import LARGEST_SEGMENT, Ledger, LedgerError, record_line
from study.storage.outside import MOST_FILE, MOST_TEXT


def record_with_id(trial_id: str, **changes: Any) -> dict[str, Any]:
    return {
        **{"schema": 1, "trial_id": trial_id, "role": "measure", "status": "done"},
        **{"family": "linear", "depth": 1, "population": "xor(sigma=0.5)", "num_train": 64},
        **{"distortion": "none", "severity": 0.0, "seed": 0, "hyperparameters": {}},
        **{"metrics": {"risk": 0.1}, "curves": []},
        **changes,
    }


def _write(folder: Path, ids: list[str]) -> None:
    with Ledger(folder).locked() as ledger:
        for trial_id in ids:
            ledger.append(record_with_id(trial_id))


def test_what_drivers_wrote_one_after_another_reads_back(tmp_path: Path) -> None:
    _write(tmp_path, ["a", "b"])
    _write(tmp_path, ["c"])
    records, warnings = Ledger(tmp_path).read()
    assert [record["trial_id"] for record in records] == ["a", "b", "c"]
    assert warnings == []
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_an_empty_ledger_is_no_error(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none").read() == ([], [])


def test_a_driver_begins_another_file_before_one_is_too_large_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LARGEST_SEGMENT + MOST_TEXT < MOST_FILE
    largest = len(record_line(record_with_id("a"))) + 1
    monkeypatch.setattr("study.storage.ledger.LARGEST_SEGMENT", largest)
    _write(tmp_path, ["a", "b", "c", "d", "e"])
    _write(tmp_path, ["f"])
    held = {path.stem: len(path.read_bytes().splitlines()) for path in tmp_path.glob("*.jsonl")}
    assert held == {"000001": 2, "000002": 2, "000003": 1, "000004": 1}
    records, warnings = Ledger(tmp_path).read()
    assert [record["trial_id"] for record in records] == ["a", "b", "c", "d", "e", "f"]
    assert warnings == []


@pytest.mark.parametrize("lost", ["000001", "000002", "000003"])
def test_no_file_of_a_driver_goes_away_unseen(
    tmp_path: Path, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.storage.ledger.LARGEST_SEGMENT", 1)
    with Ledger(tmp_path).locked() as ledger:
        for trial_id in "abc":
            ledger.append(record_with_id(trial_id))
        (tmp_path / f"{lost}.jsonl").unlink()
        with pytest.raises(LedgerError, match=f"{lost}.jsonl: was deleted or moved"):
            ledger.append(record_with_id("d"))


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(min_value=1, max_value=len(json.dumps(record_with_id("b"))) - 1))
def test_a_torn_last_record_is_dropped_and_said(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    _write(folder, ["a", "b"])
    segment = folder / "000001.jsonl"
    segment.write_bytes(segment.read_bytes()[: -1 - cut])
    _write(folder, ["c"])
    records, warnings = Ledger(folder).read()
    assert [record["trial_id"] for record in records] == ["a", "c"]
    assert len(warnings) == 1
    assert "torn" in warnings[0]


def test_damage_elsewhere_is_refused_not_dropped(tmp_path: Path) -> None:
    _write(tmp_path, ["a", "b"])
    segment = tmp_path / "000001.jsonl"
    segment.write_bytes(b'{"trial' + segment.read_bytes()[20:])
    with pytest.raises(LedgerError, match="line 1 is not a trial's record"):
        Ledger(tmp_path).read()


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    with (
        Ledger(tmp_path).locked(),
        pytest.raises(LedgerError, match="another driver"),
        Ledger(tmp_path).locked(),
    ):
        pass
    _write(tmp_path, ["a"])


def test_nan_never_enters(tmp_path: Path) -> None:
    with Ledger(tmp_path).locked() as ledger, pytest.raises(ValueError, match="not JSON"):
        ledger.append(record_with_id("a", metrics={"risk": float("nan")}))
    assert Ledger(tmp_path).read()[0] == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"metrics": None}, "metrics"),
        ({"curves": [1]}, "curves"),
        ({"role": ["measure"]}, "role"),
        ({"depth": "1"}, "depth"),
    ],
)
def test_a_line_of_another_shape_is_refused_and_named(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    _write(tmp_path, ["a"])
    with (tmp_path / "000001.jsonl").open("a") as segment:
        segment.write(json.dumps(record_with_id("b", **changes)) + "\n")
    with pytest.raises(LedgerError, match=f"line 2 is not a trial's record: {named}"):
        Ledger(tmp_path).read()


def test_a_deep_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "000001.jsonl").write_text("[" * 100_000 + "\n")
    with pytest.raises(LedgerError, match="line 1 is not a trial's record"):
        Ledger(tmp_path).read()


@pytest.mark.parametrize("can_cut", [True, False])
def test_after_a_full_disk_the_same_driver_can_go_on(
    tmp_path: Path, can_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line goes through, then ENOSPC: nothing before or after it is lost."""
    write = os.write
    room = [len(json.dumps(record_with_id("a"))) + 60]

    def scarce(descriptor: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        data = data[: room[0]]
        room[0] -= len(data)
        return write(descriptor, data)

    def refuse(descriptor: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Ledger(tmp_path).locked() as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", scarce)
            if not can_cut:
                patch.setattr(os, "ftruncate", refuse)
            ledger.append(record_with_id("a"))
            with pytest.raises(OSError, match="No space left"):
                ledger.append(record_with_id("b"))
        ledger.append(record_with_id("c"))
    records, warnings = Ledger(tmp_path).read()
    assert [record["trial_id"] for record in records] == ["a", "c"]
    assert len(warnings) == (0 if can_cut else 1)
