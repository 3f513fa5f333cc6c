import math

import pytest
import torch

from classcomp.models.base import Generates, HasDensity, Quantises
from classcomp.models.blocks import pooled
from classcomp.models.vq_vae import COMMITMENT
from classcomp.testing import ReconstructionContract, batch_of, fit, generator, make, random_batch

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(12, SHAPE, 2))


def places(depth, shape):
    size = shape[1:]
    for _ in range(depth):
        size = pooled(size)
    return math.prod(size)


class TestVQVAE(ReconstructionContract):
    family = "vq_vae"

    def num_latents(self, depth, shape):
        return 8 * places(depth, shape)

    def test_latent_dim_is_the_bottleneck(self):
        """Here `code_dim` for every cell of the last map."""
        for code_dim in (1, 3):
            model = self.make(2, self.shape, 2, code_dim=code_dim).eval()
            found = model.features(random_batch(12, self.shape, 2)[0])
            assert found.shape == (12, 4 * code_dim)
        with pytest.raises(ValueError, match="latent_dim"):
            self.make(1, self.shape, 2, latent_dim=8)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("codes", 1), ("codes", 1_025), ("codes", 8.0), ("codes", True)),
            *(("code_dim", 0), ("code_dim", 257), ("batch_norm", 1), ("flips", "yes")),
        ],
    )
    def test_a_wrong_hyperparameter_is_one_line(self, name, value):
        with pytest.raises(ValueError, match=f"^{name} must be") as caught:
            self.make(1, SHAPE, 2, **{name: value})
        assert "\n" not in str(caught.value)


def trained(**hyperparameters):
    model = make("vq_vae", 1, SHAPE, 2, **hyperparameters)
    fit(model, BATCH.inputs, BATCH.labels, steps=30)
    return model.eval()


def test_features_are_entries_of_the_codebook():
    model = trained(codes=5, code_dim=3)
    with torch.no_grad():
        codes, entries = model.codes(BATCH.inputs), model.features(BATCH.inputs)
    assert codes.shape == (12, 16)
    assert 0 <= codes.min() < codes.max() < 5
    assert torch.equal(entries.view(12, 16, 3), model.quantiser.codebook[codes])


def test_the_loss_by_hand():
    model = make("vq_vae", 2, SHAPE, 2).eval()
    with torch.no_grad():
        encoded = model.latent(model.encoder(BATCH.inputs))  # (B, D, h, w)
        distances = torch.cdist(encoded.movedim(1, -1).flatten(0, 2), model.quantiser.codebook)
        nearest = model.quantiser.codebook[distances.argmin(dim=1)]
        maps = nearest.view(12, 2, 2, 8).movedim(-1, 1)
        error = (model.decoder(maps) - BATCH.inputs).square().mean()
        commitment = distances.min(dim=1).values.square().mean() / 8
        variance = (BATCH.inputs - BATCH.inputs.mean()).square().mean()
        found = model.loss(BATCH, generator(0))
    torch.testing.assert_close(found, error + COMMITMENT * variance * commitment)
    assert COMMITMENT == 0.25


def test_gradients_pass_straight_through_the_codes():
    """What reaches the encoder's map is the decoder's of the codes, and the commitment's."""
    model = make("vq_vae", 1, SHAPE, 2, batch_norm=False).eval()
    model.loss(BATCH, generator(0)).backward()
    with torch.no_grad():
        hidden = model.encoder(BATCH.inputs)
        points = model.latent(hidden).movedim(1, -1)
        entries = model.quantiser(points)
    maps = entries.movedim(-1, 1).clone().requires_grad_()
    (model.decoder(maps) - BATCH.inputs).square().mean().backward()
    pull = 2 * (points - entries) / points.numel() * BATCH.inputs.var(correction=0)
    by_points = maps.grad.movedim(1, -1) + COMMITMENT * pull
    torch.testing.assert_close(model.latent.bias.grad, by_points.flatten(0, 2).sum(dim=0))
    weight = torch.einsum("bhwd,bchw->dc", by_points, hidden)
    torch.testing.assert_close(model.latent.weight.grad[:, :, 0, 0], weight)


def test_training_moves_the_codebook_and_evaluation_does_not():
    model = make("vq_vae", 1, SHAPE, 2)
    before = model.quantiser.codebook.clone()
    model.eval().loss(BATCH, generator(0))
    assert torch.equal(model.quantiser.codebook, before)
    model.train().loss(BATCH, generator(0))
    assert not torch.equal(model.quantiser.codebook, before)
    assert "quantiser.codebook" in model.state_dict()
    assert "quantiser.codebook" not in dict(model.named_parameters())


def test_the_prior_is_the_training_sample_s():
    model = trained(codes=5)
    with torch.no_grad():
        codes = model.codes(BATCH.inputs)
    expected = torch.stack([codes[:, i].bincount(minlength=5) for i in range(16)])
    assert torch.equal(model.prior.singles, expected)
    model.train().fit_head(BATCH.inputs[:3], BATCH.labels[:3], generator(0))
    assert model.training
    assert torch.equal(model.prior.singles.sum(dim=1), torch.full((16,), 3))
    assert torch.equal(model.code_bits(codes), model.prior(codes))


def test_more_codes_cost_more_bits_and_leave_less_error():
    """On images of a few patches, of which 16 codes can name all."""
    patches = torch.randn(16, 1, 2, 2, generator=generator(5))
    chosen = torch.randint(16, (128, 4, 4), generator=generator(6))
    inputs = patches[chosen].permute(0, 3, 1, 4, 2, 5).reshape(128, 1, 8, 8)
    found = []
    for codes in (2, 4, 32):
        model = make("vq_vae", 1, SHAPE, 2, codes=codes, width=12)
        fit(model, inputs, torch.arange(128) % 2, steps=150)
        with torch.no_grad():
            error = (model.eval().reconstruct(inputs) - inputs).square().mean().item()
            bits = model.code_bits(model.codes(inputs)).mean().item()
        found.append((error, bits))
        assert bits <= 1.02 * 16 * math.log2(codes)
    (e2, b2), (e4, b4), (e32, b32) = found
    assert e32 < 0.7 * e4 < 0.7 * e2
    assert b2 < b4 < b32


def test_what_it_can_do():
    model = trained()
    assert isinstance(model, Quantises)
    assert isinstance(model, Generates)
    assert not isinstance(model, HasDensity)
    with torch.no_grad():
        first, again = (model.sample(5, generator(0)) for _ in range(2))
    assert first.shape == (5, *SHAPE)
    assert torch.equal(first, again)


@pytest.mark.parametrize("side", [4, 5, 7, 13])
def test_odd_sides_come_back(side):
    for depth in (1, 4):
        model = make("vq_vae", depth, (2, side, side + 3), 2).eval()
        images = torch.randn(2, 2, side, side + 3, generator=generator(0))
        assert model.reconstruct(images).shape == images.shape
