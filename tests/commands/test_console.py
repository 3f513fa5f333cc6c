"""The command `classcomp`, what completes it, and what the commands need."""

import subprocess
import sys
from pathlib import Path

import pytest

from study import console, run
from study.driving import _same_command
from study.recipes import recipe_names

QUICKSTART = Path(__file__).parents[2] / "ray_results/reference/quickstart"


def test_its_commands_are_the_modules(capsys: pytest.CaptureFixture[str]) -> None:
    for name in console.COMMANDS:
        with pytest.raises(SystemExit) as ended:
            console.main([name, "--help"])
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: classcomp {name} ")
    assert console.main(["status", "no/such/folder"]) == 2
    assert capsys.readouterr().err.startswith("study.status: no/such/folder: there is no study.")


@pytest.mark.parametrize(
    ("words", "begin"),
    [
        (["rnu"], "classcomp: argument run|status|report: invalid choice: 'rnu'"),
        (["status"], "study.status: the following arguments are required: DIR"),
        (["report", "--colour", "x"], "study.report: unrecognized arguments: --colour"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    words: list[str], begin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        console.main(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(begin)


def test_alone_it_tells_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main([]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in console.COMMANDS)


def test_bash_completes_recipes_options_and_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a bash that has sourced the script, as a user's has."""
    with pytest.raises(SystemExit):
        console.main(["--print-completion", "bash"])
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "mine.toml").touch()

    def completed(*words: str) -> set[str]:
        ask = (
            f"source {script}; COMP_WORDS=(classcomp {' '.join(words)}); "
            f"COMP_CWORD={len(words)}; _shtab_classcomp; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
        done = subprocess.run(
            ["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return set(done.stdout.split())

    assert completed("st") == {"status"}
    assert completed("run", "quick") == {"quickstart"}
    assert completed("run", "mi") >= {"mine.toml", *(n for n in recipe_names() if n[:2] == "mi")}
    assert completed("run", "--dr") == {"--dry-run"}
    assert completed("report", "--fo") == {"--follow"}


def test_without_the_sweeps_packages_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that nothing has, as on a laptop where nothing of the sweep is installed."""
    monkeypatch.setattr(run, "SWEEP", ("json", "no_such_engine", "no_such_network"))
    assert run.main(["smoke", "--dry-run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("study.run: not installed: no_such_engine, no_such_network; ")
    assert line.endswith('pip install -e ".[sweep]")')


def test_what_a_run_needs_is_not_imported_to_say_so() -> None:
    code = (
        "import sys; sys.path_importer_cache.clear(); import study.run; "
        "held = {'ray', 'torch', 'optuna', 'sklearn', 'jaxtyping', 'pydantic'} & set(sys.modules); "
        "sys.exit(str(held) if held else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("called", "line"),
    [
        (["/usr/bin/classcomp", "run", "a b"], "classcomp run 'a b'"),
        (["/x/study/run.py", "smoke"], "python -m study.run smoke"),
    ],
)
def test_the_line_that_goes_on_is_the_one_that_was_typed(
    called: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", called)
    assert _same_command() == line
