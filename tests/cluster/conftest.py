"""What several tests of this folder compare with."""

from pathlib import Path

import pytest

from tests.cluster.driving import SMALL, finish_here


@pytest.fixture(scope="session")
def quiet_study(shared_ray: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study `SMALL` that nothing happened to; not to be written into."""
    folder = tmp_path_factory.mktemp("quiet")
    status, printed = finish_here(shared_ray, SMALL, folder)
    assert status == 0, printed
    return folder / "results/small"
