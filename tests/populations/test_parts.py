"""Small data that came whole are divided anew by every split seed; nothing else is."""

import hashlib
import pickle
from collections import Counter

import numpy as np
import pytest

from classcomp.distortions import distort
from classcomp.populations import make, resplit
from tests.populations.in_memory import held
from tests.populations.own_files import labels, points, write

SPLITS = ("train", "validation", "whole_train", "test")
DIGITS_38 = {"train": 199, "validation": 39, "whole_train": 238, "test": 119}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def everything(population, split):
    rng = np.random.default_rng(0)
    return population.sample(population.num_available(split), rng, split=split)


def rows(x):
    return {example.tobytes() for example in x}


def told(population):
    parts = population.parts
    return parts.num_train, parts.num_test, parts.is_resplit


def big(num, **facts):
    """Points that say which they are."""
    return held(np.arange(2.0 * num).reshape(num, 2), np.arange(num) % 2, num // 3, **facts)


def test_a_population_tells_its_parts():
    assert told(make("digits", classes=[3, 8])) == (238, 119, True)
    assert told(make("digits")) == (1198, 599, True)
    assert told(resplit(make("digits", classes=[3, 8]), 5)) == (238, 119, True)
    assert make("digits", classes=[3, 8]).parts.num_shared == 357
    assert big(12_000).parts.num_shared == 8_000 - 2 * 667  # of every class a sixth, rounded


@pytest.mark.parametrize("num_shared", [357, 199])
def test_samples_of_two_seeds_overlap_as_told(num_shared):
    """60 pairs of 128 of 357 digits; a pair's overlap has a deviation below .04: 5 of a mean."""
    base = make("digits", classes=[3, 8])
    samples = []
    for seed in range(120):
        divided = resplit(base, seed) if num_shared == 357 else base
        drawn = divided.sample(128, np.random.default_rng(seed), split="train")
        samples.append(rows(drawn.x))
    shared = [len(a & b) / 128 for a, b in zip(samples[::2], samples[1::2], strict=True)]
    assert np.mean(shared) == pytest.approx(128 / num_shared, abs=5 * 0.04 / np.sqrt(60))


@pytest.mark.parametrize("seed", [0, 1, 2**62 - 1])
def test_the_parts_of_a_seed_are_disjoint_stratified_and_whole(seed):
    base = make("digits", classes=[3, 8])
    population = resplit(base, seed)
    parts = {split: everything(population, split) for split in SPLITS}
    assert {split: len(rows(part.x)) for split, part in parts.items()} == DIGITS_38
    assert not rows(parts["test"].x) & rows(parts["whole_train"].x)
    assert not rows(parts["train"].x) & rows(parts["validation"].x)
    assert rows(parts["train"].x) | rows(parts["validation"].x) == rows(parts["whole_train"].x)
    own = {split: everything(base, split) for split in SPLITS}
    assert rows(own["test"].x) | rows(own["whole_train"].x) == (
        rows(parts["test"].x) | rows(parts["whole_train"].x)
    )
    for split in SPLITS:
        assert Counter(own[split].labels.tolist()) == Counter(parts[split].labels.tolist())
    assert (population.label, population == base) == (base.label, False)


def test_an_image_keeps_its_class_wherever_it_goes():
    base = make("digits", classes=[3, 8])

    def classes(population):
        parts = [everything(population, split) for split in ("whole_train", "test")]
        return {x.tobytes(): y for part in parts for x, y in zip(part.x, part.labels, strict=True)}

    assert classes(resplit(base, 3)) == classes(base)
    assert len(classes(base)) == 238 + 119


def test_a_seed_divides_alike_everywhere_and_another_otherwise():
    """Named seeds and raw PCG64: the hash holds under every numpy."""
    population = resplit(make("digits"), 7)
    x = everything(population, "test").x
    np.testing.assert_array_equal(x, everything(pickle.loads(pickle.dumps(population)), "test").x)
    assert rows(x) != rows(everything(resplit(make("digits"), 8), "test").x)
    whole = b"".join(sorted(rows(x)))
    assert hashlib.sha256(whole).hexdigest()[:16] == "26be69b8a87ebe32"
    again = resplit(population, 8)
    np.testing.assert_array_equal(
        everything(again, "test").x, everything(resplit(make("digits"), 8), "test").x
    )


def test_every_choice_of_classes_has_the_same_parts():
    every, pair = (resplit(make("digits", classes=c), 4) for c in (None, [3, 8]))
    for split in SPLITS:
        assert rows(everything(pair, split).x) <= rows(everything(every, split).x)


def test_over_seeds_every_example_is_tested_as_often():
    """60 points, 400 seeds: of a binomial with p = 1/3, 4.5 standard deviations to each side."""
    population = held(np.arange(60.0).reshape(60, 1), np.arange(60) % 3, 20)
    times = np.zeros(60)
    pairs = []
    for seed in range(400):
        tested = everything(resplit(population, seed), "test").x[:, 0].astype(int)
        times[tested] += 1
        pairs.append({0, 1} <= set(tested))
    deviation = np.sqrt(400 * (1 / 3) * (2 / 3))
    assert np.abs(times - 400 / 3).max() < 4.5 * deviation
    # of different classes, and so independently
    assert abs(sum(pairs) - 400 / 9) < 4.5 * np.sqrt(400 * (1 / 9) * (8 / 9))


@pytest.mark.parametrize("distortion", ["none", "imbalance", "feature_noise", "overlap"])
def test_a_place_in_the_evaluation_sample_has_one_class_under_every_seed(distortion):
    base = distort(make("digits", classes=[3, 8, 1]), distortion, 0.3)
    first, second = (everything(resplit(base, seed), "test") for seed in (1, 2))
    np.testing.assert_array_equal(first.labels, second.labels)
    assert len(set(first.labels)) == 3
    assert not np.array_equal(first.x, second.x)


@pytest.mark.parametrize(("num", "is_resplit"), [(9_999, True), (10_000, False)])
def test_ten_thousand_examples_are_not_divided_anew(num, is_resplit):
    population = big(num)
    assert told(population) == (num - num // 3, num // 3, is_resplit)
    assert (resplit(population, 1) == population) == (not is_resplit)


def test_a_test_part_that_came_with_the_data_is_never_mixed(tmp_path):
    small = big(90, has_test=True)
    assert resplit(small, 1) is small
    assert told(small) == (60, 30, False)
    test = {"x_test": points(9, seed=1), "y_test": labels(9)}
    given = make("arrays", path=write(tmp_path / "given.npz", x=points(), y=labels(), **test))
    whole = make("arrays", path=write(tmp_path / "whole.npz", x=points(), y=labels()))
    assert resplit(given, 1) is given
    assert told(given) == (60, 9, False)
    assert told(whole) == (39, 21, True)
    assert rows(everything(resplit(whole, 1), "test").x) != rows(everything(whole, "test").x)


def test_laws_are_not_divided():
    law = make("xor", sigma=0.5)
    assert resplit(law, 3) is law


def test_a_split_seed_is_a_whole_number():
    with pytest.raises(ValueError, match="split seed = -1: must be a whole number at least 0"):
        resplit(make("digits"), -1)
