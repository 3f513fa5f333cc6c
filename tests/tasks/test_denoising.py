"""Denoising risks that are known: of the posterior mean, of affine maps, of doing nothing."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from classcomp.distortions import distort
from classcomp.draws import Presenter
from classcomp.experiment import Experiment
from classcomp.models.base import Denoiser
from classcomp.noisy_draws import NoisyDraws
from classcomp.populations import make
from classcomp.tasks import TASKS, Assessment, Evaluation
from classcomp.trial import STREAMS
from search_spaces import SPACES
from study.analysis.frames import to_rows
from study.analysis.landscape import build_landscape
from tests.small_trial import experiment_of, finish
from tests.statistical.studies import run_study

DELTA, DIM, TAU = 4.0, 4, 1.0
SEEDS = dict(zip(STREAMS, range(3, 99), strict=False))
TASK = TASKS["denoising"]
KEPT = 1 / (1 + TAU**2)  # of an isotropic component, by Wiener's filter


class Rule(Denoiser):
    """A fixed rule, without parameters."""

    def __init__(self, rule: Any) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.rule(inputs)
        return found


def posterior_mean(z: Tensor) -> Tensor:
    """Of N(+-DELTA/2 e1, I) and noise: which of the two it is, is a hyperbolic tangent."""
    along = torch.tanh(DELTA * z[:, :1] / (2 * (1 + TAU**2)))
    centre = torch.nn.functional.pad(along * DELTA / 2, (0, DIM - 1))
    return centre + KEPT * (z - centre)


def wiener(z: Tensor) -> Tensor:
    """The best affine map: along e1 the variance is 1 + (DELTA/2)^2."""
    first = 1 + (DELTA / 2) ** 2
    return z * torch.tensor([first / (first + TAU**2), *[KEPT] * (DIM - 1)])


WIENER = (5 / 6 + (DIM - 1) * KEPT) * TAU**2 / DIM


def draws_of(name: str, tau: float, *, takes_images: bool = False, **given: Any) -> NoisyDraws:
    population = distort(make(name, **given), "feature_noise", tau)
    device = torch.device("cpu")
    present = Presenter(population=population, takes_images=takes_images, device=device)
    return NoisyDraws(population=population, present=present, device=device, streams=SEEDS)


LAW = draws_of("two_gaussians", TAU, delta=DELTA, dim=DIM, rendering="none")


def assessed(rule: Any, draws: NoisyDraws = LAW) -> Assessment:
    evaluation = Evaluation(
        model=Rule(rule),
        examples=draws.evaluation(),
        population=draws.population,
        present=draws.present,
    )
    return TASK.assess(evaluation)


def test_the_posterior_mean_has_no_excess() -> None:
    found = assessed(posterior_mean)
    assert found.excess is not None
    assert found.floor is not None
    assert 0 <= found.excess.value < 1e-12
    assert found.risk.value == pytest.approx(found.floor.value, rel=1e-10)


@pytest.mark.parametrize(
    ("rule", "known"),
    [
        (wiener, WIENER),
        (lambda z: z, TAU**2),
        (torch.zeros_like, 1 + (DELTA / 2) ** 2 / DIM),
        (lambda z: z + 1, TAU**2 + 1),
    ],
    ids=["wiener", "nothing", "zero", "shifted"],
)
def test_risks_that_are_known(rule: Any, known: float) -> None:
    """R* + excess is E|x - f(z)|^2 / d, whose closed form knows nothing of either."""
    found = assessed(rule)
    assert abs(found.risk.value - known) < 4 * found.risk.standard_error
    assert found.risk.standard_error < 0.02 * known
    assert found.excess is not None
    assert found.terms.mean() == found.excess.value


def test_the_noise_of_what_nobody_can_restore_is_not_in_the_excess() -> None:
    """Wiener's excess from pairs, less R*, has the same mean and more than twice the error."""
    exact = assessed(wiener)
    pairs = LAW.training(10_000)
    assert exact.floor is not None
    assert exact.excess is not None
    assert pairs.targets is not None
    plain = (wiener(pairs.inputs) - pairs.targets).square().mean(dim=1).double().numpy()
    gap = plain.mean() - exact.floor.value - exact.excess.value
    assert abs(gap) < 4 * plain.std() / 100
    assert plain.std() / 100 > 2 * exact.excess.standard_error


def test_risk_is_the_same_of_targets_and_of_their_means() -> None:
    """As proposals are scored on pairs, and the best rule is chosen on means and spreads."""
    chosen = LAW.selection()
    assert chosen is not None
    pairs = LAW.training(20_000)
    for rule, known in ((wiener, WIENER), (torch.zeros_like, 1 + (DELTA / 2) ** 2 / DIM)):
        for examples in (chosen, pairs):
            assert TASK.risk(Rule(rule), examples) == pytest.approx(known, rel=0.02)


def test_real_images_have_no_floor() -> None:
    draws = draws_of("digits", 0.5, takes_images=True)
    found = assessed(lambda z: z, draws)
    assert found.floor is None
    assert found.excess is None
    assert abs(found.risk.value - 0.25) < 4 * found.risk.standard_error
    assert found.terms.mean() == pytest.approx(found.risk.value)
    assert draws.selection() is None


