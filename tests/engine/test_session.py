"""What a driver keeps, and when it gives up."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from study.engine.checkpoints import checkpoint_name
from study.engine.ending import too_many_failed
from study.planning.plan import next_trials
from study.request.spec import StudySpec
from study.storage.ledger import Ledger
from tests.engine.sessions import session_of
from tests.small_study import record_of

Make = Callable[..., StudySpec]


def records_of(spec: StudySpec, num_failed: int, num: int) -> dict[str, dict[str, Any]]:
    records = [
        {**record_of(trial, status="failed" if i < num_failed else "done"), "error": "broken"}
        for i, trial in enumerate(next_trials(spec, [])[:num])
    ]
    return {record["trial_id"]: record for record in records}


@pytest.mark.parametrize(
    ("share", "num_failed", "num", "is_over"),
    [
        (0.5, 5, 10, False),
        (0.5, 6, 10, True),
        (0.5, 9, 9, False),  # too few to tell
        (0.0, 0, 10, False),
        (0.0, 1, 10, True),
        (1.0, 10, 10, False),
    ],
)
def test_the_share_of_failures(
    share: float, num_failed: int, num: int, is_over: bool, make_spec: Make
) -> None:
    spec = make_spec(max_failed_share=share, search={"trials": 0})
    records = records_of(spec, num_failed, num)
    assert len(records) == num
    errors = Counter(r["error"] for r in records.values() if r["status"] == "failed")
    found = too_many_failed(spec.max_failed_share, errors, len(records))
    assert (found is not None) == is_over
    if found is not None:
        assert f"{num_failed} of {num} finished trials failed" in str(found)
        assert str(found).endswith("most often with: broken")


def payload(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{"status": "done", "error": None, "metrics": dict(metrics), "curves": []},
        **{"node": "here", "attempt": 1},
    }


def test_a_checkpoint_goes_when_its_record_is_kept(make_spec: Make, tmp_path: Path) -> None:
    spec = make_spec(search={"trials": 0})
    trial = next_trials(spec, [])[0]
    with Ledger(tmp_path / "ledger").locked() as ledger:
        session = session_of(spec, tmp_path, ledger)
        session.store.write(checkpoint_name(trial.trial_id), b"state")
        session.finish(trial, payload({"wall_s": 61.0}))
        assert session.ending is None
        assert session.store.read(checkpoint_name(trial.trial_id)) is None


def test_a_record_that_cannot_be_kept_ends_the_sweep(
    make_spec: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(search={"trials": 0})
    first, second = next_trials(spec, [])[:2]

    def full(record: Mapping[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    with Ledger(tmp_path / "ledger").locked() as ledger:
        session = session_of(spec, tmp_path, ledger)
        session.store.write(checkpoint_name(second.trial_id), b"state")
        session.finish(first, payload({"wall_s": 1.0}))
        monkeypatch.setattr(ledger, "append", full)
        session.finish(second, payload({"wall_s": 61.0}))
        assert isinstance(session.ending, OSError)
        assert list(session.records) == [first.trial_id]
        assert session.store.read(checkpoint_name(second.trial_id)) == b"state"
