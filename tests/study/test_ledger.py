"""Finished trials on disk: appended, read back, torn, held by one driver."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.ledger import Ledger, LedgerError


def _write(folder: Path, ids: list[str]) -> None:
    with Ledger(folder).locked() as ledger:
        for trial_id in ids:
            ledger.append({"trial_id": trial_id, "metrics": {"risk": 0.1}})


def test_what_drivers_wrote_one_after_another_reads_back(tmp_path: Path) -> None:
    _write(tmp_path, ["a", "b"])
    _write(tmp_path, ["c"])
    records, warnings = Ledger(tmp_path).read()
    assert [record["trial_id"] for record in records] == ["a", "b", "c"]
    assert warnings == []
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_an_empty_ledger_is_no_error(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none").read() == ([], [])


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(min_value=1, max_value=30))
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
        ledger.append({"trial_id": "a", "metrics": {"risk": float("nan")}})
    assert Ledger(tmp_path).read()[0] == []
