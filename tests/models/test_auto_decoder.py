"""Auto-decoders: the contract, rows that move when they are visited, the best latents known."""

import math

import pytest
import torch
from torch import nn

from classcomp.models.base import Batch, Decides, DrawsLatents, Generates, Infers, Recalls
from classcomp.testing import (
    ReconstructionContract,
    batch_of,
    fit,
    generator,
    make,
    random_batch,
)
from classcomp.training.loop import Trainer

SHAPE = (1, 8, 8)
FEW = {"latent_dim": 8, "inference_steps": 6, "latent_rate": 0.1}


class FittedContract(ReconstructionContract):
    """What holds of every decoder with fitted latents."""

    hyperparameters = FEW

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("latent_rate", 0.0),
            ("latent_rate", math.nan),
            ("inference_steps", 0),
            ("inference_steps", 2.5),
        ],
    )
    def test_how_latents_are_found_out_of_range(self, name, value):
        with pytest.raises(ValueError, match=name) as caught:
            self.make(1, SHAPE, 2, **{name: value})
        assert "\n" not in str(caught.value)

    def test_what_it_can_do(self):
        model, inputs, _ = self.ready()
        assert isinstance(model, Infers)
        assert isinstance(model, Recalls)
        assert isinstance(model, Generates)
        assert not isinstance(model, Decides)
        with torch.no_grad():
            images = model.sample(5, generator(0))
            assert images.shape == (5, *SHAPE)
            assert torch.equal(images, model.sample(5, generator(0)))
            same = model.infer(inputs, steps=model.inference_steps)
            assert torch.equal(same, model.features(inputs))

    def test_more_steps_come_nearer(self):
        inputs = self.sheet()
        model = self.make(2, SHAPE, 2, **self.learning_hyperparameters())
        fit(model, inputs, torch.arange(64) % 2, steps=30)
        model.eval()
        errors = []
        with torch.no_grad():
            for steps in (0, 4, 16, 64):
                made = model.decode(model.infer(inputs, steps=steps))
                errors.append((made - inputs).square().mean().item())
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.7 * errors[0]

    def test_rows_move_when_they_are_visited(self):
        inputs, labels = random_batch(12, SHAPE, 3)
        model = self.make(2, SHAPE, 3).train()
        model.prepare(inputs)
        start = model.rows.clone()
        trainer = Trainer(model, learning_rate=0.01, weight_decay=0.0, noise=generator(0))
        whole = batch_of(inputs, labels)
        first, second = whole.part(0, 6), whole.part(6, 12)
        trainer.run_pass(first, batch_size=6)
        assert model.row_counts.flatten().tolist() == [1] * 6 + [0] * 6
        assert torch.equal(model.rows[6:], start[6:])
        assert (model.rows[:6] != start[:6]).any(dim=1).all()
        held = {name: value.clone() for name, value in model.state_dict().items()}
        trainer.run_pass(second, batch_size=6)
        assert model.row_counts.flatten().tolist() == [1] * 12
        for name in ("rows", "row_means", "row_squares"):
            assert torch.equal(getattr(model, name)[:6], held[name][:6]), name

    def test_the_table_is_no_parameter_and_nothing_is_left_of_an_old_one(self):
        inputs, labels = random_batch(12, SHAPE, 3)
        model = self.make(2, SHAPE, 3).train()
        before = [name for name, _ in model.named_parameters()]
        model.prepare(inputs)
        model.loss(batch_of(inputs, labels), generator(0))
        assert [name for name, _ in model.named_parameters()] == before
        assert len(model.rows) == 12
        model.prepare(inputs[:5])
        assert model.row_counts.tolist() == [[0.0]] * 5
        assert "rows" in model.state_dict()

    def test_a_known_example_takes_one_step_in_evaluation_mode(self):
        """By hand: the gradient of its objective, which Adam's first step makes a sign of."""
        inputs, labels = random_batch(12, SHAPE, 3)
        model = self.make(2, SHAPE, 3).train()
        model.prepare(inputs)
        batch = batch_of(inputs, labels)
        model.loss(batch, generator(0))  # all are visited once; the weights stay
        rows, range_now = model.rows.clone(), model.pixel_range.clone()
        twin = self.make(2, SHAPE, 3)
        twin.prepare(inputs)
        twin.load_state_dict(model.state_dict())
        twin.eval()
        moved = rows.clone().requires_grad_()
        noise = twin.law.noise(12, twin.latent_dim, generator(5))
        twin.terms(inputs, moved, noise).sum().backward()
        model.loss(batch, generator(5))
        assert torch.equal(range_now, model.pixel_range)
        count = 2  # the search was the first
        mean, square = 0.1 * moved.grad, 0.001 * moved.grad.square()
        step = mean / (1 - 0.9**count) / ((square / (1 - 0.999**count)).sqrt() + 1e-12)
        torch.testing.assert_close(model.rows, rows - model.latent_rate * step)

    def test_the_rate_falls_for_rows_too(self):
        inputs, labels = random_batch(12, SHAPE, 3)
        moves = []
        for rate in (1.0, 0.25):
            model = self.make(2, SHAPE, 3).train()
            model.prepare(inputs)
            batch = batch_of(inputs, labels)
            model.loss(batch, generator(0))
            before = model.rows.clone()
            slow = Batch(inputs=inputs, labels=labels, index=batch.index, rate=rate)
            model.loss(slow, generator(5))
            moves.append(model.rows - before)
        torch.testing.assert_close(moves[1], 0.25 * moves[0], rtol=1e-3, atol=1e-6)

    def test_a_search_begins_at_the_nearest_that_is_known(self):
        inputs, labels = random_batch(12, SHAPE, 3)
        model = self.make(2, SHAPE, 3).train()
        model.prepare(inputs)
        model.loss(batch_of(inputs, labels).part(0, 8), generator(0))  # four stay unknown
        model.eval()
        gaps = inputs.masked_fill(torch.rand(inputs.shape, generator=generator(8)) < 0.5, math.nan)
        with torch.no_grad():
            shown = model.recall(inputs[:8], torch.arange(8))
            for seen in (inputs, gaps):
                distances = (seen[:, None] - shown[None]).square().nansum(dim=(2, 3, 4))
                expected = model.rows[distances.argmin(dim=1)]
                assert torch.equal(model.nearest(seen), expected)

    def test_what_is_recalled_is_decoded_from_the_table(self):
        inputs, labels = random_batch(12, SHAPE, 3)
        model = self.make(2, SHAPE, 3).train()
        model.prepare(inputs)
        model.loss(batch_of(inputs, labels), generator(0))
        model.eval()
        parameters = model.rows[[3, 1]].unflatten(1, (-1, model.latent_dim))
        with torch.no_grad():
            expected = model.decode(model.law.mean(parameters))
            assert torch.equal(model.recall(inputs[[3, 1]], torch.tensor([3, 1])), expected)

    def test_latents_are_found_of_what_is_seen_alone(self):
        model, inputs, _ = self.ready()
        hidden = torch.rand(inputs.shape, generator=generator(8)) < 0.5
        seen = inputs.masked_fill(hidden, math.nan)
        with torch.no_grad():
            found = model.features(seen)
            errors = (model.decode(found) - inputs).square()
            of_all = (model.decode(model.features(inputs)) - inputs).square()
        assert torch.isfinite(found).all()
        assert errors[hidden].mean() > of_all[hidden].mean()

    def test_in_other_units_it_learns_the_same(self):
        inputs, labels = random_batch(24, SHAPE, 2)
        made = []
        for shown in (inputs, 100 * inputs + 30):
            model = self.make(2, SHAPE, 2)
            model.prepare(shown)
            fit(model, shown, labels, steps=3)
            with torch.no_grad():
                made.append(model.eval().decode(model.features(shown)))
        torch.testing.assert_close(made[1], 100 * made[0] + 30, rtol=2e-2, atol=2.0)


