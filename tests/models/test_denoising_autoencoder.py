import pytest
import torch

from classcomp.testing import DenoisingContract, batch_of, generator, make, random_batch

SHAPE = (1, 8, 8)
INPUTS, LABELS = random_batch(12, SHAPE, 2)
TARGETS = torch.randn(12, *SHAPE, generator=generator(9))


class TestDenoisingAutoencoder(DenoisingContract):
    family = "denoising_autoencoder"


def loss_of(seed=0, *, inputs=INPUTS, targets=TARGETS, **hyperparameters):
    """Of a new network's first batch."""
    model = make("denoising_autoencoder", 1, SHAPE, 2, width=4, **hyperparameters).train()
    with torch.no_grad():
        return model.loss(batch_of(inputs, LABELS, targets), generator(seed))


def test_it_is_the_autoencoder_s_network():
    wished = {"latent_dim": 16, "width": 5}
    plain = make("autoencoder", 2, SHAPE, 2, **wished).eval()
    model = make("denoising_autoencoder", 2, SHAPE, 2, **wished).eval()
    with torch.no_grad():
        assert torch.equal(model.denoise(INPUTS), plain.reconstruct(INPUTS))


def test_a_flipped_input_has_a_flipped_target():
    """The loss of a batch with some pairs turned is that of the turned batch itself."""
    drawn = torch.rand(12, generator=generator(3)) < 0.5
    assert 0 < drawn.sum() < 12

    def turned(images):
        flipped = drawn[:, None, None, None]
        return torch.where(flipped, images.flip(-1), images)

    expected = loss_of(inputs=turned(INPUTS), targets=turned(TARGETS))
    assert torch.equal(loss_of(3, flips=True), expected)
    assert loss_of(3, flips=True) != loss_of()


def test_penalties_are_sums_over_weights():
    model = make("denoising_autoencoder", 1, SHAPE, 2, width=4)
    weights = torch.cat([p.detach().flatten() for p in model.parameters() if p.ndim > 1])
    for name, sum_of in (("l1", weights.abs().sum()), ("l2", weights.square().sum())):
        added = loss_of(**{name: 0.25}) - loss_of()
        torch.testing.assert_close(added, 0.25 * sum_of, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("name", "value"), [("latent_dim", 0), ("dropout", 1.0), ("flips", 1)])
def test_a_wrong_hyperparameter_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be") as caught:
        make("denoising_autoencoder", 1, SHAPE, 2, **{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["denoising_autoencoder", "linear_denoiser"])
def test_without_targets_nothing_is_learned(family):
    with pytest.raises(AssertionError, match="learns from pairs"):
        make(family, 1, SHAPE, 2).loss(batch_of(INPUTS, LABELS), generator(0))
