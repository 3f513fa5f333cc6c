"""Who is scored by corrupted images, and what they do to whom that learned from them."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.datasets import load_digits
from torch import Tensor, nn

from classcomp.corruption import NOISE
from classcomp.draws import Examples
from classcomp.models.base import Decides, Reconstructs
from classcomp.populations import Population, make
from classcomp.scoring import Scorer
from classcomp.tasks import TASKS, Evaluation
from tests.corrupting import PIXELS, changed, draws_of
from tests.small_trial import TRAINED, experiment_of, finish


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


class Shown(nn.Module):
    """Gives back a constant, or what it is shown."""

    def __init__(self, constant: float | None) -> None:
        super().__init__()
        self.constant = constant

    def reconstruct(self, inputs: Tensor) -> Tensor:
        return inputs if self.constant is None else torch.full_like(inputs, self.constant)

    def denoise(self, inputs: Tensor) -> Tensor:
        return self.reconstruct(inputs)


class Threshold(nn.Module):
    """The Bayes rule of two classes of equal variance: the mean of the pixels against a half."""

    def decide(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        one = (inputs.flatten(1).mean(dim=1) > PIXELS["mu1"] / 2).long()
        return one, nn.functional.one_hot(one, 2).double()

    def predict(self, inputs: Tensor) -> Tensor:
        return self.decide(inputs)[0]

    def predict_proba(self, inputs: Tensor) -> Tensor:
        return self.decide(inputs)[1]


def scored(model: Any, task: str, kind: str) -> tuple[dict[str, Any], Any]:
    """What a rule is scored by under a corruption, and the terms that are kept."""
    draws = draws_of("gaussian_images", of=TASKS[task].draws)
    examples = draws.evaluation()

    def evaluation(corrupted: str | None) -> Evaluation:
        return Evaluation(
            model=model,
            examples=examples if corrupted is None else draws.corrupted(examples, corrupted),
            population=draws.population,
            present=draws.present,
        )

    scorer = Scorer(model, TASKS[task], None, evaluation)  # type: ignore[arg-type]
    return scorer._under(kind), scorer.kept.get(f"{kind}_terms")


# E (x - c)^2 of the mixture of N(0, 1) and N(.4, 1), c the constant .2 that is its mean
AROUND = 1 + 0.04
BLACK, WHITE = -2.0, 2.4
SQUARES = {
    "pixel_noise": ((NOISE * 4.4) ** 2, AROUND + (NOISE * 4.4) ** 2),
    "salt_and_pepper": (
        0.1 * (AROUND + 2.2**2) * 2,
        0.8 * AROUND + 0.1 * 2 * 2.2**2,
    ),
    "occlusion": (0.25 * AROUND, 0.75 * AROUND),
}
"""E |x' - x|^2 / d and E |x' - c|^2 / d by hand; black and white are 2.2 from c, grey is c."""


@pytest.mark.parametrize("kind", SQUARES)
def test_corrupted_errors_are_the_second_moments_by_hand(kind: str) -> None:
    """10,000 images of 36 pixels; standard errors as found, of the terms that are kept."""
    moved, around = SQUARES[kind]
    assert isinstance(Shown(None), Reconstructs)
    found, terms = scored(Shown(None), "reconstruction", kind)
    assert found[f"{kind}_risk"] == 0.0, "what is shown is given back"
    assert found[f"{kind}_restored_mse"] == pytest.approx(moved, rel=0.01)
    found, terms = scored(Shown(0.2), "reconstruction", kind)
    assert found[f"{kind}_risk"] == pytest.approx(around, abs=4.5 * found[f"{kind}_risk_se"])
    assert found[f"{kind}_restored_mse"] == pytest.approx(AROUND, rel=0.01), "of the clean image"
    error = terms.astype(float).std(ddof=1) / 100
    assert found[f"{kind}_risk_se"] == pytest.approx(error, rel=1e-2)
    assert terms.astype(float).mean() == pytest.approx(found[f"{kind}_risk"], rel=1e-3)


@pytest.mark.parametrize("kind", SQUARES)
def test_a_denoiser_is_held_against_the_clean_image(kind: str) -> None:
    found, terms = scored(Shown(None), "denoising", kind)
    assert found[f"{kind}_risk"] == pytest.approx(SQUARES[kind][0], rel=0.01)
    assert set(found) == {f"{kind}_risk", f"{kind}_risk_se"}
    assert terms.astype(float).mean() == pytest.approx(found[f"{kind}_risk"], rel=1e-3)
    assert scored(Shown(None), "denoising", "outliers")[0] == {}


def test_a_bayes_rule_under_pixel_noise_by_hand() -> None:
    """Phi(-size mu1 / (2 sqrt(1 + s^2))): the mean of 36 pixels, each with 1 + 2.2^2."""
    model = Threshold()
    assert isinstance(model, Decides)
    found, terms = scored(model, "classification", "pixel_noise")
    wanted = norm.cdf(-6 * 0.4 / 2 / math.sqrt(1 + 2.2**2))
    assert found["pixel_noise_risk"] == pytest.approx(wanted, abs=4 * found["pixel_noise_risk_se"])
    assert found["pixel_noise_risk_se"] < 0.01
    assert terms.astype(float).mean() == pytest.approx(found["pixel_noise_risk"], abs=1e-4)
    assert "pixel_noise_restored_mse" not in found


def test_of_an_outlier_only_itself_can_be_asked_for() -> None:
    assert scored(Threshold(), "classification", "outliers")[0] == {}
    found, _ = scored(Shown(None), "reconstruction", "outliers")
    assert set(found) == {"outliers_risk", "outliers_risk_se"}


def test_a_trial_is_scored_under_what_it_is_told_and_trains_the_same() -> None:
    changes: dict[str, Any] = {
        "family": "linear_autoencoder",
        "population_name": "gaussian_images",
        "population_parameters": {**PIXELS, "size": 4},
        "hyperparameters": {**TRAINED, "latent_dim": 2},
    }
    plain = finish(experiment_of(**changes))
    told = finish(experiment_of(**changes, scored_under=("occlusion", "outliers")))
    metrics = dict(told.outcome.metrics)
    assert metrics["occlusion_risk"] > 0
    assert metrics["outliers_risk"] > 0
    for name, value in plain.outcome.metrics.items():
        if not name.endswith("_s"):
            assert metrics[name] == value, name
    assert {"occlusion_terms", "outliers_terms"} <= set(told.decisions)
    assert not {"occlusion_terms", "outliers_terms"} & set(plain.decisions)


def contaminated(share: float, law: Population) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the law's images with a share of scikit-learn's digits, by hand."""
    black, white = law.pixel_range
    outliers = black + (white - black) * load_digits().data / 16
    mean, spread = np.full(64, 0.75), np.eye(64) * 0.04 + np.full((64, 64), 0.75**2)
    out_mean, out_spread = outliers.mean(axis=0), np.cov(outliers.T, ddof=0)
    apart = np.outer(out_mean - mean, out_mean - mean)
    whole = (1 - share) * spread + share * out_spread + share * (1 - share) * apart
    return (1 - share) * mean + share * out_mean, whole


