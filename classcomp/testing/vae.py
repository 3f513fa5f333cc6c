"""What both families on a variational autoencoder keep beyond `FamilyContract`."""

import math

import pytest
import torch

from classcomp.models.gaussian_latents import gaussian_kl
from classcomp.models.on_features import NUM_HEAD_EXAMPLES
from classcomp.models.vae import VAE
from classcomp.testing.family import FamilyContract
from classcomp.testing.model import (
    IMAGE_GRID,
    VECTOR_GRID,
    batch_of,
    fit,
    generator,
    random_batch,
)


class VAEContract(FamilyContract[VAE]):
    """Set `family`, `overfit_hyperparameters` and `overfit_sample` in the subclass."""

    grid = IMAGE_GRID + VECTOR_GRID
    budget_shapes = (((1, 8, 8), 2), ((3, 64, 64), 2), ((2,), 2))
    kind = VAE
    overfit_steps = 60

    def test_labels_play_no_part_in_the_loss(self) -> None:
        model, inputs, labels = self.ready()
        losses = [
            model.loss(batch_of(inputs, y), generator(4)).item() for y in (labels, 2 - labels)
        ]
        assert losses[0] == losses[1]

    def test_loss_is_minus_the_mean_elbo_with_kl_weighted(self) -> None:
        inputs, labels = random_batch(12, (4,), 2)
        models = [self.make(2, (4,), 2, beta=beta).eval() for beta in (1.0, 3.0)]
        with torch.no_grad():
            one, three = (m.loss(batch_of(inputs, labels), generator(0)) for m in models)
            kl = gaussian_kl(*models[0].encode(inputs)).mean()
            torch.testing.assert_close(three - one, 2 * kl)
            torch.testing.assert_close(one, -models[0].elbo(inputs, generator(0)).mean())

    def test_training_variance_is_the_mean_squared_error(self) -> None:
        inputs, _ = random_batch(12, (4,), 2)
        model = self.make(1, (4,), 2).train()
        latents = torch.randn(12, 8, generator=generator(0))
        mse = (inputs - model.decode(latents)).square().mean()
        expected = -0.5 * 4 * (math.log(2 * math.pi) + mse.log() + 1)
        torch.testing.assert_close(model.log_observation(inputs, latents).mean(), expected)
        torch.testing.assert_close(model.observation_variance, 0.75 + 0.25 * mse.detach())

    def test_importance_weights_average_to_the_elbo_and_bound_tightly(self) -> None:
        model, inputs, _ = self.ready((4,))
        with torch.no_grad():
            terms = model.log_likelihood_terms(inputs, generator(0), num_draws=400)
            elbos = torch.stack([model.elbo(inputs, generator(s)) for s in range(400)])
            weights = terms.log_weights
            iwae = weights.logsumexp(0) - math.log(400)
        assert weights.shape == (400, 12)
        # Six standard errors of the difference of two independent means of 400.
        spread = ((weights.var(0) + elbos.var(0)) / 400).sqrt()
        assert ((weights.mean(0) - elbos.mean(0)).abs() < 6 * spread).all()
        assert (iwae >= weights.mean(0)).all()
        assert (iwae > weights.mean(0)).any()

    def test_reconstruction_and_samples_have_the_inputs_shape(self) -> None:
        for depth, shape, classes in self.grid[:4] + self.grid[-2:]:
            model, inputs, _ = self.ready(shape, classes, depth)
            with torch.no_grad():
                assert model.reconstruct(inputs).shape == inputs.shape
                drawn = model.sample(5, generator(0))
                assert drawn.shape == (5, *shape)
                assert torch.isfinite(drawn).all()
                assert torch.equal(drawn, model.sample(5, generator(0)))

    def test_training_lowers_the_reconstruction_error(self) -> None:
        inputs = random_batch(64, (1,), 2)[0] * torch.tensor([1.0, -1.0, 2.0, 0.5])
        model = self.make(1, (4,), 2).eval()
        before = (model.reconstruct(inputs) - inputs).square().mean()
        fit(model, inputs, torch.arange(64) % 2, steps=200)
        after = (model.eval().reconstruct(inputs) - inputs).square().mean()
        assert after < 0.2 * before
        assert after < 0.2 * inputs.var()

    @pytest.mark.parametrize("labels", [[1] * 12, [0] + [1] * 11, [0, 1] * 6])
    @pytest.mark.parametrize("same_point", [True, False])
    def test_degenerate_samples_fit_without_a_warning(
        self, labels: list[int], same_point: bool
    ) -> None:
        inputs, _ = random_batch(12, (4,), 3)
        if same_point:
            inputs = inputs[:1].repeat(12, 1)
        model = self.make(1, (4,), 3).eval()
        model.fit_head(inputs, torch.tensor(labels), generator(0))
        with torch.no_grad():
            proba = model.predict_proba(inputs)
            assert set(model.predict(inputs).tolist()) <= {0, 1, 2}
        assert (proba > 0).all()
        torch.testing.assert_close(proba.sum(1), torch.ones(12))

    def test_a_single_example_is_enough(self) -> None:
        inputs, _ = random_batch(3, (4,), 2)
        model = self.make(1, (4,), 2).eval()
        model.fit_head(inputs[:1], torch.tensor([1]), generator(0))
        assert model.predict(inputs).shape == (3,)

    def test_head_sees_a_bounded_sample_and_leaves_the_mode_alone(self) -> None:
        inputs, labels = random_batch(NUM_HEAD_EXAMPLES + 10, (2,), 2)
        model = self.make(1, (2,), 2).train()
        latents, kept = model.head_sample(inputs, labels, generator(0))
        assert len(latents) == len(kept) == NUM_HEAD_EXAMPLES
        assert model.training
        assert not latents.requires_grad

    def test_predicting_before_the_head_is_fitted_is_refused(self) -> None:
        model = self.make(1, (2,), 2).eval()
        with pytest.raises(RuntimeError, match="fit_head"):
            model.predict(torch.zeros(1, 2))

    @pytest.mark.parametrize(
        ("name", "value"), [("latent_dim", 0), ("latent_dim", 1.5), ("beta", -1.0)]
    )
    def test_invalid_hyperparameter_is_named(self, name: str, value: float) -> None:
        with pytest.raises(ValueError, match=name):
            self.make(1, (2,), 2, 0, **{name: value})
