"""`kill -9` of the driver, again and again: every trial once, and the same numbers."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.driving import (
    SMALL,
    Process,
    driver,
    records_of,
    results_of,
    wait_until,
)

Finish = Callable[..., tuple[int, str]]

LARGE = SMALL.replace("seeds = 3", "seeds = 10").replace("depths = [1]", "depths = [1, 2]")
"""146 trials: enough for twenty lives of the driver."""


def kill_at(moment: str, process: Process, study: Path, rng: random.Random) -> None:
    """Lets the driver live until a random moment of its start, of its sweep or of its report."""
    begin = time.monotonic()
    before = len(records_of(study))
    if moment == "sweep":
        wanted = before + rng.randint(1, 6)
        wait_until(lambda: len(records_of(study)) >= wanted or not process.is_running)
        time.sleep(rng.uniform(0.0, 0.4))
    elif moment == "report":
        wait_until(lambda: (study / "trials.parquet").exists() or not process.is_running)
        time.sleep(rng.uniform(0.0, 1.0))
    else:
        wait_until(lambda: time.monotonic() - begin > rng.uniform(0.0, 8.0))
    assert process.is_running, process.printed()
    process.kill()


def lead_a_hard_life(
    finish: Finish, text: str, moments: list[str], folder: Path, quiet: Path, seed: int
) -> None:
    """Kills a study at these moments, then lets it finish, and compares with a quiet life."""
    rng = random.Random(seed)
    study = folder / "results/small"
    kept: list[str] = []
    for moment in moments:
        with driver(text, folder) as process:
            kill_at(moment, process, study, rng)
        now = [record["trial_id"] for record in records_of(study)]
        assert now[: len(kept)] == kept, "what was finished stays"
        kept = now
    status, printed = finish(text, folder)
    assert status == 0, printed
    records, expected = records_of(study), records_of(quiet)
    ids = [record["trial_id"] for record in records]
    assert len(ids) == len(set(ids)), "no trial ran to its end twice"
    assert results_of(records) == results_of(expected)
    assert {record["status"] for record in records} >= {"done", "stopped"}, "ASHA was at work"
    assert len(list((study / "ledger").glob("*.jsonl"))) >= moments.count("sweep")


@pytest.mark.slow
def test_two_moments(finish_shared: Finish, tmp_path: Path, quiet_study: Path) -> None:
    moments = ["sweep", "report"]
    lead_a_hard_life(finish_shared, SMALL, moments, tmp_path, quiet_study, seed=3)


@pytest.mark.long
def test_twenty_moments(finish_shared: Finish, tmp_path: Path) -> None:
    moments = ["sweep"] * 14 + ["start"] * 5
    random.Random(20).shuffle(moments)
    hard, quiet = tmp_path / "hard", tmp_path / "quiet"
    hard.mkdir()
    quiet.mkdir()
    status, printed = finish_shared(LARGE, quiet)
    assert status == 0, printed
    moments.append("report")
    lead_a_hard_life(finish_shared, LARGE, moments, hard, quiet / "results/small", seed=20)
