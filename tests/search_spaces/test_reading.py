"""What a user writes of hyperparameters: values, ranges, choices, and what is refused."""

import math

import pytest

from search_spaces import (
    SPACES,
    Categorical,
    Float,
    Int,
    examples,
    own_space,
    restricted,
)
from search_spaces.reading import read, read_space


def of_vgg(**wishes):
    return restricted(SPACES["vgg"], wishes, "vgg")


def test_no_wish_changes_nothing():
    for name, known in SPACES.items():
        assert restricted(known, {}, name) == known


def test_a_fixed_value_leaves_the_space_and_enters_the_defaults():
    found = of_vgg(learning_rate=1)
    assert tuple(found.space) == ("weight_decay", "batch_size")
    assert found.defaults == SPACES["vgg"].defaults | {"learning_rate": 1.0}
    assert isinstance(found.defaults["learning_rate"], float)
    assert "learning_rate" in SPACES["vgg"].space  # the table itself is left alone


def test_a_range_replaces_the_domain_in_its_place():
    found = of_vgg(learning_rate=[1e-3, 1e-2])
    assert tuple(found.space) == tuple(SPACES["vgg"].space)
    expected = Float(low=1e-3, high=1e-2, log=True, default=3e-3)  # log as the family's own
    assert found.space["learning_rate"] == expected
    assert found.defaults == SPACES["vgg"].defaults


def test_a_default_outside_becomes_the_middle():
    assert of_vgg(learning_rate=[0.1, 0.4]).defaults["learning_rate"] == pytest.approx(0.2)
    assert of_vgg(weight_decay=[0.0, 0.00005]).defaults["weight_decay"] == pytest.approx(2.5e-5)
    assert of_vgg(batch_size=[1, 4]).space["batch_size"] == Int(low=1, high=4, default=2)


def test_what_is_not_searched_by_default_can_be():
    assert of_vgg(dropout=[0.0, 0.5]).space["dropout"] == Float(low=0.0, high=0.5, default=0.25)
    assert of_vgg(dropout=0.5).defaults["dropout"] == 0.5
    assert of_vgg(width=[8, 32]).space["width"] == Float(low=8.0, high=32.0, default=20.0)


def test_choices_keep_the_family_s_default_where_they_can():
    assert of_vgg(batch_size=[8, 32, 64]).defaults["batch_size"] == 32
    assert of_vgg(batch_size={"choices": [7, 9]}).defaults["batch_size"] == 7
    assert of_vgg(batch_size={"choices": [7, 9], "default": 9}).defaults["batch_size"] == 9


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"depth": 3}, "has none of that name; it has learning_rate"),
        ({"learning_rate": 0}, "above 0"),
        ({"learning_rate": -0.1}, "above 0"),
        ({"learning_rate": "fast"}, "finite number above 0"),
        ({"learning_rate": True}, "finite number"),
        ({"learning_rate": math.inf}, "finite"),
        ({"learning_rate": 10**400}, "finite"),
        ({"learning_rate": [0.0, 0.1]}, "above 0"),
        ({"learning_rate": [0.1, 0.01]}, "lower end must come first"),
        ({"learning_rate": [0.1, 0.1]}, "one value alone fixes it"),
        ({"learning_rate": [0.1]}, "two or more"),
        ({"learning_rate": []}, "two or more"),
        ({"learning_rate": ["a", "b"]}, "finite number above 0"),
        ({"learning_rate": [[1], [2]]}, "numbers, strings or truth values"),
        ({"learning_rate": {"low": 0.1}}, "low, high, log, default"),
        ({"learning_rate": {"low": 0.1, "high": 1, "choices": [1]}}, "low, high, log, default"),
        ({"learning_rate": {"low": 0.1, "high": 1, "log": "yes"}}, "log must be true or false"),
        ({"learning_rate": {"low": 0.1, "high": 1, "default": 2}}, "default = 2 lies outside"),
        ({"learning_rate": {"choices": "ab"}}, "choices must be a list"),
        ({"learning_rate": {"choices": [1, 2], "default": 3}}, "default = 3 lies outside"),
        ({"weight_decay": {"low": 0.0, "high": 1, "log": True}}, "only if low is above 0"),
        ({"batch_size": 0}, "an integer of at least 1"),
        ({"batch_size": 16.5}, "an integer of at least 1"),
        ({"batch_size": [1.5, 4]}, "an integer of at least 1"),
        ({"batch_size": {"low": 1, "high": 4, "default": 2.5}}, "default = 2.5 lies outside"),
        ({"dropout": 1.0}, "below 1"),
        ({"dropout": [0.0, 1.0]}, "below 1"),
        ({"width": 0.5}, "of at least 1"),
    ],
)
def test_a_wrong_wish_is_one_line_with_key_and_value(wishes, told):
    ((name, _),) = wishes.items()
    with pytest.raises(ValueError, match=rf"^hyperparameters\.vgg\.{name}") as caught:
        of_vgg(**wishes)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_beyond_the_search_range_but_legal_is_allowed():
    assert of_vgg(learning_rate=1.0).defaults["learning_rate"] == 1.0
    assert restricted(SPACES["vae_svm"], {"latent_dim": 1}, "vae_svm").defaults["latent_dim"] == 1


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ([0.0, 0.5], Float(low=0.0, high=0.5, default=0.25)),
        ([0, 0.5], Float(low=0.0, high=0.5, default=0.25)),
        ([1e-4, 1e-2], Float(low=1e-4, high=1e-2, log=True, default=1e-3)),
        ([-1.0, 1.0], Float(low=-1.0, high=1.0, default=0.0)),
        ([2, 8], Int(low=2, high=8, default=5)),
        ([1, 400], Int(low=1, high=400, log=True, default=20)),
        ([16, 32, 64], Categorical(choices=(16, 32, 64), default=16)),
        (["relu", "tanh"], Categorical(choices=("relu", "tanh"), default="relu")),
        ([True, False], Categorical(choices=(True, False), default=True)),
        ({"low": 1, "high": 400, "log": False}, Int(low=1, high=400, default=200)),
        ({"choices": [16, 64]}, Categorical(choices=(16, 64), default=16)),
    ],
)
def test_forms(written, domain):
    found = read("x", written)
    assert type(found) is type(domain)
    for name in domain.__slots__:
        assert getattr(found, name) == pytest.approx(getattr(domain, name)), name


