"""Distortions of real examples that can be drawn again."""

import numpy as np
import pytest

from classcomp.distortions import distort
from classcomp.populations import make
from tests.populations.in_memory import held

EVERY = np.arange(40)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def samples(distortion, severity, num=40, **parameters):
    """The same examples without the distortion and with it."""
    base = make("digits", **parameters)
    return tuple(
        population.sample(num, np.random.default_rng(3), split="train")
        for population in (base, distort(base, distortion, severity))
    )


def partners_of(x, clean, severity):
    """Which examples of `clean` were blended in, and how badly the best guess fits."""
    blended_in = (x - (1 - severity / 2) * clean) / (severity / 2)
    distance = np.abs(blended_in[:, None] - clean[None]).max(axis=(2, 3, 4))
    return distance.argmin(axis=1), distance.min(axis=1).max()


def test_noise_is_new_every_time_and_around_the_clean_image():
    """400 draws of deviation .3 leave .015 on a mean; 40 x 64 pixels, 5 standard deviations."""
    clean, noisy = samples("feature_noise", 0.3)
    drawn = [noisy.damage(EVERY, np.random.default_rng(seed)) for seed in range(400)]
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.abs(np.mean(drawn, axis=0) - clean.x).max() < 5 * 0.015
    assert np.abs(noisy.x - clean.x).max() > 5 * 0.015
    np.testing.assert_allclose(np.std(drawn, axis=0), 0.3, atol=0.06)


def test_partners_are_new_every_time_and_of_the_sample_itself():
    clean, blended = samples("overlap", 0.5, classes=[3, 8, 1])
    seen = [set() for _ in EVERY]
    for seed in range(300):
        x = blended.damage(EVERY, np.random.default_rng(seed))
        partners, distance = partners_of(x, clean.x, 0.5)
        assert distance < 1e-5
        assert (clean.labels[partners] != clean.labels).all()
        for mine, partner in zip(seen, partners, strict=True):
            mine.add(int(partner))
    others = [int((clean.labels != label).sum()) for label in clean.labels]
    assert [len(mine) for mine in seen] == others


def test_what_a_place_is_given_does_not_depend_on_who_else_is_asked_for():
    base = make("digits", classes=[3, 8]).with_overlap(0.4).with_feature_noise(0.2)
    sample = base.sample(40, np.random.default_rng(0), split="train")
    chosen = np.array([5, 7, 5, 30, 2])
    other = np.array([9, 7, 11, 30, 3])
    first, second = (sample.damage(c, np.random.default_rng(1)) for c in (chosen, other))
    np.testing.assert_array_equal(first[[1, 3]], second[[1, 3]])
    assert not np.array_equal(first[0], first[2])


def test_an_example_without_another_class_is_left_as_it_is():
    x = np.random.default_rng(0).random((12, 3))
    population = held(x, np.arange(12) % 2, 4).with_overlap(0.5)
    sample = population.sample(1, np.random.default_rng(0), split="whole_train")
    assert np.abs(sample.x[0] - x).max(axis=1).min() < 1e-12


@pytest.mark.parametrize(
    ("distortion", "severity"), [("none", 0.0), ("label_noise", 0.2), ("imbalance", 0.2)]
)
def test_what_has_no_noise_of_its_own_is_not_drawn_again(distortion, severity):
    assert samples(distortion, severity, classes=[3, 8])[1].damage is None


LAWS = {
    "xor": {"sigma": 0.5},
    "gaussian_images": {"mu0": 0.0, "mu1": 0.15, "sigma0": 1.2, "sigma1": 1.2, "size": 4},
}


@pytest.mark.parametrize("law", LAWS)
def test_examples_of_a_law_stay_as_they_were_drawn(law):
    """Its feature noise is the law's own: n examples are n draws."""
    noisy = distort(make(law, **LAWS[law]), "feature_noise", 0.3)
    assert noisy.sample(5, np.random.default_rng(0), split="train").damage is None
