"""What tests of several rooms share."""

from collections.abc import Callable
from typing import Any

import pytest

from study.request.reading import parse_spec
from study.request.spec import StudySpec
from tests.small_study import TABLE


@pytest.fixture
def make_spec() -> Callable[..., StudySpec]:
    """The small study, with changes to its tables."""

    def make(**changes: Any) -> StudySpec:
        return parse_spec({**TABLE, **changes}, "test")

    return make
