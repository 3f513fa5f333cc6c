"""Images of which pixels are missing: what is drawn, who sees it, what the risk is of."""

import numpy as np
import pytest
import torch

from classcomp.draws import Draws, Examples, Presenter
from classcomp.gappy_draws import GappyDraws, with_gaps
from classcomp.models import FAMILIES, Model
from classcomp.populations import make as make_population
from classcomp.tasks import TASKS, Evaluation
from classcomp.testing import batch_of, fit, generator, make
from search_spaces import SPACES
from tests.small_trial import experiment_of, finish

CPU = torch.device("cpu")
DIGITS = {"population_name": "digits", "population_parameters": {}}
SEEING = [family for family, space in SPACES.items() if space.sees_gaps]
SEARCH = {"latent_dim": 8, "inference_steps": 10, "width": 16}
QUICK = {
    "auto_decoder": SEARCH,
    "variational_auto_decoder": {**SEARCH, "beta": 0.1},
    "beta_vae": {"beta": 0.0, "width": 16},
}


def draws_of(kind, **own):
    population = make_population("digits")
    return kind(
        population=population,
        present=Presenter(population=population, takes_images=True, device=CPU),
        device=CPU,
        streams={"data": 1, "noise": 2, "damage": 3, "validation": 4, "validation_noise": 5,
                 "evaluation": 6},
        **own,
    )  # fmt: skip


def test_as_many_pixels_are_missing_in_every_image_with_all_their_channels():
    images = torch.rand(20, 3, 5, 7, generator=generator(0))
    gaps = with_gaps(images, 0.5, np.random.default_rng(1))
    missing = gaps.isnan()
    assert torch.equal(missing[:, 0], missing[:, 1])
    assert torch.equal(missing[:, 0], missing[:, 2])
    assert missing[:, 0].flatten(1).sum(dim=1).tolist() == [round(0.5 * 35)] * 20
    assert torch.equal(gaps[~missing], images[~missing])
    assert len({tuple(row.tolist()) for row in missing[:, 0].flatten(1)}) == 20


def test_what_is_missing_at_a_smaller_share_is_missing_at_a_larger_one():
    images = torch.rand(20, 1, 8, 8, generator=generator(0))
    half, most = (with_gaps(images, s, np.random.default_rng(1)).isnan() for s in (0.5, 0.9))
    assert (most | ~half).all()
    assert most.sum() > half.sum()


@pytest.mark.parametrize(("share", "count"), [(0.001, 1), (0.9999, 63)])
def test_one_pixel_is_missing_at_least_and_one_is_seen(share, count):
    images = torch.rand(3, 1, 8, 8, generator=generator(0))
    missing = with_gaps(images, share, np.random.default_rng(1)).isnan()
    assert missing.flatten(1).sum(dim=1).tolist() == [count] * 3


def test_places_are_drawn_alike_all_over_the_image():
    images = torch.zeros(4_000, 1, 4, 4)
    missing = with_gaps(images, 0.25, np.random.default_rng(2)).isnan().double().mean(dim=0)
    assert (missing - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4_000) ** 0.5


@pytest.mark.parametrize("sample", ["training", "validation", "evaluation"])
def test_gaps_are_in_what_would_be_drawn_without_them(sample):
    size = () if sample == "evaluation" else (50,)
    whole, gappy = (
        getattr(draws_of(kind, **own), sample)(*size)
        for kind, own in ((Draws, {}), (GappyDraws, {"missing": 0.5}))
    )
    assert torch.equal(gappy.targets, whole.inputs)
    assert torch.equal(gappy.labels, whole.labels)
    seen = ~gappy.inputs.isnan()
    assert torch.equal(gappy.inputs[seen], whole.inputs[seen])
    assert seen.double().mean().item() == pytest.approx(0.5)
    again = getattr(draws_of(GappyDraws, missing=0.5), sample)(*size)
    torch.testing.assert_close(again.inputs, gappy.inputs, equal_nan=True, rtol=0, atol=0)


def test_nothing_is_missing_where_nobody_asks_for_it():
    whole, gappy = (draws_of(kind).training(30) for kind in (Draws, GappyDraws))
    assert torch.equal(whole.inputs, gappy.inputs)
    assert gappy.targets is None


class Grey(Model):
    """Gives back one grey, whatever it is shown."""

    def reconstruct(self, inputs):
        return torch.full_like(inputs, 0.5)


def test_the_risk_is_of_missing_pixels_alone():
    images = torch.rand(30, 1, 8, 8, generator=generator(0))
    gaps = with_gaps(images, 0.5, np.random.default_rng(1))
    examples = Examples(inputs=gaps, labels=torch.zeros(30, dtype=torch.int64), targets=images)
    expected = (images[gaps.isnan()] - 0.5).square().mean().item()  # as many in every image
    task = TASKS["reconstruction"]
    assert task.risk(Grey(), examples) == pytest.approx(expected, rel=1e-6)
    evaluation = Evaluation(model=Grey(), examples=examples, population=make_population("digits"))
    found = task.assess(evaluation)
    assert found.risk.value == pytest.approx(expected, rel=1e-6)
    assert len(found.terms) == 30


