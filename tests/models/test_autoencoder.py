import pytest
import torch
from torch import nn

from classcomp.models.initialisation import ToPixels
from classcomp.testing import (
    ReconstructionContract,
    batch_of,
    generator,
    make,
    random_batch,
)

SHAPE = (1, 8, 8)
IMAGE_FAMILIES = ["autoencoder", "beta_vae", "robust_vae"]
BATCH = batch_of(*random_batch(12, SHAPE, 2))


class TestAutoencoder(ReconstructionContract):
    family = "autoencoder"


def loss_of(family, seed=0, *, mode=True, batch=BATCH, **hyperparameters):
    """Of a new network's first batch."""
    model = make(family, 1, SHAPE, 2, width=4, **hyperparameters).train(mode)
    with torch.no_grad():
        return model.loss(batch, generator(seed))


def test_the_objective_is_the_risk():
    model = make("autoencoder", 2, SHAPE, 2).eval()
    with torch.no_grad():
        found = model.loss(BATCH, generator(0))
        by_hand = (model.reconstruct(BATCH.inputs) - BATCH.inputs).square().mean()
    torch.testing.assert_close(found, by_hand)


def test_the_parts_come_in_their_order():
    model = make("autoencoder", 2, SHAPE, 2)
    blocks = [[type(layer) for layer in block] for block in model.encoder.blocks.blocks]
    assert blocks == [[nn.Conv2d, nn.ReLU, nn.BatchNorm2d]] * 2
    mirror = [nn.ConvTranspose2d, nn.ReLU, nn.BatchNorm2d, ToPixels]
    assert [type(layer) for layer in model.decoder.levels] == mirror  # no bound on pixels
    assert model.latent.out_features == 8


@pytest.mark.parametrize("side", [4, 5, 7, 13, 28])
def test_odd_sides_come_back(side):
    for depth in (1, 4):
        model = make("autoencoder", depth, (2, side, side + 3), 2).eval()
        images = torch.randn(2, 2, side, side + 3, generator=generator(0))
        assert model.reconstruct(images).shape == images.shape


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_without_batch_norm_there_is_none(family):
    model = make(family, 2, SHAPE, 2, batch_norm=False)
    assert not [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    model.train()
    once = model.loss(BATCH, generator(0))
    assert torch.isfinite(once)


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_penalties_are_sums_over_weights(family):
    model = make(family, 1, SHAPE, 2, width=4)
    weights = torch.cat([p.flatten() for p in model.parameters() if p.ndim > 1])
    plain = loss_of(family)
    for name, sum_of in (("l1", weights.abs().sum()), ("l2", weights.square().sum())):
        added = loss_of(family, **{name: 0.25}) - plain
        torch.testing.assert_close(added, 0.25 * sum_of.detach(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_flips_turn_some_examples_in_training_only(family):
    symmetric = batch_of(BATCH.inputs + BATCH.inputs.flip(-1), BATCH.labels)
    assert torch.equal(loss_of(family, flips=True, mode=False), loss_of(family, mode=False))
    if family == "autoencoder":  # which draws nothing else
        assert loss_of(family, 1, flips=True) != loss_of(family, 2, flips=True)
        turned = loss_of(family, flips=True, batch=symmetric)
        torch.testing.assert_close(turned, loss_of(family, batch=symmetric))


def test_a_flipped_example_is_to_come_back_flipped():
    """The loss of a batch with some examples turned is that of the turned batch itself."""
    drawn = torch.rand(12, generator=generator(3)) < 0.5
    assert 0 < drawn.sum() < 12
    turned = torch.stack(
        [x.flip(-1) if turn else x for x, turn in zip(BATCH.inputs, drawn, strict=True)]
    )
    expected = loss_of("autoencoder", batch=batch_of(turned, BATCH.labels))
    assert torch.equal(loss_of("autoencoder", 3, flips=True), expected)


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_dropout_draws_from_the_generator_alone(family):
    before = torch.get_rng_state()
    first, again, other = (loss_of(family, seed, dropout=0.5) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(loss_of(family, 1, dropout=0.5, mode=False), loss_of(family, 1, mode=False))


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("dropout", 1.0), ("dropout", -0.1), ("l1", -1.0), ("l2", float("nan"))),
        *(("batch_norm", 1), ("flips", "yes"), ("grid", 0), ("grid", 2.5)),
    ],
)
def test_a_wrong_hyperparameter_is_named(family, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        make(family, 1, SHAPE, 2, **{name: value})


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_a_grid_of_seven_keeps_all_cells_of_28_pixels(family):
    fine, coarse = (make(family, 2, (1, 28, 28), 2, width=6, grid=grid) for grid in (7, 4))
    assert fine.encoder.pool.num_features == 49 * fine.encoder.blocks.channels[-1]
    assert coarse.encoder.pool.num_features == 16 * coarse.encoder.blocks.channels[-1]
    assert fine.decoder.shape[1:] == (7, 7)
    assert fine.reconstruct(torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_a_transposed_convolution_starts_at_the_scale_of_its_input():
    """Variance 2 / fan_in before a ReLU: of N(0, 1) maps the next have mean square 2."""
    layer = make("autoencoder", 2, (1, 32, 32), 2, width=40).decoder.levels[0]
    maps = torch.randn(8, layer.in_channels, 8, 8, generator=generator(0))
    with torch.no_grad():
        inner = layer(maps)[:, :, 2:-2, 2:-2]  # edges see less
    # 60 x 40 x 16 weights, 8 x 40 x 144 cells: a standard error of about 2%.
    assert inner.square().mean().item() == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_what_comes_back_at_first_is_small(depth):
    model = make("autoencoder", depth, SHAPE, 2).train()
    with torch.no_grad():
        found = model.reconstruct(BATCH.inputs).square().mean()
    assert 0 < found < 0.1 * BATCH.inputs.square().mean()
