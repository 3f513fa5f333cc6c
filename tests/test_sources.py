"""Where users' code lies, and its hash, without running it."""

import subprocess
import sys

import pytest

from classcomp.sources import source_of, split_path


def test_a_file_s_hash_is_that_of_its_bytes(tmp_path):
    file = tmp_path / "net.py"
    file.write_text("raise RuntimeError('never run')")
    first = source_of(f"{file}:Net")
    assert len(first) == 16
    assert source_of(f"{file}:Other") == first
    copy = tmp_path / "elsewhere.py"
    copy.write_bytes(file.read_bytes())
    assert source_of(f"{copy}:Net") == first
    file.write_text("raise RuntimeError('never run ')")
    assert source_of(f"{file}:Net") != first


def test_a_module_s_hash_knows_its_file_and_its_distribution(tmp_path, monkeypatch):
    package = tmp_path / "a_package" / "inner"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise RuntimeError('never run')")
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text("class Net: ...")
    monkeypatch.syspath_prepend(str(tmp_path))
    alone = source_of("a_package.inner.net:Net")
    (package / "net.py").write_text("class Net: pass")
    changed = source_of("a_package.inner.net:Net")
    assert alone != changed
    monkeypatch.setattr("classcomp.sources._distributions", lambda: {"a_package": ["dist"]})
    versions = iter(("1.0", "1.0", "1.1"))
    monkeypatch.setattr("classcomp.sources.version", lambda name: next(versions))
    first, same, newer = (source_of("a_package.inner.net:Net") for _ in range(3))
    assert first == same != changed
    assert newer != first
    assert "a_package" not in sys.modules


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("net.py", "must be a file or a module"),
        (":Net", "must be a file or a module"),
        ("net.py:", "must be a file or a module"),
        ("net.py:not-a-name", "must be a file or a module"),
        ("/nowhere/net.py:Net", "there is no file /nowhere/net.py"),
        ("no_such_package.inner:Net", "there is no module no_such_package"),
        ("json.decoder.inner:Net", "there is no module json.decoder.inner"),
        ("json.no_such:Net", "there is no module json.no_such"),
        ("sys:Net", "the module sys has no file"),
    ],
)
def test_what_is_not_found_is_one_line(path, told):
    with pytest.raises(ValueError, match=told) as caught:
        source_of(path)
    assert "\n" not in str(caught.value)


def test_split_path():
    assert split_path("/a:b/net.py:Net") == ("/a:b/net.py", "Net")
    assert split_path("sklearn.svm:SVC") == ("sklearn.svm", "SVC")


def test_it_needs_neither_torch_nor_the_user_s_package():
    code = (
        "import sys, classcomp.checking; from classcomp.sources import source_of;"
        "source_of('sklearn.ensemble:RandomForestClassifier');"
        "print(sorted({'torch', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
