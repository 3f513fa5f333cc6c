"""Corrupted training images: how many, which, and into what."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from classcomp.corruption import CORRUPTIONS as KINDS
from classcomp.corruption import COVERED, SPECKLED, Corruption, keeps_image
from classcomp.designs import Training, design
from classcomp.distortions import NEUTRAL, check_severity, distort
from classcomp.draws import Draws
from classcomp.noisy_draws import NoisyDraws
from classcomp.populations import make
from study.trials.schema import NEUTRAL_SEVERITY
from study.trials.trial import CORRUPTIONS, KEEPING_THE_IMAGE
from tests.corrupting import LAWS, PIXELS, changed, draws_of
from tests.populations.own_files import labels, write
from tests.small_trial import TRAINED, trial_of

EVERY = pytest.mark.parametrize("kind", KINDS)
ON_EACH = pytest.mark.parametrize("name", LAWS)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@EVERY
@ON_EACH
def test_a_share_of_the_sample_is_corrupted_and_the_same_more_at_a_larger(
    name: str, kind: str
) -> None:
    """Exactly the share; nested, in the same way; all else is as it was."""
    clean = draws_of(name).training(80)
    less, more = (draws_of(name, kind, share).training(80) for share in (0.25, 0.6))
    hit = changed(less.inputs, clean.inputs)
    assert (len(hit), len(changed(more.inputs, clean.inputs))) == (20, 48)
    assert hit <= changed(more.inputs, clean.inputs)
    places = sorted(hit)
    assert torch.equal(less.inputs[places], more.inputs[places])
    assert torch.equal(less.labels, clean.labels)
    again = draws_of(name, kind, 0.25).training(80)
    assert torch.equal(again.inputs, less.inputs)


@EVERY
def test_a_family_of_vectors_sees_the_same_images(kind: str) -> None:
    images = draws_of("digits", kind, 0.3).training(50).inputs
    vectors = draws_of("digits", kind, 0.3, as_images=False).training(50).inputs
    assert torch.equal(images.flatten(1), vectors)


def test_where_no_whole_number_is_the_share_it_is_on_average() -> None:
    """10 x .37: three or four of ten, 3.7 on average over 400 samples (sd .46, .023 of a mean)."""
    corruption, x = Corruption(kind="occlusion", share=0.37), np.zeros((10, 1, 4, 4), np.float32)
    law = make("gaussian_images", **{**PIXELS, "mu1": 0.5, "size": 4})
    found = [
        (corruption(x, law, np.random.default_rng(seed)) != 0).any(axis=(1, 2, 3)).sum()
        for seed in range(400)
    ]
    assert set(found) == {3, 4}
    assert abs(np.mean(found) - 3.7) < 4 * 0.023


@EVERY
@ON_EACH
def test_a_corrupted_picture_stays_as_it_is(name: str, kind: str) -> None:
    """Every round over the sample shows the same images; nothing is drawn anew."""
    draws = draws_of(name, kind, 0.5)
    assert draws.renewal(40) is None
    asked = trial_of(num_train=40, hyperparameters={**TRAINED, "batch_size": 8}, most=4)
    plan = design(asked, draws, Training(num_stages=1, batch_size=8))
    first, second = plan.source.examples(0, 40), plan.source.examples(40, 40)
    order, again = first.index.argsort(), second.index.argsort()
    assert torch.equal(first.inputs[order], second.inputs[again])
    assert torch.equal(first.inputs[order], draws.training(40).inputs)


@EVERY
@ON_EACH
@pytest.mark.parametrize("of", [Draws, NoisyDraws])
def test_what_rules_are_scored_on_is_clean_and_what_they_are_chosen_on_is_not(
    name: str, kind: str, of: type[Draws]
) -> None:
    clean, corrupted = (draws_of(name, kind, share, of=of) for share in (0.0, 0.5))
    for asked in ("evaluation", "selection"):
        one, other = getattr(clean, asked)(), getattr(corrupted, asked)()
        assert (one is None) == (other is None)
        if one is not None:
            assert torch.equal(one.inputs, other.inputs)
            assert torch.equal(one.labels, other.labels)
    one, other = clean.validation(40), corrupted.validation(40)
    assert len(changed(other.inputs, one.inputs)) == 20
    assert torch.equal(one.labels, other.labels)
    own = corrupted.training(40).inputs
    assert not torch.equal(own, other.inputs)


@EVERY
def test_streams_are_corrupted_alike_and_have_no_soft_labels(kind: str) -> None:
    draws, num = draws_of("gaussian_images", kind, 0.3), 2_000

    def more(of: Draws, *, noisy: bool) -> Any:
        return of.more(num, np.random.default_rng(7), noisy=noisy, is_soft=True)

    clean, soft = (more(draws, noisy=False)[place] for place in (0, 2))
    inputs, classes, targets = more(draws, noisy=True)
    assert len(changed(inputs, clean)) == 600
    assert targets is None
    assert soft is not None, "the best rule is looked for on the clean law"
    assert torch.equal(classes, more(draws, noisy=False)[1])
    assert torch.equal(clean, more(draws_of("gaussian_images"), noisy=True)[0])


@EVERY
def test_a_denoiser_is_to_restore_what_the_sample_holds(kind: str) -> None:
    """Without feature noise there is nothing to take off: its targets are what it sees."""
    clean = draws_of("gaussian_images", of=NoisyDraws).training(50)
    draws = draws_of("gaussian_images", kind, 0.4, of=NoisyDraws)
    found = draws.training(50)
    assert len(changed(found.inputs, clean.inputs)) == 20
    assert found.targets is not None
    assert torch.equal(found.inputs, found.targets)
    rng = np.random.default_rng(1)
    inputs, _, targets = draws.more(50, rng, noisy=True, is_soft=True)
    assert torch.equal(inputs, targets)


def test_pixel_noise_has_its_deviation() -> None:
    """Half of the range, which of N(0, 1) and N(.4, 1) is from -2 to 2.4: 2.2. Not clipped."""
    clean, noisy = (draws_of("gaussian_images", "pixel_noise", s).training(4_000) for s in (0, 0.5))
    hit = sorted(changed(noisy.inputs, clean.inputs))
    added = (noisy.inputs - clean.inputs)[hit].double()
    assert len(hit) == 2_000
    assert float(added.std()) == pytest.approx(2.2, abs=4 * 2.2 / math.sqrt(2 * added.numel()))
    assert abs(float(added.mean())) < 4 * 2.2 / math.sqrt(added.numel())


def test_salt_and_pepper_have_their_share() -> None:
    """A tenth of all pixels each, -2 and 2.4, and nothing else moves."""
    clean, found = (
        draws_of("gaussian_images", "salt_and_pepper", s).training(4_000).inputs for s in (0, 0.5)
    )
    places = sorted(changed(found, clean))
    black, white = ((found[places] == value).double() for value in (-2.0, np.float32(2.4)))
    error = 4 * math.sqrt(0.09 / black.numel())
    assert float(black.mean()) == pytest.approx(SPECKLED / 2, abs=error)
    assert float(white.mean()) == pytest.approx(SPECKLED / 2, abs=error)
    same = found[places] == clean[places]
    assert bool((same | (black > 0) | (white > 0)).all())


def test_an_occlusion_is_a_grey_square_anywhere() -> None:
    """3 x 3 of 6 x 6 pixels, wholly inside: each of 16 places; grey is .2, between -2 and 2.4."""
    clean, found = (
        draws_of("gaussian_images", "occlusion", s).training(4_000).inputs for s in (0, 0.5)
    )
    moved = (found != clean)[sorted(changed(found, clean))][:, 0]
    assert bool((found[found != clean] == np.float32(0.2)).all())
    assert bool((moved.sum(dim=(1, 2)) == (COVERED * 6) ** 2).all())
    rows, columns = moved.any(dim=2).int().argmax(dim=1), moved.any(dim=1).int().argmax(dim=1)
    places = np.bincount((rows * 4 + columns).numpy(), minlength=16)
    assert places.sum() == 2_000
    assert len(places) == 16
    assert abs(places - 125).max() < 5 * math.sqrt(125)


def test_outliers_are_digits_in_the_range_of_the_pixels() -> None:
    """At 8 x 8 scikit-learn's own, black at -2 and white at 2: those of a teacher's N(0, 1)."""
    clean, found = (draws_of("teacher", "outliers", s).training(200).inputs for s in (0, 0.25))
    places = sorted(changed(found, clean))
    known = {tuple(image.astype(int).flatten()) for image in load_digits().images}
    seen = ((found[places] + 2) * 4).round().int().flatten(1)
    assert all(tuple(image) in known for image in seen.tolist())
    assert torch.equal(found[places], (seen.reshape(-1, 1, 8, 8) / 4 - 2).float())


def test_digits_have_spots_for_outliers() -> None:
    """One bright place that falls off as a Gaussian does: its logarithm is a parabola."""
    clean, found = (draws_of("digits", "outliers", s).training(200).inputs for s in (0, 0.5))
    spots = found[sorted(changed(found, clean))].double()[:, 0]
    assert float(spots.min()) >= 0
    assert float(spots.max()) <= 1
    assert float(spots.amax(dim=(1, 2)).min()) > 0.5
    curvature = spots.log().diff(n=2, dim=1)
    assert float((curvature.amax(dim=(1, 2)) - curvature.amin(dim=(1, 2))).max()) < 1e-2
    assert float(curvature.max()) < 0


def test_an_outlier_fills_any_picture(tmp_path: Any) -> None:
    """Three channels, 10 x 7, floats: as wide as the image, from its darkest to its brightest."""
    x = np.random.default_rng(0).uniform(-3, 5, (60, 3, 10, 7)).astype(np.float32)
    population = make("arrays", path=write(tmp_path / "mine.npz", x=x, y=labels(60)))
    found = Corruption(kind="outliers", share=1.0)(x, population, np.random.default_rng(1))
    black, white = population.pixel_range
    assert (found[:, 0] == found[:, 1]).all()
    assert (found[:, 0] == found[:, 2]).all()
    assert found.dtype == np.float32
    assert found.min() == pytest.approx(black)
    assert black < found.mean() < white
    assert found.max() <= white + 1e-5
    assert len(np.unique(found.reshape(60, -1), axis=0)) > 50


@pytest.mark.parametrize(
    ("kind", "severity", "said"),
    [
        ("outliers", 1.0, r"outliers = 1.0: must be a number in \[0, 1\)"),
        ("pixel_noise", -0.1, r"pixel_noise = -0.1: must be a number in \[0, 1\)"),
        ("occlusion", math.nan, "occlusion = nan: must be"),
        ("salt_and_pepper", True, "salt_and_pepper = True: must be"),
        ("smudge", 0.1, "must be one of label_noise, .*, outliers, pixel_noise"),
    ],
)
def test_a_wrong_share_is_one_line(kind: str, severity: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_severity(kind, severity)


@pytest.mark.parametrize("rendering", ["none", "bump", "plane"])
def test_points_are_refused_rendered_or_not(rendering: str) -> None:
    with pytest.raises(ValueError, match=r"occlusion: xor\(.*\) has points.*allowed with images"):
        distort(make("xor", rendering=rendering), "occlusion", 0.1)


def test_a_law_is_left_alone() -> None:
    law = make("gaussian_images", **PIXELS)
    assert distort(law, "outliers", 0.3) is law


def test_both_sides_of_the_wall_know_the_same_distortions() -> None:
    assert tuple(KINDS) == CORRUPTIONS
    assert tuple(kind for kind in KINDS if keeps_image(kind)) == KEEPING_THE_IMAGE
    assert NEUTRAL == NEUTRAL_SEVERITY
