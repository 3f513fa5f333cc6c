import torch

from classcomp.models.blocks import Encoder, ResNetBlock
from classcomp.testing import FamilyContract, make, random_batch


class TestUNet(FamilyContract):
    family = "unet"

    def test_encoder_is_the_resnet_and_decoder_returns_to_full_resolution(self):
        model = make("unet", 3, (1, 13, 13), 2)
        assert isinstance(model.encoder, Encoder)
        assert all(isinstance(block, ResNetBlock) for block in model.encoder.blocks)
        seen = []
        for level in model.decoder:
            level.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[-2:])))
        model(random_batch(2, (1, 13, 13), 2)[0])
        assert seen == [(3, 3), (6, 6), (13, 13)]

    def test_every_skip_connection_is_used(self):
        model = make("unet", 3, (1, 16, 16), 2).eval()
        skips, hidden = model.encoder.resolutions(random_batch(2, (1, 16, 16), 2)[0])
        skips = [skip.detach().requires_grad_() for skip in skips]
        for level, skip in zip(model.decoder, reversed(skips), strict=True):
            hidden = level(hidden, skip)
        hidden.sum().backward()
        assert all(skip.grad.abs().max() > 0 for skip in skips)
        assert all(torch.isfinite(skip.grad).all() for skip in skips)
