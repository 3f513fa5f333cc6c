"""Study files and overrides from a stranger."""

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from classcomp.costs import Costs
from study import run
from tests.attacks.attacking import FINE, answer_of, check_answer
from tests.small_study import TABLE

COSTS = Costs(start_s=1e-3, example_s=1e-6, scoring_s=1e-3)

GOOD = tomli_w.dumps(TABLE)
DEEP = "is nested more than 32 deep"
LONG = "a whole number of more than 64 bits"
PARTS = "a key of more than 32 parts"


@pytest.fixture(autouse=True)
def no_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.engine.timing.timer", lambda address, data_dir: lambda trial: COSTS)


def with_key(text: str) -> bytes:
    """A good study file with a line before its tables."""
    return f"{text}\n{GOOD}".encode()


def changed(**changes: Any) -> bytes:
    return tomli_w.dumps({**json.loads(json.dumps(TABLE)), **changes}).encode()


def on(name: str, **parameters: Any) -> bytes:
    """The study on another population, undistorted."""
    return changed(populations=[{"name": name, **parameters}], distortions={}, families=["linear"])


def gaussians(covariance: Any, dim: int = 200, means: Any = None) -> bytes:
    points = means or [[0.0] * dim, [1.0] * dim]
    return on("gaussians", means=points, covariances=[covariance, 1.0], labels=[0, 1])


NOT_DEFINITE = [[1.0] * 200] * 200
RAGGED = [[0.0] * 3000, [1.0] * 2999]
NETWORK = {"name": "mine", "path": "nowhere.py:Mine"}

