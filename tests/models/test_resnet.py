import torch
from torch.nn import functional as F

from classcomp.models.blocks import ResNetBlock, VGGBlock
from classcomp.testing import FamilyContract, generator


class TestResNet(FamilyContract):
    family = "resnet"

    def test_block_is_a_vgg_block_with_a_skip_connection(self):
        block = ResNetBlock(3, 3)
        assert isinstance(block.block, VGGBlock)
        inputs = torch.randn(4, 3, 8, 8, generator=generator(0)).abs()
        with torch.no_grad():
            torch.testing.assert_close(
                block(inputs), F.relu(inputs + block.block.convolutions(inputs))
            )
            block.block.convolutions[-1].weight.zero_()
            torch.testing.assert_close(block(inputs), inputs)  # nothing learned: the identity
