"""A network and data of the user's own: run as named in a study file, or refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classcomp.models.trying import check_network
from study.run import main

Finish = Callable[..., tuple[int, str]]

NETWORK = """
from torch import nn


class MyNet(nn.Module):
    def __init__(self, *, input_shape, num_classes, depth, width=32, dropout=0.0):
        super().__init__()
        size = 1
        for side in input_shape:
            size *= side
        layers = [nn.Flatten()]
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, num_classes))

    def forward(self, inputs):
        return self.layers(inputs)
"""

STUDY = """
name = "own"
families = ["mynet", "neighbour", "linear"]
depths = [1, 2]
seeds = 2
num_train = [32]

[[networks]]
name = "mynet"
path = "my_net.py:MyNet"
parameters = { width = 12 }
space = { dropout = [0.0, 0.5] }

[[networks]]
name = "neighbour"
path = "sklearn.neighbors:KNeighborsClassifier"
parameters = { n_neighbors = 1 }

[[populations]]
name = "two_gaussians"
delta = 2

[[populations]]
name = "arrays"
path = "mine.npz"

[[populations]]
name = "image_folder"
path = "photos"
size = 8

[search]
trials = 2
grace_share = 0.3

[training]
budget_epochs = 3
max_epochs = 15

[best_in_class]
restarts = 1
num_stream = [512]

[limit]
restarts = 1
num_stream = [512]
"""


def write_files(folder: Path, study: str = STUDY, network: str = NETWORK) -> Path:
    """A study file, with the network and the data that it names beside it."""
    rng = np.random.default_rng(0)
    (folder / "my_net.py").write_text(network)
    y = np.arange(240) % 3
    np.savez(folder / "mine.npz", x=rng.standard_normal((240, 5)) + y[:, None], y=y)
    for name, level in (("dark", 60), ("light", 190)):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(60):
            pixels = rng.normal(level, 40, (10, 12)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number:02d}.png")
    path = folder / "own.toml"
    path.write_text(study)
    return path


@pytest.mark.slow
def test_own_networks_and_data_run_like_ours(finish_shared: Finish, tmp_path: Path) -> None:
    write_files(tmp_path)
    status, printed = finish_shared(STUDY, tmp_path)
    assert status == 0, printed
    study = tmp_path / "results/own"
    trials = pd.read_parquet(study / "trials.parquet")
    assert set(trials["status"]) <= {"done", "stopped"}
    names = {population.partition("(")[0] for population in trials["population"]}
    assert names == {"two_gaussians", "arrays", "image_folder"}
    landscape = pd.read_parquet(study / "landscape.parquet")
    known = landscape.dropna(subset="approximation")
    assert set(known["population"]) == {"two_gaussians(delta=2, dim=2, prior=0.5)"}
    parts = known[["approximation", "objective", "estimation", "optimization"]].sum(axis=1)
    assert (parts - known["total"]).abs().max() <= 1e-12
    mine = trials[trials["family"] == "mynet"]
    assert mine["source"].notna().all()
    assert mine["hp_dropout"].dropna().between(0.0, 0.5).all()
    assert mine["hp_dropout"].nunique() > 2, "it was searched"
    assert set(mine["hp_width"].dropna()) == {12}
    ours = trials[trials["family"] == "linear"]
    assert ours["source"].isna().all()
    assert not (study / "carried").joinpath("my_net.py").exists()
    assert list((study / "carried").glob("*-my_net.py"))
    again_elsewhere(finish_shared, study)
    an_edited_network_is_another(finish_shared, tmp_path)


def again_elsewhere(finish_shared: Finish, study: Path) -> None:
    """The study's folder holds all that its trials depend on: its own file runs it again."""
    place = ("--results", str(study.parent))
    status, printed = finish_shared(str(study / "study.toml"), study, *place)
    assert status == 0, printed
    assert "nothing to run" in printed


def an_edited_network_is_another(finish_shared: Finish, folder: Path) -> None:
    (folder / "my_net.py").write_text(NETWORK.replace("nn.ReLU()", "nn.Tanh()"))
    before = (folder / "results/own/ledger/000001.jsonl").read_bytes()
    status, printed = finish_shared(STUDY, folder)
    assert status == 2
    (line,) = printed.strip().splitlines()
    assert "networks: the source of mynet is" in line
    assert (folder / "results/own/ledger/000001.jsonl").read_bytes() == before