@pytest.mark.parametrize("written", [3, 0.5, "relu", True])
def test_scalars_are_fixed(written):
    assert read("x", written) is written


def test_an_own_network_s_space_is_training_and_its_own():
    searched = read_space("mine", {"width": 32}, {"dropout": [0.0, 0.5]})
    space = own_space(
        "mine", parameters={"width": 32}, searched=searched, kind="torch", takes="any"
    )
    assert tuple(space.space) == ("learning_rate", "weight_decay", "batch_size", "dropout")
    assert space.defaults["width"] == 32
    assert space.defaults["dropout"] == 0.25
    narrowed = restricted(space, {"learning_rate": 0.01, "dropout": [0.1, 0.2]}, "mine")
    assert "learning_rate" not in narrowed.space
    assert narrowed.defaults["dropout"] == pytest.approx(0.15)


def test_a_fitted_network_has_no_training():
    parameters = {"n_estimators": 9, "learning_rate": 0.5}  # a boosting's own, not AdamW's
    space = own_space("f", parameters=parameters, searched={}, kind="sklearn", takes="vectors")
    assert space.space == {}
    assert space.defaults == parameters


@pytest.mark.parametrize("taken", ["depth", "learning_rate"])
def test_names_that_are_taken(taken):
    with pytest.raises(ValueError, match=rf"^networks\.mine: '{taken}'"):
        own_space("mine", parameters={taken: 1}, searched={}, kind="torch", takes="any")


def test_wrong_spaces_of_an_own_network():
    with pytest.raises(ValueError, match=r"^networks\.mine\.space\.width.*once is enough"):
        read_space("mine", {"width": 3}, {"width": [3, 4]})
    with pytest.raises(ValueError, match=r"^networks\.mine\.space\.width = 3: must be a range"):
        read_space("mine", {}, {"width": 3})


def test_examples_are_the_defaults_and_the_ends():
    searched = read_space("mine", {}, {"dropout": [0.0, 0.5], "act": ["relu", "tanh"]})
    assert examples({"width": 3}, searched) == (
        {"width": 3, "dropout": 0.25, "act": "relu"},
        {"width": 3, "dropout": 0.0, "act": "relu"},
        {"width": 3, "dropout": 0.5, "act": "tanh"},
    )
    assert examples({"width": 3}, {}) == ({"width": 3},)