FILES: Mapping[str, tuple[bytes, str]] = {
    # ------------------------------------------------ how text is built
    "an array nested 20,000 deep": (b"x = " + b"[" * 20_000 + b"]" * 20_000, DEEP),
    "an array nested 20,000 deep that never closes": (b"x = " + b"[" * 20_000, DEEP),
    "an array nested 40 deep": (with_key("x = " + "[" * 40 + "]" * 40), DEEP),
    "inline tables nested 5,000 deep": (b"x = " + b"{a=" * 5_000 + b"1" + b"}" * 5_000, DEEP),
    "a dotted key of 20,000 parts": (with_key(".".join(["a"] * 20_000) + " = 1"), PARTS),
    "a table's name of 20,000 parts": (f"[{'.'.join(['a'] * 20_000)}]".encode(), PARTS),
    "a dotted key with spaces around its dots": (with_key(" . ".join(["a"] * 400) + " = 1"), PARTS),
    "a dotted key of quoted parts": (with_key(".".join(['"a"'] * 400) + " = 1"), PARTS),
    "an inline table's key of 400 parts": (
        with_key("x = {" + ".".join("a" * 400) + " = 1}"),
        PARTS,
    ),
    "a comment of dots": (with_key("# " + "." * 400), FINE),
    "an integer of 5,000 digits": (with_key("x = " + "9" * 5_000), LONG),
    "a hexadecimal integer of 5,000 digits": (with_key("x = 0x" + "f" * 5_000), LONG),
    "an octal integer of 5,000 digits": (with_key("x = 0o" + "7" * 5_000), LONG),
    "a binary integer of 65 digits": (with_key("x = 0b" + "1" * 65), LONG),
    "an integer just beyond 64 bits": (changed(seeds=2**63), LONG),
    "an integer just within 64 bits": (changed(seeds=2**63 - 1), "seeds"),
    "a million spaces": (with_key(" " * 10**6), FINE),
    "a million digits after a point": (with_key("x = 0." + "1" * 10**6), "no such key"),
    "a word of a million letters": (with_key("x = " + "a" * 10**6), "is not TOML"),
    "a hundred thousand keys": (
        "\n".join(f"k{n} = 1" for n in range(10**5)).encode() + b"\n" + GOOD.encode(),
        "no such key",
    ),
    "a key of 100,000 letters": (with_key("k" * 10**5 + " = 1"), "no such key"),
    "a NUL byte": (GOOD.encode() + b"\0", "is not TOML"),
    "a terminal's escape codes in a key": (with_key('"\\u001b[2J\\u001b[31m" = 1'), "no such key"),
    "letters that turn a line around": (with_key('"\\u202e" = 1'), "no such key"),
    "a lone surrogate by its code": (with_key('x = "\\ud800"'), "is not TOML"),
    "a lone surrogate as bytes": (b'x = "\xed\xa0\x80"', "cannot be read"),
    "UTF-16": (GOOD.encode("utf-16"), "cannot be read"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), "is not TOML"),
    "nothing": (b"", "is missing"),
    "a megabyte of zeros": (bytes(10**6), "is not TOML"),
    "HTML": (b"<html><script>alert(1)</script></html>", "is not TOML"),
    "a key twice": (with_key("seeds = 3\nseeds = 4"), "is not TOML"),
    "a table of which a value was made": (with_key("search = 3"), "is not TOML"),
    # ------------------------------------------------ numbers
    "a float beyond every float": (with_key("precision = 1e999"), "precision"),
    "a budget that is NaN": (changed(training={"budget_epochs": float("nan")}), "budget_epochs"),
    "a negative zero of seeds": (with_key("precision = -0.0"), "precision"),
    "true as a number": (changed(seeds=True), "seeds"),
    "a severity of 1e308": (changed(distortions={"feature_noise": [1e308]}), "feature_noise"),
    "a severity that is NaN": (changed(distortions={"label_noise": [float("nan")]}), "label_noise"),
    "a billion seeds": (changed(seeds=10**9), "trials; allowed are"),
    "a trial that takes years": (
        changed(training={"budget_epochs": 10**11, "max_epochs": 10**12}),
        "insist with --force",
    ),
    # ------------------------------------------------ names
    "a name of 5,000 letters": (changed(name="n" * 5_000), "name = "),
    "a name that is a path": (changed(name="../../etc"), "name = "),
    "a name that is hidden": (changed(name=".ssh"), "name = "),
    "a name with a line break": (changed(name="a\nb"), "name = "),
    "a family of 5,000 letters": (changed(families=["f" * 5_000]), "is no family"),
    "a family that is markup": (changed(families=["<b>"]), "is no family"),
    "a family with escape codes": (changed(families=["\x1b[2J"]), "is no family"),
    "a population of 5,000 letters": (on("p" * 5_000), "is unknown: must be one of"),
    "a parameter of 5,000 letters": (on("xor", **{"p" * 5_000: 1}), "is unknown: it takes"),
    "a distortion of 5,000 letters": (changed(distortions={"d" * 5_000: [0.1]}), "no distortion"),
    "hyperparameters of a family of 5,000 letters": (
        changed(hyperparameters={"f" * 5_000: {"x": 1}}),
        "is no family",
    ),
    "a hyperparameter of 5,000 letters": (
        changed(hyperparameters={"linear": {"h" * 5_000: 1}}),
        "has none of that name",
    ),
    # ------------------------------------------------ populations
    "data_dir as a key of a population": (on("digits", data_dir="/tmp"), "no key"),
    "data_dir of a law that needs none": (on("xor", data_dir="/tmp"), "no key"),
    "a population's label": (on("xor", label="x"), "is unknown: it takes"),
    "parameters as a parameter": (on("xor", parameters={"sigma": 1}), "is unknown: it takes"),
    "images of one pixel": (
        on("gaussian_images", mu0=0.0, mu1=1.0, sigma0=1.0, sigma1=1.0, size=1),
        FINE,
    ),
    "a spread of 1e150": (on("xor", sigma=1e150), "beyond what float32"),
    "a spread of 1e300": (on("xor", sigma=1e300), "beyond what can be computed"),
    "a spread of 1e-160": (on("xor", sigma=1e-160), "beyond what float32"),
    "means 1e200 apart": (on("two_gaussians", delta=1e200), "beyond what float32"),
    "a scale of 1e150": (on("concentric", scale=1e150), "beyond what float32"),
    "a matrix that is not positive definite": (gaussians(NOT_DEFINITE), "200 x 200 matrix"),
    "means of different lengths": (gaussians(1.0, means=RAGGED), "all of one dimension"),
    "means that are no numbers": (gaussians(1.0, means=["x" * 10**5] * 2), "of one dimension"),
    "a hundred thousand labels": (
        on("gaussians", means=[[0.0]], covariances=[1.0], labels=[0] * 10**5),
        "labels",
    ),
    "pictures of 10 GB": (on("xor", size=64, channels=64), FINE),
    "pictures of 10 GB for a family that looks at them": (
        changed(populations=[{"name": "xor", "size": 64, "channels": 64}], families=["vgg"]),
        "insist with --force",
    ),
    "an array's path that is a device": (on("arrays", path="/dev/zero"), "no regular file"),
    "an array's path that is a folder": (on("arrays", path="/tmp"), "is a folder"),
    "an array's path that is a number": (on("arrays", path=5), "must be where the data lie"),
    "an array's path with a NUL": (on("arrays", path="a\0b"), "must be where the data lie"),
    "an array's path of 5,000 letters": (on("arrays", path="p" * 5_000), "File name too long"),
    "images in a device's place": (on("image_folder", path="/dev/zero", size=8), "no regular file"),
    "images in the root of all": (on("image_folder", path="/proc/self", size=8), "is no folder"),
    # ------------------------------------------------ code and weights
    "a network's path of 5,000 letters": (
        changed(networks=[{**NETWORK, "path": "p" * 5_000}]),
        "must be a file or a module",
    ),
    "a network in a device": (changed(networks=[{**NETWORK, "path": "/dev/zero:A"}]), "no module"),
    "a network in a module of 5,000 parts": (
        changed(networks=[{**NETWORK, "path": ".".join(["a"] * 5_000) + ":A"}]),
        PARTS,
    ),
    "a network's parameters nested 40 deep": (
        with_key("x = 1").replace(b"x = 1", b"")
        + b'[[networks]]\nname = "m"\npath = "a.py:A"\nparameters = {x = '
        + b"[" * 40
        + b"]" * 40
        + b"}\n",
        DEEP,
    ),
    "weights that are a device": (
        changed(
            families=["resnet18_pretrained"],
            hyperparameters={"resnet18_pretrained": {"weights": "/dev/zero.pt"}},
        ),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_study_files(what: str, tmp_path: Path) -> None:
    content, expected = FILES[what]
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    answer = answer_of(run.main, str(file), "--results", str(tmp_path / "results"), "--dry-run")
    check_answer(answer, expected)
    assert not (tmp_path / "results").exists()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(os.path.relpath(path))  # the absolute path may be longer than a socket's can be


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def no_permission(path: Path) -> None:
    path.symlink_to("/proc/1/mem" if os.geteuid() else "/proc/kmsg/none")


PLACES: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "a pipe that nobody writes to": (fifo, "is no regular file"),
    "a device without an end": (link_to("/dev/zero"), "is no regular file"),
    "a device that is empty": (link_to("/dev/null"), "is no regular file"),
    "a terminal": (link_to("/dev/tty"), "study.toml: "),
    "a socket": (bound_socket, "study.toml: cannot be read"),
    "a folder": (Path.mkdir, "Is a directory"),
    "a link to itself": (loop, "cannot be read"),
    "a link to nothing": (link_to("nothing"), "cannot be read"),
    "a sparse file of a terabyte": (too_large, "is larger than 16 MiB"),
    "a file of the kernel's": (link_to("/proc/self/environ"), "study.toml: "),
    "what may not be read": (no_permission, "cannot be read"),
}