class TestAutoDecoder(FittedContract):
    family = "auto_decoder"

    @pytest.mark.parametrize("value", [-1.0, math.inf, True])
    def test_decay_out_of_range(self, value):
        with pytest.raises(ValueError, match="latent_decay"):
            self.make(1, SHAPE, 2, latent_decay=value)

    def test_it_draws_no_latents(self):
        assert not isinstance(self.make(1, SHAPE, 2), DrawsLatents)


class Plane(nn.Module):
    """A linear decoder, so that latents have a known posterior."""

    def __init__(self, latents):
        super().__init__()
        self.matrix = nn.Parameter(0.3 * torch.randn(latents, 64, generator=generator(3)))

    def forward(self, latents):
        return (latents @ self.matrix).unflatten(1, SHAPE)


def with_plane(family, **own):
    """A model whose decoder is linear, of observation variance .05, in the unit of [-1, 1]."""
    model = make(family, 1, SHAPE, 2, latent_dim=4, **{"inference_steps": 600, **own})
    model.decoder = Plane(4)
    model.pixel_range.copy_(torch.tensor([-1.0, 1.0]))
    model.observation_variance.fill_(0.05)
    return model.eval()


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_latents_of_a_linear_decoder_are_those_of_the_largest_posterior(weight):
    """Ridge regression: (W W' + weight v I)^-1 W x."""
    model = with_plane("auto_decoder", latent_decay=weight)
    inputs = torch.randn(6, *SHAPE, generator=generator(4))
    with torch.no_grad():
        matrix = model.decoder.matrix
        inverse = torch.linalg.inv(matrix @ matrix.T + weight * 0.05 * torch.eye(4))
        expected = inputs.flatten(1) @ matrix.T @ inverse
        found = model.features(inputs)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_of_half_the_pixels_they_are_those_of_the_rows_that_are_seen():
    model = with_plane("auto_decoder", latent_decay=1.0)
    inputs = torch.randn(6, *SHAPE, generator=generator(4))
    hidden = torch.rand(64, generator=generator(5)) < 0.5
    with torch.no_grad():
        seen = model.decoder.matrix[:, ~hidden]
        inverse = torch.linalg.inv(seen @ seen.T + 0.05 * torch.eye(4))
        expected = inputs.flatten(1)[:, ~hidden] @ seen.T @ inverse
        found = model.features(inputs.masked_fill(hidden.view(SHAPE), math.nan))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