def test_families_say_alike_whether_they_see_gaps():
    said = {family for family, entry in FAMILIES.items() if entry.module.sees_gaps}
    assert said == set(SEEING)


@pytest.mark.parametrize(
    "family",
    ["auto_decoder", "beta_vae", pytest.param("variational_auto_decoder", marks=pytest.mark.long)],
)
def test_what_is_missing_teaches_nothing_and_is_found_all_the_same(family):
    """Whatever is in the targets, the network is the same; it errs less than the mean image.

    Of 900 images: of 256 an auto-decoder does not.
    """
    own = {**SPACES[family].defaults, **QUICK[family], "batch_size": 32}
    own["learning_rate"] = 0.01
    asked = {**DIGITS, "family": family, "hyperparameters": own, "num_train": 900, "budget": 8}
    trials = [
        experiment_of(**asked, most=8, distortion="missing_pixels", severity=0.5) for _ in range(2)
    ]
    source = trials[1].design.source
    assert source.inputs.isnan().double().mean().item() == pytest.approx(0.5)
    trials[1].design.head_examples.targets.zero_()
    first, second = (finish(trial).model.state_dict() for trial in trials)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=0, equal_nan=True), name
    evaluation = trials[0].design.evaluation
    missing = evaluation.inputs.isnan()
    mean = source.inputs.nanmean(dim=0)
    of_mean = (evaluation.targets - mean)[missing].square().mean().item()
    assert trials[0].outcome.metrics["risk"] < 0.95 * of_mean
    assert trials[1].outcome.metrics["train_risk"] != trials[0].outcome.metrics["train_risk"]
    shown = trials[0].exhibits()
    may_be_unknown = ("features/gram", "latent_map/quality")
    assert all(np.isfinite(shown[key]).all() for key in shown.keys() - may_be_unknown)
    assert shown["reconstructions/seen"].shape == shown["reconstructions/originals"].shape


def test_a_vae_is_shown_the_mean_of_what_training_has_seen():
    images = torch.rand(40, 1, 8, 8, generator=generator(0))
    gaps = with_gaps(images, 0.5, np.random.default_rng(1))
    model = make("beta_vae", 2, (1, 8, 8), 2)
    fit(model, gaps, torch.arange(40) % 2, steps=3)
    filled = model.eval().filled(gaps)
    expected = torch.where(gaps.isnan(), gaps.nanmean(dim=0), gaps)
    torch.testing.assert_close(filled, expected)
    assert torch.equal(model.filled(images), images)


def test_refining_lowers_what_is_seen():
    images = torch.rand(12, 1, 8, 8, generator=generator(0))
    gaps = with_gaps(images, 0.5, np.random.default_rng(1))
    errors = []
    for steps in (0, 30):
        model = make("beta_vae", 2, (1, 8, 8), 2, refining_steps=steps)
        fit(model, gaps, torch.arange(12) % 2, steps=20)
        with torch.no_grad():
            made = model.eval().reconstruct(gaps)
        errors.append((made - images)[~gaps.isnan()].square().mean().item())
    assert errors[1] < 0.9 * errors[0]


def test_the_training_risk_of_a_refined_vae_is_of_its_encoder():
    """Trained alike, so that refining shows where nothing is trained, and nowhere else."""
    plain, refined = (
        experiment_of(
            **DIGITS,
            family="beta_vae",
            hyperparameters=SPACES["beta_vae"].defaults | {"refining_steps": steps},
        )
        for steps in (0, 30)
    )
    metrics = [finish(experiment).outcome.metrics for experiment in (plain, refined)]
    assert metrics[0]["train_risk"] == metrics[1]["train_risk"]
    assert metrics[1]["risk"] < 0.95 * metrics[0]["risk"]


def test_the_loss_of_a_vae_is_of_seen_pixels():
    images = torch.rand(12, 1, 8, 8, generator=generator(0))
    gaps = with_gaps(images, 0.5, np.random.default_rng(1))
    model = make("beta_vae", 2, (1, 8, 8), 2, beta=0.0).train()
    loss = model.loss(batch_of(gaps, torch.arange(12)), generator(0))
    again = make("beta_vae", 2, (1, 8, 8), 2, beta=0.0).train()
    made = again.decoder(again.latent(again.encoder(again.filled(gaps))))
    error = (made - images)[~gaps.isnan()].square()
    assert loss.item() == pytest.approx(error.sum().item() / images.numel(), rel=1e-5)
    variance = model.observation_variance.item()
    assert variance == pytest.approx(0.75 + 0.25 * error.mean().item(), rel=1e-5)


def test_who_cannot_take_gaps_is_refused_in_one_line():
    with pytest.raises(ValueError, match="vgg takes no images with gaps") as caught:
        experiment_of(
            **DIGITS,
            family="vgg",
            hyperparameters=SPACES["vgg"].defaults,
            distortion="missing_pixels",
            severity=0.5,
        )
    assert "\n" not in str(caught.value)