def test_a_constant_s_error_is_the_scale() -> None:
    pairs = LAW.training(20_000)
    assert TASK.scale(pairs) == pytest.approx(1 + (DELTA / 2) ** 2 / DIM, rel=0.02)


def best_rule(family: str, num: int, role: str = "best_in_class", **changes: Any) -> Experiment:
    asked = {
        "population_name": "two_gaussians",
        "population_parameters": {"delta": DELTA, "dim": DIM},
        "distortion": "feature_noise",
        "severity": TAU,
        "hyperparameters": SPACES[family].defaults,
    }
    return finish(experiment_of(role, family=family, num_train=num, **{**asked, **changes}))


@pytest.mark.parametrize(("depth", "rendering"), [(1, "none"), (3, "plane")])
def test_the_best_linear_rule_is_the_wiener_filter(depth: int, rendering: str) -> None:
    """Its risk in closed form, from the map that was learned: above Wiener's, by less than 1%."""
    parameters = {"delta": DELTA, "dim": DIM, "rendering": rendering}
    model = best_rule(
        "linear_denoiser", 20_000, depth=depth, population_parameters=parameters
    ).model
    assert isinstance(model, Denoiser)
    population = LAW.population if rendering == "none" else make("two_gaussians", **parameters)
    show = population.vectors if rendering == "none" else population.images
    axes = torch.from_numpy(show(np.eye(DIM))).flatten(1).double()
    with torch.no_grad():
        offset = model.denoise(torch.from_numpy(show(np.zeros((1, DIM))))).double()
        learned = (model.denoise(torch.from_numpy(show(np.eye(DIM)))) - offset).flatten(1).double()
    # E|x - f(z)|^2 = sum over axes of |axis - image|^2 var(x) + |image|^2 tau^2, and the offset's
    variances = torch.tensor([1 + (DELTA / 2) ** 2, *[1.0] * (DIM - 1)]).double()
    lost = (axes - learned).square().sum(dim=1) @ variances
    risk = float(lost + learned.square().sum() * TAU**2 + offset.square().sum()) / DIM
    assert WIENER * (1 - 1e-6) < risk < 1.01 * WIENER


@pytest.mark.parametrize("rendering", ["plane", "bump"])
def test_the_best_rule_of_the_autoencoder_reaches_the_least_error(rendering: str) -> None:
    """On two components, within 2%. The best affine map of points is 8% above it."""
    parameters = {"delta": DELTA, "dim": 2, "rendering": rendering}
    metrics = best_rule(
        "denoising_autoencoder", 20_000, population_parameters=parameters
    ).outcome.metrics
    floor, excess = metrics["bayes_risk"], metrics["excess_risk"]
    assert 0 < excess + 2 * metrics["excess_risk_se"] < 0.02 * floor
    if rendering == "plane":
        two = TAU**2 * (5 / 6 + KEPT) / (64 * floor)
        assert two == pytest.approx(1.083, abs=0.001)


TABLE: dict[str, Any] = {
    "families": ["denoising_autoencoder", "linear_denoiser"],
    "depths": [1],
    "seeds": 2,
    "num_train": [32],
    "populations": [{"name": "two_gaussians", "delta": DELTA, "rendering": "plane"}],
    "distortions": {"feature_noise": [TAU]},
    "training": {"budget_steps": 20, "max_steps": 60},
    "best_in_class": {"restarts": 1, "num_stream": [4000]},
    "limit": {"restarts": 2, "num_stream": [4000]},
}


@pytest.mark.slow
def test_the_four_terms_of_a_study_telescope(tmp_path: Any) -> None:
    roles = ("measure", "best_in_class", "limit")
    held = run_study(TABLE, tmp_path, roles=roles)
    assert held.decisions is not None
    rows = to_rows(build_landscape(held, TABLE["distortions"]))
    assert [row["family"] for row in rows] == TABLE["families"]
    assert rows[0]["bayes_risk"] == rows[1]["bayes_risk"]
    for row in rows:
        parts = [row[n] for n in ("approximation", "objective", "estimation", "optimization")]
        assert math.fsum(parts) == pytest.approx(row["total"], rel=1e-9)
        assert row["total"] == pytest.approx(row["risk"] - row["bayes_risk"], rel=1e-6)
        for name in ("total", "approximation", "objective", "estimation", "optimization"):
            assert row[f"{name}_lo"] <= row[name] <= row[f"{name}_hi"], name
    assert held.decisions.skipped == []
    autoencoder, linear = rows
    assert autoencoder["approximation"] < linear["approximation"]
    assert autoencoder["total"] > autoencoder["approximation"]


@pytest.mark.parametrize("role", ["best_in_class", "slack"])
def test_real_images_have_no_best_rule(role: str) -> None:
    digits = {"population_name": "digits", "population_parameters": {}}
    wrong = "no known posterior" if role == "best_in_class" else "teachers are"
    with pytest.raises(ValueError, match=wrong) as caught:
        best_rule("denoising_autoencoder", 64, role=role, **digits)
    assert "\n" not in str(caught.value)
