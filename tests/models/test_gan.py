import math

import pytest
import torch

from classcomp.models.base import Competes
from classcomp.testing import GenerationContract, batch_of, fit, generator, make, random_batch
from classcomp.training.loop import Trainer

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(16, SHAPE, 2))


class TestGAN(GenerationContract):
    family = "gan"

    @pytest.mark.parametrize("value", [0, 1.5, True, 5_000])
    def test_noise_out_of_range(self, value):
        with pytest.raises(ValueError, match="noise_dim"):
            self.make(1, SHAPE, 2, noise_dim=value)


def test_weights_start_as_radford_et_al_have_them():
    model = make("gan", 3, (1, 28, 28), 2)
    weights = torch.cat([p.flatten() for p in model.parameters() if p.ndim > 1])
    assert weights.mean().abs() < 4 * 0.02 / len(weights) ** 0.5
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert model.noise_dim == 32


@pytest.mark.parametrize("training", [True, False])
def test_losses_at_the_equilibrium(training):
    """A discriminator that cannot tell: its logits are 0, each side's -log(1/2)."""
    model = make("gan", 2, SHAPE, 2).train(training)
    torch.nn.init.zeros_(model.discriminator.logit.weight)
    told = model.discriminator_loss(BATCH, generator(0))
    made = model.generator_loss(BATCH, generator(0))
    assert told.item() == pytest.approx(2 * math.log(2), abs=1e-6)
    assert made.item() == pytest.approx(math.log(2), abs=1e-6)
    assert isinstance(model, Competes)
    both = [loss.item() for loss in model.losses(BATCH.inputs, generator(0))]
    assert both == pytest.approx([math.log(2), 2 * math.log(2)], abs=1e-6)


def test_losses_are_binary_cross_entropies_by_hand():
    model = make("gan", 2, SHAPE, 2)
    fit(model, BATCH.inputs, BATCH.labels, steps=20)
    model.eval()
    with torch.no_grad():
        model.discriminator.logit.weight.mul_(20)  # far from telling nothing
        noise = torch.randn(16, 32, generator=generator(3))
        false = torch.sigmoid(model.discriminator(model.generator(noise))).double()
        low, high = BATCH.inputs.min(), BATCH.inputs.max()
        real = model.discriminator(2 * (BATCH.inputs - low) / (high - low) - 1).sigmoid().double()
        told = model.discriminator_loss(BATCH, generator(3)).item()
        made = model.generator_loss(BATCH, generator(3)).item()
    assert told == pytest.approx(float(-real.log().mean() - (1 - false).log().mean()), rel=1e-5)
    assert made == pytest.approx(float(-false.log().mean()), rel=1e-5)
    assert told != pytest.approx(2 * math.log(2), abs=0.1)


def test_the_discriminator_s_objective_leaves_the_generator_alone():
    model = make("gan", 2, SHAPE, 2).train()
    model.discriminator_loss(BATCH, generator(0)).backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.discriminator.parameters())


def test_pixels_have_the_range_that_training_showed():
    model = make("gan", 1, SHAPE, 2).train()
    assert model.pixel_range.tolist() == [0, 1]
    for low, high, seen in ((5.0, 7.0, [5, 7]), (6.0, 9.0, [5, 9]), (4.5, 6.0, [4.5, 9])):
        inputs = torch.linspace(low, high, 4 * 64).reshape(4, *SHAPE)
        model.discriminator_loss(batch_of(inputs, torch.zeros(4, dtype=torch.int64)), generator(0))
        assert model.pixel_range.tolist() == seen
    model.eval().discriminator_loss(BATCH, generator(0))  # evaluation shows it nothing
    assert model.pixel_range.tolist() == [4.5, 9]
    with torch.no_grad():
        model.generator.levels[-2].weight.mul_(1e4)  # saturated
        made = model.sample(64, generator(0))
    assert (made.min().item(), made.max().item()) == (4.5, 9.0)


def test_examples_of_one_grey_are_no_failure():
    model = make("gan", 1, SHAPE, 2)
    fit(model, torch.full((8, *SHAPE), 0.3), torch.arange(8) % 2, steps=3)
    with torch.no_grad():
        made = model.eval().sample(4, generator(0))
    torch.testing.assert_close(made, torch.full_like(made, 0.3))


def test_both_networks_train_with_the_paper_s_momentum():
    model = make("gan", 1, SHAPE, 2)
    trainer = Trainer(model, learning_rate=2e-4, weight_decay=0.0, noise=generator(0))
    assert [o.param_groups[0]["betas"] for o in trainer.optimizers] == [(0.5, 0.999)] * 2
    plain = Trainer(
        make("autoencoder", 1, SHAPE, 2), learning_rate=2e-4, weight_decay=0.0, noise=generator(0)
    )
    assert plain.optimizers[0].param_groups[0]["betas"] == (0.9, 0.999)


def test_a_step_is_adam_s_by_hand():
    """The first step of both: every weight by the rate against its gradient's sign (t = 1)."""
    model, twin = (make("gan", 1, SHAPE, 2).train() for _ in range(2))
    trainer = Trainer(model, learning_rate=1e-3, weight_decay=0.0, noise=generator(5))
    trainer.run_pass(BATCH, batch_size=16)
    draws = generator(5)
    twin.discriminator_loss(BATCH, draws).backward()
    for p in twin.discriminator.parameters():
        p.data -= 1e-3 * p.grad / (p.grad.abs() + 1e-8)
    twin.zero_grad()
    twin.generator_loss(BATCH, draws).backward()
    for p in twin.generator.parameters():
        p.data -= 1e-3 * p.grad / (p.grad.abs() + 1e-8)
    for name, parameter in twin.named_parameters():
        torch.testing.assert_close(
            model.get_parameter(name), parameter, rtol=1e-4, atol=2e-6, msg=name
        )
