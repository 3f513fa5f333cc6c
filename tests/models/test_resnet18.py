import copy
from typing import ClassVar

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from classcomp.models import count_parameters
from classcomp.models.resnet18 import MEAN, SD
from classcomp.testing import FamilyContract, batch_of, fit, generator, make, random_batch

SHAPE = (1, 8, 8)
GRID = (
    (1, (1, 8, 8), 2),
    (2, (3, 13, 9), 10),
    (3, (1, 28, 28), 3),
    (4, (3, 28, 28), 10),
    (4, (1, 64, 64), 2),
)
TRAINED = {
    "all": ["body", "classifier"],
    # One of 18 layers with weights after another, from the end: the linear layer, the last block's
    # two convolutions, the second of the one before. Each convolution has a normalisation.
    "last4": ["classifier", "body.layer2.1", "body.layer2.0.conv2", "body.layer2.0.bn2"],
    "head": ["classifier"],
}


class ResNet18Contract(FamilyContract):
    hyperparameters: ClassVar = {"width": 8}
    grid = GRID

    def test_budget_is_met_at_every_depth_and_grows(self):
        """It has none: its size is that of the network it is named after."""
        counts = [count_parameters(make(self.family, d, SHAPE, 10)) for d in (1, 2, 3, 4)]
        assert counts[-1] == count_parameters(resnet18(num_classes=10)) == 11_181_642
        assert counts == sorted(set(counts))

    @pytest.mark.parametrize("depth", [5, 8])
    def test_a_fifth_stage_is_refused(self, depth):
        with pytest.raises(ValueError, match=r"^depth must be an integer from 1 to 4, got"):
            make(self.family, depth, SHAPE, 2)


class TestResNet18(ResNet18Contract):
    family = "resnet18"


class TestPretrainedResNet18(ResNet18Contract):
    family = "resnet18_pretrained"


def test_it_is_torchvision_s_network():
    """Weights of one give the outputs of the other, in evaluation and in training."""
    torch.manual_seed(0)
    theirs, ours = resnet18(num_classes=7), make("resnet18", 4, (1, 28, 28), 7)
    state = theirs.state_dict()
    ours.classifier.load_state_dict({k: state.pop(f"fc.{k}") for k in ("weight", "bias")})
    ours.body.load_state_dict(state)
    images = torch.rand(4, 1, 28, 28, generator=generator(0))
    scaled = torch.cat([(images - m) / s for m, s in zip(MEAN, SD, strict=True)], dim=1)
    for mode in (False, True):
        with torch.no_grad():
            found, expected = ours.train(mode)(images), theirs.train(mode)(scaled)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_pretrained_one_is_built_as_the_random_one_of_the_same_seed():
    random, pretrained = (
        make(f, 2, SHAPE, 2, width=8) for f in ("resnet18", "resnet18_pretrained")
    )
    twin = pretrained.state_dict()
    assert all(torch.equal(value, twin[name]) for name, value in random.state_dict().items())


@pytest.mark.parametrize("trainable", TRAINED)
def test_frozen_layers_stand_still_and_the_others_move(trainable):
    """Weights, and running statistics, which a forward pass alone would move."""
    model = make("resnet18", 2, (1, 28, 28), 2, width=8, trainable=trainable)
    before = copy.deepcopy(model.state_dict())
    fit(model, *random_batch(16, (1, 28, 28), 2), steps=3)
    moved = {n for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    expected = {name for name in before if name.startswith(tuple(TRAINED[trainable]))}
    assert moved == expected
    (objective,) = model.objectives()
    names = {n for n, p in model.named_parameters() if any(p is q for q in objective.parameters)}
    assert names == {name for name, _ in model.named_parameters() if name in expected}


def test_frozen_normalisation_is_that_of_evaluation():
    """Training a head sees the features that the rule will decide by."""
    model = make("resnet18", 2, SHAPE, 2, width=8, trainable="head")
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(generator=generator(1))
    batch = batch_of(*random_batch(12, SHAPE, 2))
    with torch.no_grad():
        losses = [model.train(mode).loss(batch, generator(0)) for mode in (True, False)]
    assert torch.equal(*losses)
    assert model.train().classifier.training


def test_the_best_rule_is_sought_among_all_rules():
    model = make("resnet18", 1, SHAPE, 2, width=8, trainable="head")
    network = model.rule_of_class(generator(0)).train()
    assert all(p.requires_grad for p in network.parameters())
    assert all(layer.training for layer in network.modules())


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("resnet18", "trainable", "last5"),
        ("resnet18", "trainable", True),
        ("resnet18", "weights", "imagenet"),
        ("resnet18_pretrained", "weights", "imagenet21k"),
        ("resnet18_pretrained", "weights", 1),
    ],
)
def test_a_wrong_hyperparameter_is_named(family, name, value):
    with pytest.raises(ValueError, match=f"{name}.*(must be|unknown|allowed)") as caught:
        make(family, 1, SHAPE, 2, **{name: value})
    assert "\n" not in str(caught.value)


def test_images_are_grey_or_of_three_colours():
    with pytest.raises(ValueError, match="1 or 3 channels"):
        make("resnet18", 1, (2, 8, 8), 2)
