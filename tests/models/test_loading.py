"""A user's class out of a file or a module, and what can be wrong with it."""

import sys

import pytest

from classcomp.models.loading import kind_of, load_class

FILE = """
import sys
import torch

if {exit}:
    sys.exit(3)

class Net(torch.nn.Module):
    pass

class Half:
    def fit(self, x, y): ...
    def predict(self, x): ...

helper = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(FILE.format(exit=False))
    return path


def test_a_file_is_run_once_until_it_changes(file):
    before = list(sys.path)
    first = load_class(f"{file}:Net")
    assert kind_of(first) == "torch"
    assert load_class(f"{file}:Net") is first
    file.write_text(FILE.format(exit=False) + "\n")
    assert load_class(f"{file}:Net") is not first
    assert sys.path == before


def test_a_module_s_class():
    found = load_class("sklearn.neighbors:KNeighborsClassifier")
    assert kind_of(found) == "sklearn"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nets.py", "must be a file or a module, and a class in it"),
        ("nowhere.py:Net", "there is no file .*nowhere.py"),
        ("{file}:Nett", "there is no Nett in it; its classes are Net, Half"),
        ("{file}:helper", "helper is no class; its classes are Net, Half"),
        ("{file}:Half", "Half is no torch.nn.Module.* lacks predict_proba"),
        ("no_such_package.inner:Net", "there is no module no_such_package"),
        ("sklearn.no_such:Net", "there is no module sklearn.no_such"),
        ("sklearn.svm:LinearSVC", "lacks predict_proba"),
        ("sklearn.svm:Nothing", "there is no Nothing in it"),
    ],
)
def test_what_is_not_there_is_one_line(file, path, told):
    with pytest.raises(ValueError, match=f"^path = .*{told}") as caught:
        load_class(path.format(file=file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("raise ValueError('one\\ntwo')", "ValueError: one two$"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def f(:", "SyntaxError: "),
        ("raise RuntimeError", "RuntimeError$"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_line(tmp_path, code, told):
    file = tmp_path / "bad.py"
    file.write_text(code)
    loaded = set(sys.modules)
    with pytest.raises(ValueError, match=f"running it raises {told}") as caught:
        load_class(f"{file}:Net")
    assert "\n" not in str(caught.value)
    assert not {name for name in set(sys.modules) - loaded if name.startswith("_own")}
