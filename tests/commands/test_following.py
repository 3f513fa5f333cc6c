"""A running study's report: made again as trials finish, and served to this machine alone."""

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.following import Follower, follow, served
from study.planning.plan import planned_trials
from study.report import main, write_report
from study.request.reading import write_spec
from study.request.spec import StudySpec
from study.storage.ledger import Ledger
from tests.small_study import record_of

KNOWN = {"risk": 0.2, "risk_se": 0.01, "excess_risk": 0.1, "bayes_risk": 0.1, "bayes_risk_se": 0.0}


def record(trial: Any) -> dict[str, Any]:
    return record_of(trial, metrics={**KNOWN, "converged": True, "converged_risk": 0.15})


@pytest.fixture
def study(tmp_path: Path, make_spec: Callable[..., StudySpec]) -> tuple[Path, list[Any]]:
    """A study with two trials in its ledger and no tables, as while it runs; its other trials."""
    spec = make_spec(families=["linear"], depths=[1], search={"trials": 0}, num_train=[64])
    write_spec(spec, tmp_path / "study/study.toml")
    trials = [trial for trial in planned_trials(spec) if trial.role == "measure"]
    add(tmp_path / "study", trials[:2])
    return tmp_path / "study", trials[2:]


def add(place: Path, trials: list[Any]) -> None:
    with Ledger(place / "ledger").locked() as ledger:
        for trial in trials:
            ledger.append(record(trial))


def answer(address: str, path: str, host: str | None = None) -> tuple[int, str]:
    place = address.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(place, timeout=20)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    found = connection.getresponse()
    text = found.read().decode(errors="replace")
    connection.close()
    return found.status, text


def test_the_page_is_made_again_as_trials_finish(
    study: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    place, left = study
    before = sorted(path.name for path in place.iterdir())
    follower = Follower(str(place), tmp_path, write_report)
    assert follower.look()
    assert not follower.look()  # nothing is new
    with served(follower) as address:
        status, page = answer(address, "/")
        assert status == 200
        assert "measure: 2 done" in page
        assert page.rindex("location.reload()") < page.rindex("</body>")
        assert answer(address, "/version") == (200, "1")
        add(place, left[:1])
        assert follower.look()
        assert answer(address, "/version") == (200, "2")
        assert "measure: 3 done" in answer(address, "/")[1]
        figures = [part.partition('"')[0] for part in page.split('src="figures/')[1:]]
        for figure in figures:
            assert answer(address, f"/figures/{figure}")[0] in (200, 404)
    assert sorted(path.name for path in place.iterdir()) == before  # the study is only read
    assert [path.name for path in tmp_path.iterdir() if path.name.isdigit()] == ["2"]


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/../study/study.toml", None, 404),
        ("/%2e%2e/trials.parquet", None, 404),
        ("/figures/", None, 404),  # nobody looks around
        ("/", "attacker.example:80", 403),
        ("/version", "attacker.example", 403),
        ("/", "localhost:1", 200),
    ],
)
def test_it_is_served_to_nobody_else(
    path: str, host: str | None, status: int, study: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    follower = Follower(str(study[0]), tmp_path, write_report)
    follower.look()
    with served(follower) as address:
        assert address.startswith("http://127.0.0.1:")
        assert answer(address, path, host)[0] == status


def test_it_follows_until_it_is_interrupted(
    study: tuple[Path, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, left = study
    told: list[str] = []

    def slept(seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        add(place, [left.pop()])

    monkeypatch.setattr("study.following.time.sleep", slept)
    num_left = len(left)
    with pytest.raises(KeyboardInterrupt):
        follow(str(place), write_report, told.append)
    assert told[0].endswith(f"/ follows {place}; Ctrl-C ends it")
    assert told[1:] == [f"{num} trials" for num in range(2, 3 + num_left)]


def test_the_command_ends_with_130(
    study: tuple[Path, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("study.following.time.sleep", pressed)
    assert main([str(study[0]), "--follow"]) == 130
    printed = capsys.readouterr()
    assert printed.out.startswith("http://127.0.0.1:")
    assert printed.err == ""


def test_what_is_no_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--follow"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no study.toml" in line
    (tmp_path / "study.toml").write_text("families = 3")
    assert main([str(tmp_path), "--follow"]) == 2
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--follow", "--latex"])
