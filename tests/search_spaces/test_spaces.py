import math
import subprocess
import sys

import pytest
import torch

from classcomp.models import FAMILIES, build, hyperparameter_names
from classcomp.models.latent_laws import LAWS
from classcomp.models.robust_vae import LOSSES
from search_spaces import (
    SPACES,
    TRAINING_HYPERPARAMETERS,
    Categorical,
    Float,
    Int,
    restricted,
)
from search_spaces.family import LIMITS, Limits, Words


def ends(domain):
    """Return a domain's extreme values."""
    return domain.choices if isinstance(domain, Categorical) else (domain.low, domain.high)


def build_one(family, hyperparameters):
    """Return a small network of a family."""
    return build(
        family,
        depth=1,
        input_shape=(2,) if SPACES[family].takes == "vectors" else (1, 8, 8),
        num_classes=2,
        hyperparameters=hyperparameters,
        generator=torch.Generator(),
    )


def test_every_family_has_a_space():
    assert SPACES.keys() == FAMILIES.keys()
    assert {name: entry.module.takes for name, entry in FAMILIES.items()} == {
        name: known.takes for name, known in SPACES.items()
    }
    assert {name: entry.task for name, entry in FAMILIES.items()} == {
        name: known.task for name, known in SPACES.items()
    }


@pytest.mark.parametrize("family", SPACES)
def test_defaults_lie_inside_the_space(family):
    space, defaults = SPACES[family].space, SPACES[family].defaults
    assert space.keys() <= defaults.keys()
    for name, value in defaults.items():
        assert (space[name] if name in space else SPACES[family].limits[name]).contains(value), name


def held_by_parts(known):
    """Return the names that each part of a family of parts brings."""
    return [set(part.limits) for words in known.parts.values() for part in words.values()]


TRAINED = [family for family, known in SPACES.items() if known.space]


def test_what_is_fitted_in_closed_form_has_nothing_to_search():
    assert SPACES.keys() - set(TRAINED) == {"gaussian_generator"}
    assert SPACES["gaussian_generator"].defaults == {}
    assert hyperparameter_names("gaussian_generator") == ()


@pytest.mark.parametrize("family", TRAINED)
def test_space_is_training_and_the_family_s_own(family):
    own = set(SPACES[family].space) - set(TRAINING_HYPERPARAMETERS)
    assert set(TRAINING_HYPERPARAMETERS) <= set(SPACES[family].space)
    limits = set(SPACES[family].limits).union(*held_by_parts(SPACES[family]))
    optional = limits - set(SPACES[family].space) - {"width"}
    assert own | optional == set(hyperparameter_names(family))
    assert not own & optional


@pytest.mark.parametrize("family", TRAINED)
def test_order_of_proposals(family):
    # Optuna draws in this order: another one would change every search that ever ran.
    own = {
        "vae_svm": ("latent_dim", "beta", "svm_c"),
        "vae_kmeans": ("latent_dim", "beta", "clusters_per_class"),
    }
    order = ("learning_rate", "weight_decay", "batch_size", *own.get(family, ()))
    assert tuple(SPACES[family].space) == order
    assert tuple(SPACES[family].defaults)[: len(order)] == order


def test_what_would_run_to_its_end_is_not_searched():
    """Of two latent dimensions the larger reconstructs better, of two betas the smaller."""
    for family in ("autoencoder", "linear_autoencoder", "beta_vae", "robust_vae"):
        known = SPACES[family]
        assert known.defaults["latent_dim"] == 8
        assert tuple(known.space) == TRAINING_HYPERPARAMETERS
        assert restricted(known, {"latent_dim": [2, 16]}, family).space["latent_dim"] == Int(
            low=2, high=16, default=8
        )


def test_a_denoiser_s_defaults_are_the_autoencoder_s_around_a_wider_bottleneck():
    found, plain = SPACES["denoising_autoencoder"], SPACES["autoencoder"]
    assert found.defaults == plain.defaults | {"latent_dim": 16}
    assert (found.space, found.limits) == (plain.space, plain.limits)


def test_a_loss_is_one_of_the_words():
    known = SPACES["robust_vae"]
    assert restricted(known, {"loss": "welsch"}, "robust_vae").defaults["loss"] == "welsch"
    asked = restricted(known, {"loss": ["l2", "adaptive"]}, "robust_vae").space["loss"]
    assert asked == Categorical(choices=("l2", "adaptive"), default="l2")
    for wrong in ("huber", 2, True, ["l2", "l1"]):
        with pytest.raises(ValueError, match=r"^hyperparameters.robust_vae.loss.*one of l2, charb"):
            restricted(known, {"loss": wrong}, "robust_vae")


