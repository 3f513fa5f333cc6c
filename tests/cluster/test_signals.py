"""SIGINT and SIGTERM: within ten seconds, with the line that goes on, whatever is running."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster.driving import (
    ONE_SLOW,
    SLOW_TRIAL,
    driver,
    marked,
    records_of,
    wait_until,
    workers_on,
)

LIMIT_S = 10.0


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a terminal's Ctrl-C", "SIGTERM"])
def test_a_running_study_stops_in_time_and_says_how_to_go_on(how: str, tmp_path: Path) -> None:
    study = tmp_path / "results/slow"
    with driver(ONE_SLOW, tmp_path) as process:
        # All but the slow trial is done, and its worker is in the middle of a slice.
        wait_until(lambda: len(records_of(study)) == 2 and workers_on(process.mark, SLOW_TRIAL))
        begin = time.monotonic()
        if how == "SIGTERM":
            os.kill(process.pid, signal.SIGTERM)
        else:
            os.killpg(process.pid, signal.SIGINT)
        status = process.wait()
        took_s = time.monotonic() - begin
        printed = process.printed()
        wait_until(lambda: not marked(process.mark), LIMIT_S)  # nothing of Ray stays behind
    assert status == 130, printed
    assert took_s < LIMIT_S
    assert "Traceback" not in printed
    assert "interrupted: 2 finished trials are kept in" in printed
    assert f"to go on: python -m study.run {tmp_path}/study.toml" in printed
    assert len(pd.read_parquet(study / "trials.parquet")) == 2
    assert len({record["trial_id"] for record in records_of(study)}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_anything_runs(number: int, tmp_path: Path) -> None:
    """In the middle of connecting: Ray has handlers of its own then."""
    with driver(ONE_SLOW, tmp_path) as process:
        wait_until(lambda: any("gcs_server" in c for c in marked(process.mark).values()))
        begin = time.monotonic()
        os.kill(process.pid, number)
        status = process.wait()
        took_s = time.monotonic() - begin
        printed = process.printed()
    assert status == 130, printed
    assert took_s < LIMIT_S
    assert "Traceback" not in printed
    assert "to go on: python -m study.run" in printed


@pytest.mark.slow
def test_a_second_signal_ends_at_once_and_loses_nothing(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    study = tmp_path / "results/slow"
    with driver(ONE_SLOW, tmp_path) as process:
        wait_until(lambda: len(records_of(study)) == 2)
        os.kill(process.pid, signal.SIGTERM)
        os.kill(process.pid, signal.SIGTERM)
        begin = time.monotonic()
        assert process.wait() == 130
        assert time.monotonic() - begin < LIMIT_S
    before = records_of(study)
    smaller = ONE_SLOW.replace("restarts = 1", "restarts = 0")
    status, printed = finish_shared(smaller, tmp_path)
    assert status == 0, printed
    assert "nothing to run" in printed
    assert records_of(study) == before
