"""The command, as a user types it: a whole study on a real local Ray, and every wrong request."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from classcomp.populations import staging
from study import report
from study.planning.plan import total_by_role
from study.request.reading import read_spec
from study.run import main
from tests.cluster.driving import finish_here
from tests.golden.records import STUDIES, assert_same_metrics, golden, timeless


def run_study(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "study.run", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=500)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("results")
    done = run_study("smoke", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.slow
class TestSmoke:
    def test_ends_with_the_landscape_and_the_report(self, smoke: tuple[Path, str]) -> None:
        folder, printed = smoke
        assert "approximation" in printed
        assert "xor(sigma=0.5) · label noise · n = 64" in printed
        assert "ray" not in printed.lower().replace("ray_results", "")
        assert (folder / "ray_results/smoke/report/index.html").is_file()
        assert printed.rstrip().endswith("report: ray_results/smoke/report/index.html")

    def test_leaves_every_promised_file(self, smoke: tuple[Path, str]) -> None:
        directory = smoke[0] / "ray_results/smoke"
        promised = (
            *("study.toml", "provenance.json", "ledger", "trials.parquet", "trials.csv"),
            *("curves.parquet", "landscape.parquet", "landscape.csv", "optuna.journal"),
        )
        assert [name for name in promised if not (directory / name).exists()] == []
        assert json.loads((directory / "provenance.json").read_text())["name"] == "smoke"

    def test_every_role_ran_as_planned(self, smoke: tuple[Path, str]) -> None:
        trials = pd.read_parquet(smoke[0] / "ray_results/smoke/trials.parquet")
        counts = trials["role"].value_counts().to_dict()
        assert counts == dict(total_by_role(read_spec("smoke")))
        assert set(trials["status"]) <= {"done", "stopped"}
        assert set(trials.loc[trials["role"] != "search", "status"]) == {"done"}

    def test_every_record_is_what_it_was(self, smoke: tuple[Path, str]) -> None:
        (segment,) = (smoke[0] / "ray_results/smoke/ledger").glob("*.jsonl")
        records = [json.loads(line) for line in segment.read_text().splitlines()]
        held = golden()["studies"]["smoke"]
        assert {record["trial_id"] for record in records} == set(held)
        for record in records:
            was = held[record["trial_id"]]
            assert record["status"] == was["status"]
            assert_same_metrics(timeless(record["metrics"]), was["metrics"], record["trial_id"])
            assert len(record["code"]) == 12
            assert record["task"] == "classification"

    def test_exhibits_are_kept_of_the_first_seed(self, smoke: tuple[Path, str]) -> None:
        trials = pd.read_parquet(smoke[0] / "ray_results/smoke/trials.parquet")
        first = trials[(trials["role"] == "measure") & (trials["seed"] == 0)]
        folder = smoke[0] / "ray_results/smoke/exhibits"
        assert {path.stem for path in folder.iterdir()} == set(first["trial_id"])

    def test_errors_add_up_in_every_row(self, smoke: tuple[Path, str]) -> None:
        landscape = pd.read_parquet(smoke[0] / "ray_results/smoke/landscape.parquet")
        assert len(landscape) == 4
        parts = ["approximation", "objective", "estimation", "optimization"]
        assert (landscape[parts].sum(axis=1) - landscape["total"]).abs().max() <= 1e-12

    def test_what_was_printed_is_in_the_log(self, smoke: tuple[Path, str]) -> None:
        place, printed = smoke
        head, *lines = (place / "ray_results/smoke/study.log").read_text().splitlines()
        assert head.endswith(" python -m study.run smoke")
        last = [line for line in printed.splitlines() if line][-1]
        assert last == "report: ray_results/smoke/report/index.html"
        assert last in lines
        assert any(line.startswith("search ") for line in lines)  # of stderr too

    def test_a_terminal_without_dashes_and_dots_is_no_reason_to_fail(
        self, smoke: tuple[Path, str]
    ) -> None:
        commands = (["study.status", "ray_results/smoke"], ["study.run", "smoke"])
        for command in commands:
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=smoke[0],
                env={**os.environ, "PYTHONIOENCODING": "ascii"},
                capture_output=True,
                timeout=500,
            )
            assert done.returncode == 0, done.stderr
            assert b" ? " in done.stdout

    def test_again_runs_nothing_and_more_seeds_run_alone(
        self, smoke: tuple[Path, str], finish_shared: Callable[..., tuple[int, str]]
    ) -> None:
        results = ("--results", str(smoke[0] / "ray_results"))
        ledger = smoke[0] / "ray_results/smoke/ledger"
        before = {path: path.read_bytes() for path in ledger.glob("*.jsonl")}
        status, printed = finish_shared("smoke", smoke[0], *results)
        assert status == 0, printed
        assert "nothing to run" in printed
        assert {path: path.read_bytes() for path in ledger.glob("*.jsonl")} == before
        status, printed = finish_shared("smoke", smoke[0], *results, "--set", "seeds=3")
        assert status == 0, printed
        (added,) = set(ledger.glob("*.jsonl")) - set(before)
        records = [json.loads(line) for line in added.read_text().splitlines()]
        assert {record["seed"] for record in records} == {2}
        assert {record["role"] for record in records} == {"measure"}

    def test_the_report_alone_comes_from_the_table_alone(
        self, smoke: tuple[Path, str], tmp_path: Path
    ) -> None:
        table = smoke[0] / "ray_results/smoke/trials.parquet"
        assert report.main([str(table), "--out", str(tmp_path)]) == 0
        assert list(tmp_path.rglob("index.html"))


@pytest.mark.long
def test_every_family_is_what_it_was(tmp_path: Path) -> None:
    done = run_study(STUDIES["families"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (segment,) = (tmp_path / "ray_results/families/ledger").glob("*.jsonl")
    found = [json.loads(line) for line in segment.read_text().splitlines()]
    was = golden()["studies"]["families"]
    for record in found:
        if record["trial_id"] in was:  # elsewhere a last digit may have led a search astray
            known = was[record["trial_id"]]
            assert record["status"] == known["status"]
            assert_same_metrics(timeless(record["metrics"]), known["metrics"], record["trial_id"])
    assert len(found) == len(was)
    assert len({record["trial_id"] for record in found} & was.keys()) > 0.6 * len(was)


GOOD = """
name = "wrong"
families = ["linear"]
depths = [1]
seeds = 2
num_train = [64]
[[populations]]
name = "xor"
"""

WRONG = {
    "unknown key": (GOOD.replace("seeds", "seedz"), ("seedz", "allowed are")),
    "unknown family": (GOOD.replace('"linear"', '"lineal"'), ("families", "allowed are linear")),
    "negative seeds": (GOOD.replace("seeds = 2", "seeds = -2"), ("seeds = -2", "at least 1")),
    "depth 0": (GOOD.replace("depths = [1]", "depths = [0]"), ("depths.0 = 0", "at least 1")),
    "severity": (GOOD + "[distortions]\nlabel_noise = [0.5]\n", ("distortions.label_noise", "0.5")),
    "distortion": (GOOD + "[distortions]\nblur = [0.5]\n", ("distortions", "allowed are label")),
    "population": (GOOD.replace('"xor"', '"nor"'), ("populations.0", "nor", "xor")),
    "parameter": (GOOD + "sigma = -1\n", ("populations.0", "sigma", "-1")),
    "broken TOML": (GOOD.replace("]]", "]"), ("is not TOML",)),
    "missing data": (
        GOOD.replace('"xor"', '"mnist"'),
        ("populations", "mnist", "CLASSCOMP_DATA", "no network in this test"),
    ),
    "too few data": (
        GOOD.replace('"xor"', '"digits"').replace("[64]", "[5000]"),
        ("num_train = 5000", "digits", "allowed are 8 to"),
    ),
    "points for images": (
        GOOD.replace('"linear"', '"vgg"') + 'rendering = "none"\n',
        ("families", "vgg", "allowed there are linear"),
    ),
    "missing key": (GOOD.replace("depths = [1]", ""), ("depths", "is missing")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_study_file_is_one_line_and_exit_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(root: str, *, download: bool) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(staging, "_reader", lambda name: offline)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text, expected = WRONG[case]
    path = tmp_path / "study.toml"
    path.write_text(text)
    assert main([str(path), "--results", str(tmp_path / "results")]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert all(part in line for part in expected), line
    assert captured.out == ""


@pytest.mark.slow
def test_a_trial_that_fits_nowhere_is_one_line_and_exit_2(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    large = GOOD + "[resources]\ncpus_per_trial = 4096\n"
    status, printed = finish_shared(large, tmp_path)
    assert status == 2
    line = printed.strip().splitlines()[-1]
    assert line.startswith("study.run: resources")
    assert "4096" in line


def test_no_cluster_is_one_line_and_exit_2(tmp_path: Path) -> None:
    status, printed = finish_here("127.0.0.1:1", "smoke", tmp_path)
    assert status == 2
    told, line = printed.strip().splitlines()
    assert "settle" in told  # smoke's steps are too few for it
    assert "no Ray cluster answers at 127.0.0.1:1" in line


@pytest.mark.slow
def test_the_dry_run_tells_trials_and_cost_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["smoke", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    for role, count in total_by_role(read_spec("smoke")).items():
        (row,) = [line for line in printed.splitlines() if f" {role} " in line]
        assert f" {count} " in row
    assert not (tmp_path / "ray_results").exists()
