import copy

import torch

from classcomp.models import count_parameters
from classcomp.models.resnet import ResNet
from classcomp.testing import FamilyContract, fit, make, random_batch


class TestPretrainedUNet(FamilyContract):
    family = "unet_pretrained"

    def test_starts_as_the_unet_of_the_same_seed(self):
        pretrained, plain = (make(f, 2, (1, 8, 8), 2) for f in ("unet_pretrained", "unet"))
        assert count_parameters(pretrained) == count_parameters(plain)
        assert pretrained.state_dict().keys() == plain.state_dict().keys()
        for name, value in plain.state_dict().items():
            assert torch.equal(value, pretrained.state_dict()[name]), name

    def test_first_stage_is_a_resnet_that_trains_the_encoder_and_nothing_else(self):
        model = make("unet_pretrained", 2, (1, 8, 8), 2)
        first, second = model.stages()
        assert isinstance(first, ResNet)
        assert second is model
        assert first.encoder is model.encoder
        before = copy.deepcopy(model.state_dict())
        fit(first, *random_batch(16, (1, 8, 8), 2), steps=2)
        changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
        assert changed
        assert all(name.startswith("encoder.") for name in changed)

    def test_sharing_survives_deep_copies_and_moves(self):
        twin = copy.deepcopy(make("unet_pretrained", 2, (1, 8, 8), 2)).double()
        first, second = twin.stages()
        assert first.encoder is second.encoder
        assert {p.dtype for p in first.parameters()} == {torch.float64}
        shared = {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
        assert len(shared) == len(list(second.encoder.parameters()))
