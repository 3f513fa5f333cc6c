import pytest
import torch

from classcomp.models import FAMILIES, TRAINING_HYPERPARAMETERS, build, parameter_budget
from classcomp.models.widths import decoder_channels, encoder_channels


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
