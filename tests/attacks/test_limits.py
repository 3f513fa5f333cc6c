"""What a process may have, whose its folders are, and what a trial needs of a machine."""

import os
import resource
import signal
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from classcomp import draws
from classcomp.training import best_in_class
from study.engine import private, signals
from study.engine.limits import LimitError, check_limits
from study.planning import cost
from study.planning.cost import check_cost
from study.request.reading import SpecError, parse_spec
from tests.small_study import TABLE

GIB = 2**30


# ---------------------------------------------------------------- limits of a process


@pytest.mark.parametrize(
    ("limit", "soft", "hard", "told"),
    [
        (resource.RLIMIT_NOFILE, 64, 64, "64 open files (ulimit -n); a local study needs 1,024"),
        (resource.RLIMIT_AS, GIB, GIB, "1,073,741,824 bytes of address space (ulimit -v)"),
        (resource.RLIMIT_FSIZE, 2**20, 2**20, "1,048,576 bytes of a file (ulimit -f)"),
    ],
)
def test_a_limit_that_is_too_low_is_a_line(
    limit: int, soft: int, hard: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = resource.getrlimit
    monkeypatch.setattr(resource, "getrlimit", lambda n: (soft, hard) if n == limit else real(n))
    with pytest.raises(LimitError) as error:
        check_limits()
    assert told in str(error.value)


def test_open_files_are_raised_as_far_as_they_may_be() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        check_limits()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (1_024, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# ---------------------------------------------------------------- other users of the machine


def test_rays_folder_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private.tempfile, "gettempdir", lambda: str(tmp_path))
    place = private.private_folder()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o777)
    assert private.private_folder() == place
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.parametrize("how", ["a file", "a link to a folder", "another's folder"])
def test_a_place_that_another_took_is_refused(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private.tempfile, "gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"classcomp-{os.getuid()}"
    if how == "a file":
        place.touch()
    elif how == "a link to a folder":
        (tmp_path / "theirs").mkdir()
        place.symlink_to(tmp_path / "theirs")
    else:
        uid = os.getuid() + 1
        (tmp_path / f"classcomp-{uid}").mkdir()
        monkeypatch.setattr(os, "getuid", lambda: uid)
    with pytest.raises(OSError, match="is not this user's own folder"):
        private.private_folder()


def test_rays_token_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    private.secure_token()
    path = tmp_path / ".ray/auth_token"
    token = path.read_text()
    assert len(token) == 64
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path.parent, path)] == [0o700, 0o600]
    path.chmod(0o644)
    private.secure_token()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == token


def test_what_killed_drivers_left_is_removed(tmp_path: Path) -> None:
    gone = 2**22 + 1  # no process has a number like that
    left = [f"session_2026-01-01_00-00-00_000000_{gone}", f"tune_abc_{gone}"]
    kept = [f"session_2026-01-01_00-00-00_000000_{os.getpid()}", "mine", f"tune_{os.getpid()}"]
    for name in (*left, *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / f"session_link_{gone}").symlink_to(tmp_path / "mine")
    private.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, f"session_link_{gone}"}
    assert (tmp_path / "mine/file").exists()
    private.sweep(tmp_path / "nowhere")


# ---------------------------------------------------------------- signals


def test_a_terminal_that_hangs_up_interrupts() -> None:
    with pytest.raises(KeyboardInterrupt), signals.raised():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_what_nohup_told_to_be_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.raised(), signals.noted(lambda: pytest.fail("it was heard")):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# ---------------------------------------------------------------- cost


def spec_of(population: Mapping[str, Any], **changes: Any) -> Any:
    whole = {**TABLE, "populations": [population], "distortions": {}, **changes}
    return parse_spec(whole, "test")


LARGE = {"name": "xor", "size": 64, "channels": 64}
LONG = {"training": {"budget_epochs": 10**11, "max_epochs": 10**12}}

COSTS: Mapping[str, tuple[Callable[[], Any], float, str]] = {
    "pictures of a megabyte": (lambda: spec_of(LARGE), 16 * GIB, "vgg on xor(sigma=0.5, size=64"),
    "pictures of a megabyte, on a larger machine": (lambda: spec_of(LARGE), 1000 * GIB, ""),
    "points of a megabyte's pictures": (
        lambda: spec_of(LARGE, families=["linear"]),
        16 * GIB,
        "",
    ),
    "a layer of a million units": (
        lambda: spec_of({"name": "xor"}, hyperparameters={"linear": {"width": 10**6}}),
        16 * GIB,
        "linear on xor",
    ),
    "a thousand times the budget of depth 8": (
        lambda: spec_of({"name": "xor"}, depths=[8], capacity=[1.0, 1024.0]),
        16 * GIB,
        "on xor",
    ),
    "four times the budget of depth 2": (
        lambda: spec_of({"name": "xor"}, capacity=[0.25, 4.0]),
        2 * GIB,
        "",
    ),
    "a billion examples": (lambda: spec_of({"name": "xor"}, num_train=[10**10]), 16 * GIB, "xor"),
    "a budget of years": (lambda: spec_of({"name": "xor"}, **LONG), 16 * GIB, "takes "),
    "a small machine": (lambda: spec_of({"name": "xor"}), 2**20, "this machine has"),
    "the small study": (lambda: parse_spec(TABLE, "test"), 2 * GIB, ""),
}


@pytest.mark.parametrize("what", COSTS)
def test_what_a_machine_is_too_small_for_is_a_line(what: str) -> None:
    make, memory, told = COSTS[what]

    def ask(*, insists: bool) -> list[str]:
        return check_cost(make(), None, memory=memory, side_by_side=1, insists=insists)

    if not told:
        assert ask(insists=False) == []
        return
    with pytest.raises(SpecError) as refused:
        ask(insists=False)
    assert told in str(refused.value)
    assert "insist with --force" in str(refused.value)
    (line,) = ask(insists=True)
    assert told in line


def test_trials_that_fit_alone_and_not_together_are_told() -> None:
    (line,) = check_cost(
        parse_spec(TABLE, "test"), None, memory=2 * GIB, side_by_side=64, insists=False
    )
    assert line.startswith("memory: 64 trials at once take up to ")


def test_samples_are_as_large_as_those_that_are_drawn() -> None:
    """`study.planning` may not import what draws them."""
    assert cost.EVALUATED == draws.EVALUATION_SIZE
    assert cost.SELECTED == draws.SELECTION_SIZE
    assert cost.PASSED == best_in_class.PASS_SIZE