def test_a_truth_is_no_number():
    known = SPACES["autoencoder"]
    assert restricted(known, {"flips": True}, "autoencoder").defaults["flips"] is True
    asked = restricted(known, {"batch_norm": [True, False]}, "autoencoder")
    assert asked.space["batch_norm"] == Categorical(choices=(True, False), default=True)
    for wrong in (1, "true", [0, 1], [True, 0.5]):
        with pytest.raises(ValueError, match=r"^hyperparameters.autoencoder.flips.*true or false"):
            restricted(known, {"flips": wrong}, "autoencoder")


@pytest.mark.parametrize("family", SPACES)
def test_the_corners_of_a_space_can_be_built(family):
    for corner in (0, -1):
        values = {name: ends(domain)[corner] for name, domain in SPACES[family].space.items()}
        build_one(family, values)


OPTIONAL = {"grid": 4, "latent_rate": 0.1}
"""What has no default in a space, where a trial's identity would name it."""


def test_defaults_of_configurations_and_spaces_agree():
    for family, entry in FAMILIES.items():
        config = entry.config(
            depth=1,
            input_shape=(2,) if entry.module.takes != "images" else (1, 8, 8),
            num_classes=2,
        )
        for name in hyperparameter_names(family):
            # Of what is optional and off: dropout, flips and rotation.
            expected = SPACES[family].defaults.get(name, OPTIONAL.get(name, 0))
            if any(name in held for held in held_by_parts(SPACES[family])):
                expected = None  # the part's own: tests/models/test_latent_classifier.py
            assert getattr(config, name) == expected, (family, name)


@pytest.mark.parametrize("family", SPACES)
def test_limits_are_those_of_the_network(family):
    """What the table lets pass can be built, what it refuses is refused by the network too."""
    known = SPACES[family]
    for name, limits in known.limits.items():
        if name in TRAINING_HYPERPARAMETERS or not isinstance(limits, Limits):
            continue
        step = 1 if limits.whole else 1e-9
        inside = limits.low + step if limits.above else limits.low
        outside = limits.low if limits.above else limits.low - step
        assert limits.contains(inside)
        assert not limits.contains(outside)
        build_one(family, {name: inside})
        beyond = [] if limits.high == math.inf else [limits.high]
        for wrong in (outside, *beyond, "1", True, math.nan):
            with pytest.raises(ValueError, match=name):
                build_one(family, {name: wrong})


def test_words_are_those_that_networks_know():
    losses, laws = LIMITS["loss"], LIMITS["law"]
    assert isinstance(losses, Words)
    assert isinstance(laws, Words)
    assert set(losses.words) == set(LOSSES)
    assert set(laws.words) == set(LAWS)


def test_contains():
    real, whole = Float(low=0.0, high=1.0, default=0.5), Int(low=0, high=3, default=1)
    choice = Categorical(choices=(16, 32), default=16)
    assert real.contains(1)
    assert not any(map(real.contains, (1.1, "0", 10**400)))
    assert whole.contains(3)
    assert not any(map(whole.contains, (2.0, True, 4)))
    assert choice.contains(16)
    assert not choice.contains(17)


@pytest.mark.parametrize("kind", [Float, Int])
@pytest.mark.parametrize("bounds", [{"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}])
def test_impossible_bounds_are_refused(kind, bounds):
    with pytest.raises(ValueError, match="low"):
        kind(**bounds, default=1)


@pytest.mark.parametrize("choices", [(), (1,), (1, 1)])
def test_impossible_choices_are_refused(choices):
    with pytest.raises(ValueError, match="choices"):
        Categorical(choices=choices, default=1)


def test_a_default_lies_inside():
    for kind, arguments in (
        (Float, {"low": 0.0, "high": 1.0, "default": 1.5}),
        (Int, {"low": 0, "high": 3, "default": 1.5}),
        (Categorical, {"choices": ("a", "b"), "default": "c"}),
    ):
        with pytest.raises(ValueError, match="default"):
            kind(**arguments)


def test_spaces_import_nothing_heavy():
    code = "import sys, search_spaces; print(sorted({'torch', 'ray', 'optuna', 'study', 'classcomp'} & set(sys.modules)))"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