@pytest.mark.long
def test_one_nearest_neighbour_meets_its_limit(finish_shared: Finish, tmp_path: Path) -> None:
    """Cover and Hart (1967): the risk tends to E[2 eta (1 - eta)], .22480 for two Gaussians."""
    study = """
        name = "neighbour"
        families = ["neighbour"]
        depths = [1]
        seeds = 10
        num_train = [256, 4096]
        [[networks]]
        name = "neighbour"
        path = "sklearn.neighbors:KNeighborsClassifier"
        parameters = { n_neighbors = 1 }
        [[populations]]
        name = "two_gaussians"
        delta = 2
        [limit]
        restarts = 0
        """
    status, printed = finish_shared(study, tmp_path)
    assert status == 0, printed
    trials = pd.read_parquet(tmp_path / "results/neighbour/trials.parquet")
    largest = trials[(trials["role"] == "measure") & (trials["num_train"] == 4096)]
    assert len(largest) == 10
    # Ten samples of 4,096: a standard error of .001, and a finite sample's excess below it.
    assert largest["risk"].mean() == pytest.approx(0.22480, abs=0.004)
    assert (largest["final_train_risk"] == 0).all(), "it remembers what it has seen"


def wrong(line: str, by: str, *expected: str, network: str = NETWORK) -> tuple[str, str, tuple]:
    """A study with one line replaced, the network's text, and what the complaint holds."""
    assert line in STUDY
    return STUDY.replace(line, by), network, expected


WRONG = {
    "no such file": wrong("my_net.py:MyNet", "no_net.py:MyNet", "networks", "no_net.py"),
    "no such class": wrong("py:MyNet", "py:YourNet", "networks", "YourNet", "MyNet"),
    "no such module": wrong("sklearn.neighbors:", "sklearn.nobody:", "networks", "nobody"),
    "the constructor refuses": wrong("width = 12", "height = 12", "mynet", "height"),
    "wrong output shape": wrong(
        "seeds = 2",
        "seeds = 2",
        "mynet",
        "(4, 3)",
        network=NETWORK.replace("size, num_classes))", "size, num_classes + 1))"),
    ),
    "no depth": wrong(
        "seeds = 2", "seeds = 2", "mynet", "depth", network=NETWORK.replace("depth, ", "")
    ),
    "exits on import": wrong(
        "seeds = 2", "seeds = 2", "networks", "SystemExit", network="raise SystemExit(1)\n"
    ),
    "a name that is taken": wrong('name = "mynet"', 'name = "vgg"', "networks", "vgg", "taken"),
    "a name twice": wrong('name = "neighbour"', 'name = "mynet"', "networks", "no value twice"),
    "no classifier": wrong(
        "sklearn.neighbors:KNeighborsClassifier", "sklearn.cluster:KMeans", "predict_proba"
    ),
    "searched and fixed": wrong("{ dropout = [0.0, 0.5] }", "{ width = [4, 8] }", "width"),
    "a path outside": wrong('path = "mine.npz"', 'path = "../../nowhere/mine.npz"', "nowhere"),
}


def check_here(request: dict[str, Any]) -> dict[str, Any]:
    """What the other process does, without its seconds of loading torch."""
    return {n["name"]: check_network(n, request) for n in request["networks"]}


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[pytest.mark.slow] if c == "exits on import" else []) for c in WRONG],
)
def test_a_wrong_network_is_one_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, network, expected = WRONG[case]
    if case != "exits on import":  # this one as a user meets it
        monkeypatch.setattr("study.planning.preflight.check_networks", check_here)
    path = write_files(tmp_path, study, network)
    line = complaint(path, tmp_path, capsys)
    assert all(part in line for part in expected), line


def complaint(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a request that is refused; nothing is begun."""
    assert main([str(path), "--results", str(folder / "results")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    assert len(line) < 600, line
    assert not (folder / "results").exists()
    return line


X, Y = np.zeros((60, 5)), np.arange(60) % 3
DATA = {
    "NaN inputs": ({"x": np.where(np.eye(60, 5) > 0, np.nan, X), "y": Y}, ("x", "nan")),
    "labels with a gap": ({"x": X, "y": Y * 2}, ("y", "0")),
    "one class only": ({"x": X, "y": Y * 0}, ("class",)),
    "different lengths": ({"x": X[:50], "y": Y}, ("50", "60")),
    "no labels": ({"x": X}, ("y",)),
}


@pytest.mark.parametrize("case", DATA)
def test_wrong_arrays_are_one_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays, expected = DATA[case]
    path = write_files(tmp_path)
    np.savez(tmp_path / "mine.npz", **arrays)
    line = complaint(path, tmp_path, capsys)
    assert "mine.npz" in line or "populations" in line
    assert all(part in line.lower() for part in expected), line


@pytest.mark.parametrize("case", ["empty class", "unreadable image", "one class"])
def test_a_wrong_folder_is_one_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_files(tmp_path)
    dark, light = tmp_path / "photos/dark", tmp_path / "photos/light"
    if case == "empty class":
        (tmp_path / "photos/grey").mkdir()
    elif case == "unreadable image":
        (light / "07.png").write_bytes(b"no image")
    else:
        dark.rename(tmp_path / "dark")
    line = complaint(path, tmp_path, capsys)
    assert "photos" in line
    assert ("07.png" in line) == (case == "unreadable image")
