"""What others do to a study while it runs: it is said at once, and nothing finished is lost."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.attacking import check_line
from tests.cluster.driving import (
    ONE_SLOW,
    SLOW_TRIAL,
    SMALL,
    driver,
    marked,
    records_of,
    wait_until,
    workers_on,
)

LIMIT_S = 20.0
LONG = SMALL.replace("seeds = 3", "seeds = 300")
"""Minutes of it on one CPU, of which the first finish in seconds."""
Finish = Callable[..., tuple[int, str]]


def only_line(printed: str) -> str:
    (line,) = [line for line in printed.splitlines() if line.startswith("study.run: ")]
    assert "Traceback" not in printed, printed
    check_line(line)
    return line


@pytest.mark.long
@pytest.mark.parametrize("how", ["deleted", "ledger deleted", "moved"])
def test_results_that_go_away_end_the_study(
    how: str, finish_shared: Finish, shared_ray: str, tmp_path: Path
) -> None:
    study, away = tmp_path / "results/small", tmp_path / "away"
    with driver(LONG, tmp_path, "--cluster", "--address", shared_ray) as process:
        wait_until(lambda: len(records_of(study)) > 2)
        if how == "moved":
            study.rename(away)
        else:
            shutil.rmtree(study / "ledger" if how == "ledger deleted" else study)
        status, printed = process.wait(), process.printed()
    assert status == 2, printed
    assert "was deleted or moved while the study ran" in only_line(printed)
    assert not list(tmp_path.glob("results/small/*.parquet")), "no tables that pretend"
    assert not (study / "report").exists()
    if how == "moved":
        away.rename(study)
        kept = records_of(study)
        status, printed = finish_shared(SMALL, tmp_path)
        assert status == 0, printed
        assert records_of(study)[: len(kept)] == kept
        assert len({record["trial_id"] for record in records_of(study)}) >= 27


@pytest.mark.slow
def test_a_terminal_that_hangs_up_ends_the_study(shared_ray: str, tmp_path: Path) -> None:
    study = tmp_path / "results/small"
    with driver(LONG, tmp_path, "--cluster", "--address", shared_ray) as process:
        wait_until(lambda: len(records_of(study)) > 2)
        os.kill(process.pid, signal.SIGHUP)
        status, printed = process.wait(), process.printed()
    assert status == 130, printed
    assert f"interrupted: {len(records_of(study))} finished trials are kept in" in printed
    assert (study / "trials.parquet").is_file()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["gcs_server", "raylet"])
def test_a_local_ray_that_is_killed_ends_the_study(
    kind: str, finish_shared: Finish, tmp_path: Path
) -> None:
    study = tmp_path / "results/slow"
    with driver(ONE_SLOW, tmp_path) as process:
        wait_until(lambda: len(records_of(study)) == 2 and workers_on(process.mark, SLOW_TRIAL))
        kept = records_of(study)
        found = marked(process.mark)
        (pid,) = [p for p, command in found.items() if f"/{kind}" in command.split(" ")[0]]
        os.kill(pid, signal.SIGKILL)
        status, printed = process.wait(), process.printed()
        wait_until(lambda: not marked(process.mark), LIMIT_S)  # nothing of Ray stays behind
    assert status == 4, printed
    line = only_line(printed)
    assert line.startswith("study.run: Ray has ended: somebody killed its ")
    assert "to go on, type: python -m study.run" in line
    assert records_of(study) == kept
    status, printed = finish_shared(ONE_SLOW.replace("restarts = 1", "restarts = 0"), tmp_path)
    assert status == 0, printed
    assert records_of(study) == kept


@pytest.mark.slow
@pytest.mark.parametrize(
    "limit",
    [
        "-n 64",
        *(pytest.param(limit, marks=pytest.mark.long) for limit in ("-v 4000000", "-f 1000")),
    ],
)
def test_a_limit_that_is_too_low_is_a_line(limit: str, tmp_path: Path) -> None:
    """As a shell sets it, before Python starts."""
    from tests.cluster.driving import Process

    (tmp_path / "study.toml").write_text(ONE_SLOW)
    import shlex
    import sys

    command = [sys.executable, "-m", "study.run", str(tmp_path / "study.toml")]
    place = ["--results", str(tmp_path / "results"), "--no-dashboard"]
    shell = f"ulimit {limit} && exec {shlex.join([*command, *place])}"
    process = Process(["bash", "-c", shell], tmp_path)
    try:
        status, printed = process.wait(), process.printed()
    finally:
        process.end()
    assert status == 2, printed
    assert f"(ulimit {limit[:2]}); a local study needs" in only_line(printed)
