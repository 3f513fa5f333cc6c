"""Real data are read where a test has put them, and nowhere else."""

import pytest

from classcomp.populations import staging


@pytest.fixture(autouse=True)
def no_other_data(monkeypatch, tmp_path):
    """Its own empty cache, no system folders, and a network that is down."""

    def refuse(*args, **kwargs):
        raise OSError("the network is down")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLASSCOMP_DATA", raising=False)
    monkeypatch.setattr(staging, "_SYSTEM_FOLDERS", ())
    for module in ("mnist", "cifar"):
        name = f"torchvision.datasets.{module}.download_and_extract_archive"
        monkeypatch.setattr(name, refuse)
