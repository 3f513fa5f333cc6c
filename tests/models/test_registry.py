import copy

import pytest
import torch

from classcomp.models import (
    FAMILIES,
    TRAINING_HYPERPARAMETERS,
    build,
    count_parameters,
    meets_budget,
    parameter_budget,
)
from classcomp.models.widths import decoder_channels, encoder_channels, nearest_width
from classcomp.testing import batch_of, random_batch
from search_spaces import SPACES


def test_unknown_family_is_one_line_naming_the_known():
    with pytest.raises(ValueError, match="vae_kmeans") as caught:
        build(
            "transformer",
            depth=1,
            input_shape=(1, 8, 8),
            num_classes=2,
            hyperparameters={},
            generator=torch.Generator(),
        )
    assert "\n" not in str(caught.value)


def small(family, **hyperparameters):
    return build(
        family,
        depth=1,
        input_shape=(2,) if FAMILIES[family].takes == "vectors" else (1, 8, 8),
        num_classes=2,
        hyperparameters=hyperparameters,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_hyperparameter_is_one_line_naming_the_known(family):
    with pytest.raises(ValueError, match=r"'learnin_rate'; allowed: .*width, learning_rate"):
        small(family, learnin_rate=1.0)


@pytest.mark.parametrize("family", [f for f, known in SPACES.items() if known.space])
def test_a_given_width_takes_the_place_of_the_budget(family):
    narrow, wide = small(family, width=2), small(family, width=96.0)
    assert count_parameters(narrow) < count_parameters(wide)
    assert not meets_budget(wide, 1)
    with pytest.raises(ValueError, match=r"^width must be"):
        small(family, width=0.5)


def test_a_count_that_does_not_grow_is_one_line():
    asked = []

    def count(width):
        asked.append(width)
        return 12

    with pytest.raises(ValueError, match=r"^mine: .*12 at width 1, 12 at width 8192, where 8000"):
        nearest_width(count, 8000, name="mine")
    assert len(asked) < 20


def test_the_slowest_growth_there_is_is_still_matched():
    width = nearest_width(lambda width: round(width), 8000, name="mine")
    assert abs(width / 8000 - 1) <= 0.005


@pytest.mark.parametrize("family", ["vgg", "resnet", "unet", "unet_pretrained"])
def test_dropout(family):
    batch = batch_of(*random_batch(12, (1, 8, 8), 2))
    plain, dropping = small(family).train(), small(family, dropout=0.5).train()
    assert count_parameters(plain) == count_parameters(dropping)
    before = torch.get_rng_state()
    for stage, twin in zip(plain.stages(), dropping.stages(), strict=True):
        first, again, other = (stage_loss(twin, batch, seed) for seed in (1, 1, 2))
        assert first == again
        assert first != other
        assert stage_loss(stage, batch, 1) == stage_loss(stage, batch, 2)
        assert stage_loss(stage.eval(), batch, 1) == stage_loss(twin.eval(), batch, 2)
    assert torch.equal(before, torch.get_rng_state())


def test_dropout_keeps_the_mean():
    # 40,000 features of 1, each 0 or 2 at p = 1/2: the mean's standard error is 1/200.
    model = small("vgg", dropout=0.5).train()
    model.features = lambda inputs: torch.ones(40_000, 1)
    seen = []
    model.classifier = torch.nn.Linear(1, 2)
    model.classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    labels = torch.zeros(40_000, dtype=torch.int64)
    model.loss(batch_of(labels, labels), torch.Generator().manual_seed(0))
    assert set(seen[0].flatten().tolist()) == {0.0, 2.0}
    assert abs(seen[0].mean().item() - 1) < 5 / 200


def stage_loss(stage, batch, seed):
    twin = copy.deepcopy(stage)  # running statistics move
    return twin.loss(batch, torch.Generator().manual_seed(seed)).item()


def test_training_hyperparameters_pass_through():
    values = dict.fromkeys(TRAINING_HYPERPARAMETERS, 1)
    for family, entry in FAMILIES.items():
        model = build(
            family,
            depth=1,
            input_shape=(2,) if entry.module.takes == "vectors" else (1, 8, 8),
            num_classes=2,
            hyperparameters=values,
            generator=torch.Generator(),
        )
        assert isinstance(model, entry.module)


def test_budget_doubles():
    assert [parameter_budget(depth) for depth in (1, 2, 5)] == [8000, 16000, 128000]


def test_channels_grow_and_are_rounded_two_ways():
    assert encoder_channels(5.5, 3) == (6, 8, 12)
    assert decoder_channels(5.5, 3) == (5, 8, 12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_capacity_is_a_factor_of_the_budget_or_refused(family):
    """Whether a family has a width that a budget chooses the driver knows without building one."""
    assert SPACES[family].has_matched_width == FAMILIES[family].meets_budget
    # Of 64 coordinates some linear families have no network of half the budget.
    shape = (1, 8, 8) if FAMILIES[family].takes == "images" else (2,)
    asked = {"depth": 2, "input_shape": shape, "num_classes": 2}
    if not FAMILIES[family].meets_budget:
        with pytest.raises(ValueError, match=rf"^capacity = 4: the width of {family}"):
            build(family, **asked, capacity=4.0, hyperparameters={}, generator=torch.Generator())
        return
    for capacity in (0.5, 4.0):
        built = build(
            family, **asked, capacity=capacity, hyperparameters={}, generator=torch.Generator()
        )
        assert abs(count_parameters(built) / (16_000 * capacity) - 1) <= 0.10
        assert meets_budget(built, 2, capacity)


def test_a_capacity_beside_a_width_is_one_line():
    with pytest.raises(ValueError, match=r"^capacity = 0.5: the width of vgg is matched to no"):
        build(
            "vgg",
            depth=1,
            capacity=0.5,
            input_shape=(1, 8, 8),
            num_classes=2,
            hyperparameters={"width": 4},
            generator=torch.Generator(),
        )
