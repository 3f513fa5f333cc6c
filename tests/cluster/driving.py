"""Drivers and clusters as processes of their own, watched from outside and ended by their ids.

Every process that a `Process` starts carries a mark in its environment, which its children
inherit: so what a killed driver leaves behind is found, and nothing else is touched.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.run import main
from tests import RAYS_TOKEN

MARK = "CLASSCOMP_TEST_MARK"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
"""Of a bucket on loopback. Workers have their environment from their node, not from a driver."""
PATIENCE_S = 240
"""No driver of these tests may take longer, on a machine that does other things as well."""

SMALL = """
name = "small"
families = ["linear"]
depths = [1]
seeds = 3
num_train = [32, 64]
[[populations]]
name = "xor"
[distortions]
label_noise = [0.0, 0.2]
[search]
trials = 3
sampler = "random"
grace_share = 0.3
[training]
budget_epochs = 3
max_epochs = 15
[best_in_class]
restarts = 1
num_stream = [256]
[limit]
restarts = 1
num_stream = [256]
"""
"""27 trials, a fraction of a second each."""

ONE_SLOW = """
name = "slow"
families = ["linear"]
depths = [1]
seeds = 1
num_train = [32]
[[populations]]
name = "xor"
[training]
budget_epochs = 2
max_epochs = 15
[best_in_class]
restarts = 1
num_stream = [100000000]
[limit]
restarts = 1
num_stream = [256]
"""
"""One trial takes many minutes and starts first, the other two next to nothing."""
SLOW_TRIAL = "linear d1 xor n=100000000 best_in_class"


class Process:
    """A command with a mark on all its children, in a session of its own."""

    def __init__(self, command: list[str], cwd: Path, **environment: str) -> None:
        self.mark = uuid.uuid4().hex
        self.log = cwd / f"{self.mark}.log"
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                command,
                cwd=cwd,
                env=_environment(self.mark, environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        return self._popen.wait(patience_s)

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """`kill -9` of the process itself; its children see to themselves."""
        self._popen.kill()
        self._popen.wait(10)

    def end(self) -> None:
        """Ends whatever carries the mark, and waits until it is gone."""
        wait_until(lambda: not _killed(self.mark), 30)
        self._popen.wait(10)


def run_study(text: str, folder: Path, *arguments: str, **environment: str) -> Process:
    """Starts `python -m study.run` on a study file with this text, results in `folder/results`."""
    file = folder / "study.toml"
    file.write_text(text)
    command = [sys.executable, "-m", "study.run", str(file)]
    place = [] if "--results" in arguments else ["--results", str(folder / "results")]
    return Process([*command, *place, "--no-dashboard", *arguments], folder, **environment)


@contextmanager
def driver(text: str, folder: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    """A driver that is gone at the end, with all that it started."""
    process = run_study(text, folder, *arguments, **environment)
    try:
        yield process
    finally:
        process.end()


def finish(text: str, folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Runs a driver to its end; its exit status and what it printed."""
    with driver(text, folder, *arguments, **environment) as process:
        return process.wait(), process.printed()


def finish_here(address: str, study: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """As `finish`, in this process and on a Ray that is there; `study` may be a recipe, too."""
    file = folder / "study.toml"
    if "\n" in study:
        file.write_text(study)
    place = [] if "--results" in arguments else ["--results", str(folder / "results")]
    command = [str(file) if "\n" in study else study, "--cluster", "--address", address]
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        status = main([*command, *place, *arguments])
    return status, printed.getvalue()


def records_of(study: Path) -> list[dict[str, Any]]:
    """Every whole line of a study's ledger, repetitions included."""
    segments = sorted((study / "ledger").glob("*.jsonl"))
    lines = [line for s in segments for line in s.read_bytes().split(b"\n")[:-1]]
    return [json.loads(line) for line in lines]


def results_of(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Records by trial, without what a clock, a machine or a retry puts there."""
    return {record["trial_id"]: _timeless(record) for record in records}


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Looks often; fails when patience is over."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"waited {patience_s} s in vain"
        time.sleep(0.05)


def marked(mark: str) -> dict[int, str]:
    """Command lines of the living processes that carry a mark, by process id."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if command:  # a zombie has none
                    found[int(folder.name)] = command
        except (OSError, ValueError):
            continue
    return found


def workers_on(mark: str, title: str) -> list[int]:
    """Ray's workers that train the trial of this title just now."""
    return [pid for pid, command in marked(mark).items() if command == f"ray::{title}"]


@dataclass
class Cluster:
    """Nodes on loopback of different sizes: the first, the head, has one CPU, the next two."""

    address: str
    nodes: list[Process]

    def kill_raylet(self, node: int) -> None:
        """`kill -9` of a node's raylet."""
        found = marked(self.nodes[node].mark)
        (raylet,) = [pid for pid, command in found.items() if "/raylet/raylet " in command]
        os.kill(raylet, signal.SIGKILL)


@contextmanager
def cluster(
    num: int, folder: Path, wraps: Mapping[int, list[str]] | None = None, **environment: str
) -> Iterator[Cluster]:
    """A cluster of `num` nodes.

    Args:
        num: nodes.
        folder: for logs.
        wraps: commands that start a node's own, by its number.
        environment: what the nodes have in their environment besides ours.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    made = Cluster(address=address, nodes=[])
    try:
        for number in range(num):
            wrap = (wraps or {}).get(number, [])
            made.nodes.append(_start_node(number, address, folder, wrap, environment))
        yield made
    finally:
        for node in reversed(made.nodes):
            node.end()


def _start_node(
    number: int, address: str, folder: Path, wrap: list[str], environment: Mapping[str, str]
) -> Process:
    ray = shutil.which("ray", path=Path(sys.executable).parent)
    assert ray is not None
    role = (
        ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
        if number == 0
        else [f"--address={address}"]
    )
    place = f"--node-ip-address=127.0.0.{number + 1}"
    common = [place, f"--num-cpus={number + 1}", "--disable-usage-stats"]
    node = Process([*wrap, ray, "start", *role, *common], folder, **environment)
    assert node.wait() == 0, node.printed()
    return node


def _killed(mark: str) -> dict[int, str]:
    found = marked(mark)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return found


def _environment(mark: str, added: Mapping[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("RAY_ADDRESS", "PYTEST_CURRENT_TEST")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **threads, **RAYS_TOKEN, MARK: mark, **added}


def _timeless(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in record.items() if k not in ("finished_at", "node", "attempt")}
    kept["metrics"] = {k: v for k, v in record["metrics"].items() if k not in ("wall_s", "cpu_s")}
    kept["curves"] = [
        {k: v for k, v in point.items() if k != "wall_s"} for point in record["curves"]
    ]
    return kept
