"""A network and data of the user's own on two nodes, one of which does not see their files."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster.driving import Process, cluster
from tests.e2e.test_own import STUDY, write_files

SMALLER = (
    STUDY.replace('"mynet", "neighbour", "linear"', '"mynet", "neighbour"')
    .replace("depths = [1, 2]", "depths = [1]")
    .replace("seeds = 2", "seeds = 3")
)


@pytest.mark.slow
def test_code_and_data_travel_with_the_study(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    file = write_files(source, SMALLER)
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    blind = ["sh", "-c", f'mount -t tmpfs tmpfs {source} && exec "$@"', "sh"]
    with cluster(2, tmp_path, {1: [*namespace, *blind]}) as nodes:
        status, printed = run(file, tmp_path, "--cluster", "--address", nodes.address)
    assert status == 0, printed
    trials = pd.read_parquet(tmp_path / "results/own/trials.parquet")
    assert set(trials["status"]) <= {"done", "stopped"}
    assert set(trials["family"]) == {"mynet", "neighbour"}
    assert len({name.partition("(")[0] for name in trials["population"]}) == 3


def run(file: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """A driver on a study file that lies elsewhere than its results."""
    process = Process(
        [
            *(sys.executable, "-m", "study.run", str(file)),
            *("--results", str(folder / "results"), "--no-dashboard", *arguments),
        ],
        folder,
    )
    try:
        return process.wait(), process.printed()
    finally:
        process.end()
