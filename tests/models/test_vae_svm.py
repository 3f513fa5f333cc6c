import numpy as np
import pytest
import torch

from classcomp.models.heads import fit_calibration
from classcomp.testing import VAEContract, generator, make


class TestVAESVM(VAEContract):
    family = "vae_svm"

    def overfit_hyperparameters(self):
        return {"svm_c": 1e4}

    def overfit_sample(self):
        # Four clusters in the pattern of XOR: no linear rule separates them.
        labels, half = torch.arange(32) % 2, torch.arange(32) // 16
        inputs = 0.1 * torch.randn(32, 1, 8, 8, generator=generator(0))
        inputs[:, :, :, :4] += 2.0 * (half - 0.5)[:, None, None, None]
        inputs[:, :, :, 4:] += 2.0 * ((half ^ labels) - 0.5)[:, None, None, None]
        return inputs, labels

    def test_calibration_is_monotone_and_finite_where_classes_separate(self):
        scores = np.linspace(-2, 2, 20)[:, None]
        weights = fit_calibration(scores, (scores[:, 0] > 0).astype(int), 2)
        logits = scores * weights[0] + weights[1]
        assert np.isfinite(weights).all()
        assert (np.diff(logits[:, 1] - logits[:, 0]) > 0).all()

    def test_calibration_recovers_a_logistic_law(self):
        # 20,000 draws: the slope's standard error is below 0.03, the bound five times that.
        rng = np.random.default_rng(0)
        scores = rng.standard_normal((20_000, 1))
        classes = (rng.random(20_000) < 1 / (1 + np.exp(-(1.5 * scores[:, 0] - 0.5)))).astype(int)
        weights = fit_calibration(scores, classes, 2)
        difference = weights[:, 1] - weights[:, 0]
        np.testing.assert_allclose(difference, [1.5, -0.5], atol=0.15)

    def test_absent_classes_keep_a_small_probability_and_are_not_decided_for(self):
        inputs = torch.randn(12, 4, generator=generator(0))
        model = make("vae_svm", 1, (4,), 10).eval()
        model.fit_head(inputs, torch.tensor([3, 7, 9] * 4), generator(0))
        with torch.no_grad():
            proba, decided = model.predict_proba(inputs), model.predict(inputs)
        absent = [k for k in range(10) if k not in (3, 7, 9)]
        torch.testing.assert_close(proba[:, absent], torch.full((12, 7), 1 / 22))
        assert set(decided.tolist()) <= {3, 7, 9}

    @pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "1"])
    def test_svm_c_out_of_range(self, value):
        with pytest.raises(ValueError, match="svm_c"):
            make("vae_svm", 1, (2,), 2, svm_c=value)