@pytest.mark.slow
def test_a_linear_autoencoder_learns_the_second_moment_of_the_contaminated_law() -> None:
    """Its rule is the projection onto the contaminated law's first principal component.

    Classes at 0 and 1.5, every pixel with variance .04: one component (all pixels alike) has all
    but that. With four in ten outliers the first component is the digits', and the error on clean
    images follows from means and covariances alone.
    """
    parameters = {"mu0": 0.0, "mu1": 1.5, "sigma0": 0.2, "sigma1": 0.2, "size": 8}
    law, share = make("gaussian_images", **parameters), 0.4
    mean, spread = contaminated(share, law)
    first = np.linalg.eigh(spread)[1][:, -1:]
    left = np.eye(64) - first @ first.T
    clean_mean, clean = contaminated(0.0, law)
    off = left @ (mean - clean_mean)
    wanted = (np.trace(left @ clean @ left) + off @ off) / 64
    best = np.sort(np.linalg.eigvalsh(clean))[:-1].sum() / 64
    assert wanted > 2.5 * best, "otherwise nothing would be told"
    trained = finish(
        experiment_of(
            "limit",
            family="linear_autoencoder",
            population_name="gaussian_images",
            population_parameters=parameters,
            distortion="outliers",
            severity=share,
            num_train=60_000,
            budget=1,
            most=1,
            hyperparameters={
                **{"learning_rate": 0.003, "weight_decay": 0.0, "batch_size": 64},
                **{"latent_dim": 1},
            },
        )
    )
    assert trained.outcome.metrics["risk"] == pytest.approx(wanted, rel=0.02)


def test_examples_to_score_on_are_replaced_and_nothing_else() -> None:
    draws = draws_of("digits")
    examples = draws.evaluation()
    found = draws.corrupted(examples, "occlusion")
    assert len(changed(found.inputs, examples.inputs)) == len(examples.labels)
    assert found.targets is not None
    assert torch.equal(found.targets, examples.inputs)
    assert torch.equal(draws.corrupted(examples, "occlusion").inputs, found.inputs)
    kept = {f.name for f in dataclasses.fields(Examples)} - {"inputs", "targets"}
    assert all(getattr(found, name) is getattr(examples, name) for name in kept)
