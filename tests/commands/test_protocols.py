"""A study that was begun under another protocol: one line of every command that would go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from study import run, status
from study.planning.plan import next_trials
from study.request.reading import write_spec
from study.request.spec import StudySpec
from study.storage.ledger import Ledger
from tests.small_study import record_of

SAID = (
    "5 of its trials are of another protocol (identity version 1, this program's is 2); give the "
    "study another --name"
)


@pytest.fixture
def old(tmp_path: Path, make_spec: Callable[..., StudySpec]) -> Path:
    """As the first protocol left it: a role and keys of a study file that are no more."""
    folder, spec = tmp_path / "small", make_spec(search={"trials": 0})
    with Ledger(folder / "ledger").locked() as ledger:
        for trial in next_trials(spec, [])[:5]:
            ledger.append({**record_of(trial), "schema": 1, "role": "resubstitution"})
    write_spec(spec, folder / "study.toml")
    write_spec(spec, tmp_path / "mine.toml")
    text = (folder / "study.toml").read_text()
    assert "[search]\n" in text
    text = text.replace("[search]\n", "[search]\nmax_epochs = 20\n")
    (folder / "study.toml").write_text(text)
    return folder


def kept(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path: path.read_bytes() for path in files}


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_run_does_not_go_on_with_it(
    more: tuple[str, ...], old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = str(old.parent / "mine.toml")
    before = kept(old)
    assert run.main([mine, "--results", str(old.parent), *more]) == 2
    assert line_of(capsys) == f"study.run: {old}: {SAID}"
    assert kept(old) == before


def test_its_status_says_so(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.main([str(old)]) == 2
    assert line_of(capsys) == f"study.status: {old}: {SAID}"
