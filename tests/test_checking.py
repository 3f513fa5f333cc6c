"""Users' networks are tried out in another process, whatever their code does there."""

import json
import subprocess
import sys

import pytest

from classcomp.checking import check_networks
from classcomp.models.trying import check_network

NETS = """
import os, sys, time
import torch
from torch import nn

print("noise at import")
print('{"error": "forged"}')

class Good(nn.Module):
    def __init__(self, *, input_shape, num_classes, depth, width=16, dropout=0.0):
        super().__init__()
        print("noise in the constructor")
        size = torch.Size(input_shape).numel()
        ends = [size] + [width] * depth
        self.hidden = nn.Sequential(*(nn.Linear(a, b) for a, b in zip(ends, ends[1:])))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, num_classes)
        self.depth = depth

    def forward(self, x):
        return self.last(self.dropout(self.hidden(x.flatten(1))))

class Flat(Good):
    takes = "vectors"

class Refuses(Good):
    def __init__(self, *, input_shape, num_classes, depth):
        raise RuntimeError("not today\\nor ever")

class OneLogit(Good):
    def forward(self, x):
        return super().forward(x)[:, :1]

class Squeezed(Good):
    def forward(self, x):
        return super().forward(x).squeeze(0)

class ShapeOfDepth(Good):
    def forward(self, x):
        return super().forward(x)[:, self.depth - 1:]

class Pair(Good):
    def forward(self, x):
        return super().forward(x), x

class Infinite(Good):
    def forward(self, x):
        return super().forward(x) / 0

class Exits(Good):
    def forward(self, x):
        sys.exit(0)

class Dies(Good):
    def forward(self, x):
        os._exit(0)

class Crashes(Good):
    def forward(self, x):
        print("about to crash", file=sys.stderr, flush=True)
        os.abort()

class Sleeps(Good):
    def forward(self, x):
        time.sleep(60)

class Frozen(Good):
    def forward(self, x):
        return super().forward(x).detach()

class Picky(Good):
    def forward(self, x):
        if self.last.in_features < 1000:
            raise ValueError("too narrow")
        return super().forward(x)

class NormalisesAlone(Good):
    def forward(self, x):
        if len(x) == 1:
            raise ValueError("one is not enough")
        return super().forward(x)
"""
POPULATIONS = [
    {"label": "xor", "vector_shape": [2], "image_shape": None, "num_classes": 2},
    {"label": "digits", "vector_shape": [64], "image_shape": [1, 8, 8], "num_classes": 10},
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    return path


def checked(*networks, timeout_s=60, **changes):
    request = {
        "networks": [
            {"name": name, "path": path, "parameters": parameters}
            for name, path, parameters in networks
        ],
        "depths": [1, 3],
        "populations": POPULATIONS,
        "num_train": 20,
    }
    return check_networks(request | changes, timeout_s=timeout_s)


def checked_here(name, path, parameters):
    """What the other process does with one network, without its two seconds of loading torch."""
    request = {"depths": [1, 3], "populations": POPULATIONS, "num_train": 20}
    return check_network({"name": name, "path": path, "parameters": [parameters]}, request)


@pytest.fixture(scope="module")
def sound(file):
    """What a caller is told of three networks, and what it has loaded then."""
    networks = [
        {
            "name": "mine",
            "path": f"{file}:Good",
            "parameters": [{"dropout": 0.0}, {"dropout": 0.5}],
        },
        {"name": "flat", "path": f"{file}:Flat", "parameters": [{"width": 4}]},
        {
            "name": "knn",
            "path": "sklearn.neighbors:KNeighborsClassifier",
            "parameters": [{"n_neighbors": 1}],
        },
    ]
    request = {"networks": networks, "depths": [1, 3], "populations": POPULATIONS, "num_train": 20}
    code = (
        "import json, sys; from classcomp.checking import check_networks;"
        f"print(json.dumps(check_networks({request!r}))); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_width_that_is_matched_is_tried_at_every_capacity(file):
    """A network that is sound at the depth's budget may not be at a quarter of it."""
    network = {"name": "wide", "path": f"{file}:Picky", "parameters": [{}]}
    request = {"depths": [1], "populations": POPULATIONS[:1], "num_train": 20}
    assert check_network(network, request)["matched"]
    with pytest.raises(ValueError, match=r"^wide at depth 1, c = 0\.25 on xor: its forward raises"):
        check_network(network, {**request, "capacities": [1.0, 0.25]})
    fixed = {**network, "parameters": [{"width": 2000}]}
    assert not check_network(fixed, {**request, "capacities": [1.0, 0.25]})["matched"]


@pytest.mark.slow
def test_the_caller_never_loads_torch(sound):
    assert sound[1:] == ["False"]


@pytest.mark.slow
def test_what_is_sound_is_described(sound):
    found = json.loads(sound[0])
    assert list(found) == ["mine", "flat", "knn"]
    assert (found["mine"]["kind"], found["mine"]["takes"]) == ("torch", "any")
    assert found["mine"]["matched"]
    assert abs(found["mine"]["num_parameters"]["digits"]["3"] / 32000 - 1) < 0.1
    assert not found["flat"]["matched"]
    assert found["flat"]["takes"] == "vectors"
    assert found["flat"]["num_parameters"]["xor"] == {"1": 2 * 4 + 4 + 10, "3": 12 + 20 + 20 + 10}
    assert found["knn"] == {
        "kind": "sklearn",
        "takes": "any",
        "matched": False,
        "num_parameters": None,
    }


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("Nowhere", {}, "there is no Nowhere in it"),
        ("Refuses", {}, "mine: Refuses(input_shape=(2,), num_classes=2, depth=1) raises Runtime"),
        ("Good", {"colour": "red"}, "mine: Good has no parameter colour; allowed: width, dropout"),
        ("Good", {"dropout": 1.5}, "raises ValueError: dropout probability"),
        ("OneLogit", {}, "mine at depth 1 on xor: returns shape (4, 1) for a batch of 4, not"),
        ("Squeezed", {}, "returns shape (2,) for a batch of 1, not logits (1, 2)"),
        ("ShapeOfDepth", {}, "mine at depth 3 on xor: returns shape (4, 0)"),
        ("Pair", {}, "returns tuple, not a tensor"),
        ("Infinite", {}, "returns logits that are no finite numbers"),
        ("Exits", {}, "its forward raises SystemExit: 0"),
        ("Frozen", {}, "its backward raises RuntimeError: element 0 of tensors does not require"),
        ("NormalisesAlone", {}, "its forward raises ValueError: one is not enough"),
    ],
)
def test_what_is_not_is_one_line(file, name, parameters, told):
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as caught:
        checked_here("mine", f"{file}:{name}", parameters)
    assert told in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("OneLogit", "mine at depth 1 on xor: returns shape (4, 1) for a batch of 4, not"),
        ("Dies", "mine: trying it out ended with exit status 0"),
        ("Crashes", "mine: trying it out ended by SIGABRT: about to crash"),
    ],
)
def test_whatever_ends_the_other_process_is_one_line_here(file, name, told):
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as caught:
        checked(("mine", f"{file}:{name}", [{}]))
    assert told in str(caught.value)