@pytest.mark.parametrize("what", PLACES)
def test_what_lies_in_a_study_files_place(what: str, tmp_path: Path) -> None:
    make, expected = PLACES[what]
    make(tmp_path / "study.toml")
    arguments = (str(tmp_path / "study.toml"), "--results", str(tmp_path / "r"), "--dry-run")
    check_answer(answer_of(run.main, *arguments), expected)


OVERRIDES: Mapping[str, tuple[str, str]] = {
    "a decimal integer of 5,000 digits": ("seeds=" + "9" * 5_000, LONG),
    "a hexadecimal integer of 5,000 digits": ("seeds=0x" + "f" * 5_000, LONG),
    "an array nested 20,000 deep": ("seeds=" + "[" * 20_000, DEEP),
    "an array nested 40 deep": ("x=" + "[" * 40 + "]" * 40, DEEP),
    "a key of 20,000 parts": (".".join("a" * 20_000) + "=1", "at most 32 parts"),
    "a value whose key has 20,000 parts": ("x={" + ".".join("a" * 20_000) + "=1}", PARTS),
    "a place of 5,000 digits": ("populations." + "9" * 5_000 + ".sigma=1", "there is no"),
    "a place in other digits than 0 to 9": ("populations.٣.sigma=1", "there is no"),
    "a text of 100,000 letters": ("name=" + "n" * 10**5, "name = "),
    "no key": ("=1", "allowed is key=value"),
    "nothing": ("", "allowed is key=value"),
    "another table behind a line break": ("seeds=3\nname='x'", FINE),
    "escape codes": ("\x1b[2J=1", "no such key"),
    "a lone surrogate": ("name=\udc80", "name = "),
    "a key of a text": ("name.x=1", "is not a key of a study file"),
    "a float beyond every float": ("max_failed_share=1e999", "max_failed_share"),
}


@pytest.mark.parametrize("what", OVERRIDES)
def test_overrides(what: str, tmp_path: Path) -> None:
    override, expected = OVERRIDES[what]
    file = tmp_path / "study.toml"
    file.write_text(GOOD)
    arguments = (str(file), "--results", str(tmp_path / "r"), "--dry-run", f"--set={override}")
    check_answer(answer_of(run.main, *arguments), expected)


OPTIONS: Mapping[str, tuple[str, ...]] = {
    "a recipe of 5,000 letters": ("r" * 5_000,),
    "a file whose name is too long": ("f" * 5_000 + ".toml",),
    "a name of 5,000 letters": ("smoke", "--name", "n" * 5_000),
    "a name that is a path": ("smoke", "--name", "../x"),
    "an option of 5,000 letters": ("--" + "o" * 5_000,),
    "an option with escape codes": ("--\x1b[2J",),
    "a data folder that is a device": ("mnist", "--data-dir", "/dev/zero"),
}


@pytest.mark.parametrize("what", OPTIONS)
def test_options(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        "classcomp.populations.staging._reader", lambda name: lambda place, download: None
    )
    check_answer(answer_of(run.main, *OPTIONS[what], "--dry-run"), "study.run: ")


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_results_where_none_can_be(place: str) -> None:
    check_answer(answer_of(run.main, "smoke", "--results", place), "study.run: ")
