"""Workers and nodes that die, and a folder that a node does not see."""

import os
import signal
from pathlib import Path

import pytest

from tests.cluster.driving import (
    ONE_SLOW,
    SLOW_TRIAL,
    SMALL,
    cluster,
    driver,
    finish_here,
    marked,
    records_of,
    wait_until,
    workers_on,
)

# Trials that take many seconds, so that a node that dies takes some along, seen in time.
LASTING = (
    SMALL.replace('name = "small"', 'name = "lasting"')
    .replace("trials = 3", "trials = 0")
    .replace("num_stream = [256]", "num_stream = [600000]", 1)
    .replace("restarts = 1", "restarts = 3", 1)
    .replace("num_train = [32, 64]", "num_train = [32]")
)


@pytest.mark.slow
def test_a_node_that_dies_costs_a_repetition_and_nothing_else(tmp_path: Path) -> None:
    study = tmp_path / "results/lasting"
    with cluster(2, tmp_path) as nodes:
        arguments = ("--cluster", "--address", nodes.address)
        with driver(LASTING, tmp_path, *arguments) as process:
            second = nodes.nodes[1].mark
            wait_until(lambda: any(" best_in_class" in c for c in marked(second).values()))
            nodes.kill_raylet(1)
            status = process.wait()
            printed = process.printed()
    assert status == 0, printed
    records = records_of(study)
    assert len(records) == 11
    assert {record["status"] for record in records} == {"done"}
    retried = [record for record in records if record["attempt"] > 1]
    assert retried, "the node was in the middle of a trial"
    assert {record["role"] for record in retried} == {"best_in_class"}
    assert all(record["attempt"] == 2 for record in retried)


@pytest.mark.slow
def test_a_worker_that_the_system_kills_is_a_failed_row_in_the_end(tmp_path: Path) -> None:
    """As the kernel does when memory runs out: SIGKILL, each time the trial is tried."""
    study = tmp_path / "results/slow"
    killed: set[int] = set()
    with driver(ONE_SLOW, tmp_path) as process:

        def is_over() -> bool:
            for pid in set(workers_on(process.mark, SLOW_TRIAL)) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            return not process.is_running

        wait_until(is_over)
        printed = process.printed()
        assert process.wait() == 3, printed
    assert "Traceback" not in printed
    assert "1 trial failed" in printed
    records = {record["role"]: record for record in records_of(study)}
    lost = records["best_in_class"]
    assert len(killed) == 4
    assert (lost["status"], lost["attempt"]) == ("failed", 4)
    assert lost["error"].startswith("the worker died 4 times, at last: ")
    assert {records[role]["status"] for role in ("measure", "limit")} == {"done"}


@pytest.mark.long
def test_a_folder_that_a_node_does_not_see_is_refused(tmp_path: Path) -> None:
    """The second node has a file system of its own where the driver has its results."""
    results = tmp_path / "results"
    results.mkdir()
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    blind = ["sh", "-c", f'mount -t tmpfs tmpfs {results} && exec "$@"', "sh"]
    with cluster(2, tmp_path, {1: [*namespace, *blind]}) as nodes:
        status, printed = finish_here(nodes.address, SMALL, tmp_path)
    assert status == 2, printed
    (line,) = [line for line in printed.splitlines() if line.startswith("study.run: ")]
    assert "not seen by 1 of 2 nodes (127.0.0.2: it is not there)" in line
    assert "s3://bucket/prefix" in line
    assert "Traceback" not in printed
    assert records_of(results / "small") == []
    assert not list((results / "small").glob(".probe*"))
