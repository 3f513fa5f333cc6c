"""`ray job submit --working-dir .` on a cluster with a dashboard, as docs/operations.md has it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cluster.processes import started, wait_for
from tests.cluster.test_watching import answer

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
SMALL = (
    *("--set", 'families=["linear"]', "--set", "search.trials=0", "--set", "distortions={}"),
    *("--set", "best_in_class.num_stream=[500]", "--set", "training.max_epochs=5"),
)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.long
def test_a_job_carries_the_code_to_the_workers(tmp_path: Path) -> None:
    """The working tree goes up as the job's working_dir, and `study` as the workers' py_modules."""
    subprocess.run([RAY, "get-auth-token", "--generate"], capture_output=True, check=True)
    port, dashboard = free_port(), free_port()
    tree = tmp_path / "tree"  # with a change that an installed package would not have
    for package in ("classcomp", "search_spaces", "study"):
        shutil.copytree(ROOT / package, tree / package)
    spaces = tree / "search_spaces/linear.py"
    spaces.write_text(spaces.read_text() + '\nDEFAULTS = {**DEFAULTS, "batch_size": 7}\n')
    ray_folder = Path(tempfile.mkdtemp(prefix="r"))
    head = [
        *(RAY, "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}"),
        *(f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={free_port()}"),
        *("--num-cpus=2", "--disable-usage-stats"),
    ]
    place = f"http://127.0.0.1:{dashboard}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # a job's `python` is the head's
    environment = {"RAY_AUTH_MODE": "token", "RAY_TMPDIR": str(ray_folder), "PATH": path}
    token = subprocess.run([RAY, "get-auth-token"], capture_output=True, text=True, check=True)
    with started(head, log=tmp_path / "head", **environment):

        def is_up() -> bool:
            try:
                return answer(f"{place}/api/version", token.stdout.strip())[0] == 200
            except OSError:
                return False

        wait_for(is_up, "the cluster's dashboard")
        job = [
            *(RAY, "job", "submit", "--address", place, "--working-dir", ".", "--"),
            *("python", "-m", "study.run", "smoke", "--cluster"),
            *("--results", str(tmp_path / "results"), *SMALL),
        ]

        def submitted() -> subprocess.CompletedProcess[str] | None:
            done = subprocess.run(
                job,
                cwd=tree,
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=500,
            )
            return None if "No available agent" in done.stderr else done

        done = wait_for(submitted, "the agent that starts jobs")
        assert done.returncode == 0, done.stdout + done.stderr
    report = tmp_path / "results/smoke/report/index.html"
    assert f"report: {report}" in done.stdout
    ledger = (tmp_path / "results/smoke/ledger/000001.jsonl").read_text()
    assert ledger.count('"batch_size": 7') == ledger.count("\n") > 0
    assert '"status": "failed"' not in ledger
    shutil.rmtree(ray_folder, ignore_errors=True)
