"""What is refused before anything starts."""

from collections.abc import Callable

import pytest

from study.planning.preflight import check
from study.request.reading import SpecError
from study.request.spec import StudySpec

MakeSpec = Callable[..., StudySpec]
DIGITS = {"name": "digits", "classes": [3, 8]}


def test_no_more_images_are_asked_for_than_are_held_out(make_spec: MakeSpec) -> None:
    """Digits 3 and 8: 357 of them, a third for testing, a sixth of the rest for the search."""
    asked = {"populations": [DIGITS], "num_train": [64]}
    with pytest.raises(SpecError) as refused:
        check(make_spec(**asked, search={"trials": 1, "validation_size": 200}), None)
    message = str(refused.value)
    assert message.startswith("search.validation_size = 200: digits(classes=[3, 8]) has ")
    held_out = int(message.rpartition(" ")[2])
    assert message.endswith(f"has {held_out} examples for the search; allowed are 1 to {held_out}")
    assert held_out == pytest.approx(357 * 2 / 3 / 6, abs=2)
    check(make_spec(**asked, search={"trials": 1, "validation_size": held_out}), None)
    check(make_spec(search={"trials": 1, "validation_size": 10**6}), None)


def test_all_seeds_that_there_may_be_are_counted(make_spec: MakeSpec) -> None:
    many = {"seeds": 5, "precision": 0.01, "max_seeds": 10**7}
    with pytest.raises(SpecError, match=r"ask for \d+ trials; allowed are 10000000"):
        check(make_spec(**many), None)
    check(make_spec(**{**many, "max_seeds": 1000}), None)
