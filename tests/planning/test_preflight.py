"""What is refused before anything starts."""

from collections.abc import Callable

import pytest

from classcomp.models import FAMILIES
from search_spaces import SPACES
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


IMAGES = {"name": "gaussian_images", "mu0": 0.0, "mu1": 1.0, "sigma0": 1.0, "sigma1": 1.0}


@pytest.mark.parametrize("family", SPACES)
@pytest.mark.parametrize(
    ("shape", "image"), [((9,), (1, 3, 3)), ((16,), (1, 4, 4)), ((4096,), None), ((4097,), None)]
)
def test_a_family_refuses_what_it_cannot_be_built_for(
    family: str, shape: tuple[int, ...], image: tuple[int, int, int] | None
) -> None:
    """Its configuration, which every trial makes, is asked what is known without building it."""
    space = SPACES[family]
    if image is None and space.takes == "images":
        return  # refused for another reason: there are none
    seen = shape if image is None or space.takes == "vectors" else image
    try:
        FAMILIES[family].config(depth=1, input_shape=seen, num_classes=2)
        is_possible = True
    except ValueError:
        is_possible = False
    assert (space.refusal(shape, image) is None) is is_possible


@pytest.mark.parametrize(
    ("family", "size", "said"),
    [
        ("gan", 3, "images of 3 x 3 pixels; allowed are at least 4 x 4"),
        ("linear_autoencoder", 2, "images of 2 x 2 pixels; allowed are at least 4 x 4"),
        ("gaussian_generator", 65, "4,225 coordinates; allowed are at most 4,096"),
    ],
)
def test_examples_that_no_network_can_see_are_one_line(
    family: str, size: int, said: str, make_spec: MakeSpec
) -> None:
    """Before, every one of the trials failed."""
    asked = {"families": [family], "distortions": {}}
    with pytest.raises(SpecError) as refused:
        check(make_spec(**asked, populations=[{**IMAGES, "size": size}]), None)
    assert str(refused.value).startswith(f"families: {family} with gaussian_images(")
    assert str(refused.value).endswith(f": {said}")
    check(make_spec(**asked, populations=[{**IMAGES, "size": 4}]), None)