@pytest.mark.slow
def test_what_never_ends_is_stopped(file):
    def said(timeout_s):
        with pytest.raises(ValueError, match=f"trying it out took longer than {timeout_s} s$") as e:
            checked(("sleepy", f"{file}:Sleeps", [{}]), timeout_s=timeout_s)
        return str(e.value).partition(":")[0]

    # Loading torch counts: on a busy machine the shorter ones end before any network's turn.
    assert "sleepy" in (said(timeout_s) for timeout_s in (4, 8, 16, 32))


@pytest.mark.parametrize(
    ("path", "parameters", "told"),
    [
        ("sklearn.svm:LinearSVC", {}, "lacks predict_proba"),
        (
            "sklearn.neighbors:KNeighborsClassifier",
            {"n_neighbors": 21},
            "f on xor: fitted on 20 it raises ValueError: Expected n_neighbors <= n_samples_fit",
        ),
        ("sklearn.neighbors:KNeighborsClassifier", {"n": 1}, "f: KNeighborsClassifier has no"),
        ("sklearn.ensemble:RandomForestClassifier", {"max_depth": "x"}, "raises InvalidParameter"),
    ],
)
def test_wrong_classifiers(path, parameters, told):
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as caught:
        checked_here("f", path, parameters)
    assert told in str(caught.value)


def test_exit_at_import(tmp_path):
    file = tmp_path / "nets.py"
    file.write_text("import sys\nprint('bye')\nsys.exit(0)\n")
    with pytest.raises(ValueError, match=r"running it raises SystemExit: 0$"):
        checked_here("mine", f"{file}:Net", {})


def test_images_only_where_there_are_some(file):
    file = file.with_name("pictures.py")
    file.write_text(NETS + "\nclass Pictures(Good):\n    takes = 'images'\n")
    with pytest.raises(ValueError, match=r"^mine takes images, xor has none$"):
        checked_here("mine", f"{file}:Pictures", {})


def test_parameters_are_plain_data(file):
    with pytest.raises(ValueError, match=r"^networks: parameters must be plain values"):
        checked(("mine", f"{file}:Good", [{"dropout": object()}]))
