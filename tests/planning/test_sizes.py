"""Parameter budgets that are not to be met are told before anything starts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from classcomp.models.trying import least_size
from search_spaces import SPACES
from study.planning.sizes import LATENT_DIMS, SMALL, USUAL_GRID, can_exceed, size_lines
from study.request.spec import StudySpec

MakeSpec = Callable[..., StudySpec]
IMAGES = {"name": "gaussian_images", "mu0": 0.0, "mu1": 1.0, "sigma0": 1.0, "sigma1": 1.0}


def linear_autoencoder_at_width_1(dim: int, k: int, depth: int) -> int:
    """Down to k, `depth` hidden layers of k on either side of k latents, and an offset."""
    return 2 * dim * k + 2 * (depth - 1) * k * k + 2 * k * k + dim


@pytest.mark.slow
def test_the_worst_case_of_a_family_is_one_line(make_spec: MakeSpec) -> None:
    """Before, four times the budget was trained without a word."""
    asked = {
        "families": ["autoencoder", "linear_autoencoder", "vgg"],
        "depths": [1, 2],
        "latent_dims": [2, 38],
        "distortions": {},
        "populations": [{**IMAGES, "size": 28}, {**IMAGES, "size": 28, "prior": 0.4}],
    }
    at_1, at_2 = (linear_autoencoder_at_width_1(784, 38, depth) for depth in (1, 2))
    assert at_2 == 66_144
    assert at_1 / 8_000 > at_2 / 16_000
    (line,) = size_lines(make_spec(**asked), None)
    assert line == (
        f"linear_autoencoder at depth 1, k = 38: {at_1:,} parameters where the budget is 8,000: no "
        "smaller network of this family exists (and 1 more of its cases)"
    )
    (line,) = size_lines(make_spec(**asked | {"depths": [2]}), None)
    assert line.endswith(
        "66,144 parameters where the budget is 16,000: no smaller network of this family exists"
    )
    assert size_lines(make_spec(**asked, match_parameters=False), None) == []


@pytest.mark.slow
def test_capacities_that_are_too_small_or_one_network_are_told(make_spec: MakeSpec) -> None:
    """Of width 1 vgg has 56 parameters: a convolution of 9 + 2, and classes of 2 x 1 + 2 ..."""
    asked = {"families": ["vgg", "linear"], "depths": [1, 2], "distortions": {}}
    exceeding, same = size_lines(make_spec(**asked, capacity=[0.002, 0.004, 1.0]), None)
    assert exceeding.startswith("vgg at depth 1, c = 0.002: ")
    assert "parameters where the budget is 16: no smaller network of this family" in exceeding
    assert same.startswith("vgg at depth 1: one and the same network of ")
    assert same.endswith("parameters at capacity = 0.002, 0.004 (and 1 more of its cases)")
    assert size_lines(make_spec(**asked, capacity=[0.25, 1.0, 4.0]), None) == []


def test_where_nothing_can_exceed_a_budget_nothing_is_built(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        "study.planning.sizes.least_sizes", lambda held: asked.append(len(held)) or []
    )
    assert size_lines(make_spec(), None) == []
    assert asked == [0]


@pytest.mark.parametrize("family", SPACES)
def test_what_is_not_built_would_meet_its_budget(family: str) -> None:
    """Every family at the rule's own ends, with each of its dials as far as it lets pass."""
    space, dials = SPACES[family], {"grid": USUAL_GRID}
    names = [name for name in (*LATENT_DIMS, "grid") if name in space.limits]
    held = space.defaults | {name: dials.get(name, SMALL) for name in names}
    space = replace(space, defaults=held)
    shapes: list[tuple[int, ...]] = [(SMALL,)]
    if space.takes != "vectors":
        long = (2, 4, 4) if space.grows_with_input else (3, 128, 128)
        shapes = [long, *([] if space.takes == "images" else shapes)]
    for shape in shapes:
        for depth in range(1, space.most_depth + 1):
            asked = {"family": family, "depth": depth, "input_shape": shape, "num_classes": SMALL}
            assert not can_exceed(space, shape, SMALL)
            assert least_size({**asked, "hyperparameters": held}) is None
