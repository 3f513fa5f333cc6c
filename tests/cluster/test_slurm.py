"""`deploy/slurm.sh` itself, on one node, with stand-ins for Slurm's two commands."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.cluster.driving import SMALL, Process, records_of

ROOT = Path(__file__).parents[2]
SCONTROL = """#!/bin/sh
[ "$*" = "show hostnames 127.0.0.1" ] && echo 127.0.0.1
"""
SRUN = """#!/bin/sh
[ "$1" = "--kill-on-bad-exit=0" ] && shift && exec "$@"
"""


@pytest.mark.long
def test_the_script_runs_a_study_to_its_report(tmp_path: Path) -> None:
    """In a process namespace: `ray symmetric-run` ends with `ray stop`, which stops all it sees."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    (tmp_path / "study.toml").write_text(SMALL)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    shutil.copy(ROOT / "deploy/slurm.sh", tmp_path)
    slurm = {
        "SLURM_JOB_ID": str(os.getpid()),  # the port follows from it
        "SLURM_JOB_NODELIST": "127.0.0.1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_CPUS_PER_TASK": "2",
        "PATH": f"{commands}:{os.environ['PATH']}",
    }
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    alone = ["unshare", *user, "--pid", "--fork", "--mount-proc", "--kill-child"]
    process = Process([*alone, "bash", "slurm.sh", "study.toml"], tmp_path, **slurm)
    try:
        assert process.wait() == 0, process.printed()
    finally:
        process.end()
    assert "report: " in process.printed()
    assert len(records_of(tmp_path / "ray_results/small")) == 27
