"""What tests of several rooms share."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import settings

from study.request.reading import parse_spec
from study.request.spec import StudySpec
from tests.cluster.driving import KEYS, cluster, finish_here
from tests.small_study import TABLE

settings.register_profile("untimed", deadline=None)  # nothing is timed in tests
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test first, so that at the end no worker waits long for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def make_spec() -> Callable[..., StudySpec]:
    """The small study, with changes to its tables."""

    def make(**changes: Any) -> StudySpec:
        return parse_spec({**TABLE, **changes}, "test")

    return make


@pytest.fixture(scope="session")
def shared_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a Ray with one CPU, for whatever does not end one."""
    with cluster(1, tmp_path_factory.mktemp("ray"), **KEYS) as made:
        yield made.address


@pytest.fixture
def finish_shared(shared_ray: str) -> Callable[..., tuple[int, str]]:
    """`finish` of `tests.cluster.driving` without a process and a Ray of its own."""
    return partial(finish_here, shared_ray)
