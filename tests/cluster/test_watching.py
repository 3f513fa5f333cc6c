"""A running study as it is watched: the dashboard, Prometheus, the status command."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.processes import descendants, listening, started, wait_for

ROOT = Path(__file__).parents[2]
STUDY = f"""
name = "watched"
families = ["linear"]
depths = [1]
seeds = 2
num_train = [64]
populations = [{{name = "xor"}}]
distortions = {{label_noise = {[0.0, *(i / 2500 for i in range(1, 1000))]}}}
training = {{budget_epochs = 2, max_epochs = 3}}
best_in_class = {{restarts = 1, num_stream = [500]}}
limit = {{restarts = 0}}
"""
NUM_TRIALS = 2 * 1000 + 1
"""More than can be done in the time of these tests; each role's first come early."""
ROLES_ASKED = {"measure", "best_in_class"}
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A study at work."""

    pid: int
    folder: Path
    log: Path
    dashboard: str
    token: str
    ray_folder: Path

    def status(self) -> str:
        command = [sys.executable, "-m", "study.status", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def roles(self) -> set[str]:
        segments = [s.read_text() for s in (self.folder / "ledger").glob("*.jsonl")]
        return set(re.findall(r'"role": "(\w+)"', "".join(segments)))

    def num_finished(self) -> int:
        segments = (self.folder / "ledger").glob("*.jsonl")
        return sum(segment.read_bytes().count(b"\n") for segment in segments)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A study that would take long, on a Ray of its own, its usual dashboard port taken."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "study.toml").write_text(STUDY)
    ray_folder = Path(tempfile.mkdtemp(prefix="r"))  # sockets need a short path
    command = [sys.executable, "-m", "study.run", "study.toml"]
    log = folder / "log"
    with (
        socket.socket() as taken,
        started(command, log=log, cwd=folder, RAY_TMPDIR=str(ray_folder)) as process,
    ):
        with suppress(OSError):  # then it is taken already
            taken.bind(("127.0.0.1", 8265))
            taken.listen()
        line = wait_for(
            lambda: re.search("^dashboard: .*", log.read_text(), re.MULTILINE), "the dashboard"
        )
        place, ray = re.fullmatch(
            r"dashboard: (http://\S+) \(its token: (\S+) get-auth-token\)", line.group()
        ).groups()
        token = subprocess.run([ray, "get-auth-token"], capture_output=True, text=True, timeout=240)
        study = Running(
            pid=process.pid,
            folder=folder / "ray_results/watched",
            log=log,
            dashboard=place,
            token=token.stdout.strip(),
            ray_folder=ray_folder,
        )
        wait_for(lambda: study.roles() >= ROLES_ASKED, "a trial of every role")
        yield study
    shutil.rmtree(ray_folder, ignore_errors=True)


def answer(url: str, token: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


@pytest.mark.slow
class TestRunningStudy:
    def test_the_dashboard_opens_to_its_token_only(self, running: Running) -> None:
        address = f"{running.dashboard}/api/version"
        assert answer(address)[0] == 401
        assert answer(address, "0" * 64)[0] == 403
        assert answer(address, running.token)[0] == 200

    def test_it_takes_another_port_where_the_usual_one_is_taken(self, running: Running) -> None:
        assert not running.dashboard.endswith(":8265")
        assert running.log.read_text().count("dashboard: ") == 1

    def test_nothing_listens_beyond_loopback(self, running: Running) -> None:
        places = listening([running.pid, *descendants(running.pid)])
        assert len(places) >= 8  # driver, GCS, raylet, agents, dashboard, workers
        assert {address for address, _ in places} <= LOOPBACK

    def test_tasks_are_named_after_their_cells(self, running: Running) -> None:
        def named() -> set[str]:
            tasks = f"{running.dashboard}/api/v0/tasks?limit=1000&detail=1"
            rows = json.loads(answer(tasks, running.token)[1])["data"]["result"]["result"]
            names = {row["name"] for row in rows if row["func_or_class_name"].endswith(".train")}
            return names if len(names) > 5 else set()

        names = wait_for(named, "names of tasks")
        title = r"linear d1 xor( label_noise=0\.\d+)? n=\d+( best_in_class)?"
        assert [name for name in names if not re.fullmatch(title, name)] == []
        assert len(names) > 5  # an actor that is used again is renamed

    def test_processes_carry_the_trial_as_title(self, running: Running) -> None:
        def titles() -> set[str]:
            pids = descendants(running.pid)
            found = {Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0") for pid in pids}
            return {title for title in found if title.startswith("ray::linear d1 xor ")}

        wait_for(titles, "a process with a trial's name")

    def test_status_while_it_runs(self, running: Running) -> None:
        before = running.num_finished()
        screen = running.status()
        after = running.num_finished()
        title = rf"watched · a driver is at work · (\d+) of {NUM_TRIALS} trials finished"
        found = re.match(title, screen)
        assert found is not None, screen
        assert before <= int(found.group(1)) <= after
        assert re.search(r"at work for \d+:\d\d · [\d.]+ trials a minute · about .* left", screen)

    def test_the_finished_trials_can_be_scraped(self, running: Running) -> None:
        """What Prometheus does, without Prometheus."""
        listed = running.ray_folder / "ray/prom_metrics_service_discovery.json"
        sample = re.compile(r"^ray_classcomp_trials\{(.*)\} ([\d.]+)$", re.MULTILINE)
        before = running.num_finished()

        def finished() -> int:
            places = [
                place for group in json.loads(listed.read_text()) for place in group["targets"]
            ]
            found = []
            for place in places:
                with suppress(urllib.error.URLError):  # listed, and not up yet
                    found += sample.findall(answer(f"http://{place}/metrics")[1].decode())
            count = sum(int(float(v)) for labels, v in found if 'study="watched"' in labels)
            return count if count >= before else 0

        assert wait_for(finished, "a page with the finished trials") <= running.num_finished()

    @pytest.mark.long
    def test_prometheus_knows_the_finished_trials(self, running: Running, tmp_path: Path) -> None:
        assert shutil.which("prometheus"), (
            "this test needs Prometheus: sudo apt-get install --no-install-recommends prometheus"
        )
        config = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
        config["global"]["scrape_interval"] = "1s"
        (job,) = config["scrape_configs"]
        (targets,) = job["file_sd_configs"]
        (place,) = targets["files"]
        mine = Path(place).relative_to("/tmp")
        targets.update(files=[str(running.ray_folder / mine)], refresh_interval="1s")
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            *("prometheus", f"--config.file={tmp_path / 'prometheus.yml'}"),
            *(f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path / 'db'}"),
        ]
        before = running.num_finished()
        with started(command, log=tmp_path / "log") as process:

            def query(expression: str) -> list[dict[str, Any]]:
                values = urllib.parse.urlencode({"query": expression})
                with suppress(urllib.error.URLError):
                    status, body = answer(f"http://127.0.0.1:{port}/api/v1/query?{values}")
                    assert status in (200, 503), f"{expression}: {status}"
                    return json.loads(body)["data"]["result"] if status == 200 else []
                return []

            def finished() -> int:
                found = query('sum(ray_classcomp_trials{study="watched"})')
                count = int(found[0]["value"][1]) if found else 0
                return count if count >= before else 0

            count = wait_for(finished, "Prometheus to know the finished trials")
            assert before <= count <= running.num_finished()
            dashboard = json.loads((ROOT / "deploy/grafana/classcomp.json").read_text())
            expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
            searched = [e for e in expressions if "validation" in e]
            assert len(searched) == 2, "one of classifiers, one of other tasks"
            for expression in searched:
                assert query(expression.replace("$study", ".*")) == [], "nothing is searched here"
            expressions = [e for e in expressions if e not in searched]
            assert len(expressions) >= 10
            for expression in expressions:
                asked = re.sub(r"\[\d+m\]", "[30s]", expression.replace("$study", ".*"))
                wait_for(lambda asked=asked: query(asked), f"an answer to {asked}")
            assert {a for a, _ in listening([process.pid])} <= LOOPBACK


@pytest.mark.slow
def test_status_after_an_interruption(running: Running) -> None:
    os.kill(running.pid, signal.SIGINT)
    wait_for(lambda: "to go on: " in running.log.read_text(), "the study's last line")
    wait_for(lambda: "nobody at work" in running.status(), "the lock to be free")
    screen = running.status()
    assert f"{running.num_finished()} of {NUM_TRIALS} trials finished" in screen
    assert "left once resumed" in screen
