import subprocess
import sys

import pytest
import torch

from classcomp.models import FAMILIES, build, hyperparameter_names
from classcomp.models import TRAINING_HYPERPARAMETERS as MODELS_TRAINING
from search_spaces import SPACES, TRAINING_HYPERPARAMETERS, Categorical, Float, Int


def ends(domain):
    """Return a domain's extreme values."""
    return domain.choices if isinstance(domain, Categorical) else (domain.low, domain.high)


def test_every_family_has_a_space():
    assert SPACES.keys() == FAMILIES.keys()
    assert TRAINING_HYPERPARAMETERS == MODELS_TRAINING


@pytest.mark.parametrize("family", SPACES)
def test_defaults_lie_inside_the_space(family):
    space, defaults = SPACES[family].space, SPACES[family].defaults
    assert space.keys() == defaults.keys()
    for name, value in defaults.items():
        assert space[name].contains(value), name


@pytest.mark.parametrize("family", SPACES)
def test_space_is_training_and_the_family_s_own(family):
    own = set(SPACES[family].space) - set(TRAINING_HYPERPARAMETERS)
    assert set(TRAINING_HYPERPARAMETERS) <= set(SPACES[family].space)
    assert own == set(hyperparameter_names(family))


@pytest.mark.parametrize("family", SPACES)
def test_the_corners_of_a_space_can_be_built(family):
    shape = (2,) if FAMILIES[family].module.takes == "vectors" else (1, 8, 8)
    for corner in (0, -1):
        values = {name: ends(domain)[corner] for name, domain in SPACES[family].space.items()}
        build(
            family,
            depth=1,
            input_shape=shape,
            num_classes=2,
            hyperparameters=values,
            generator=torch.Generator(),
        )


def test_defaults_of_configurations_and_spaces_agree():
    for family, entry in FAMILIES.items():
        config = entry.config(
            depth=1,
            input_shape=(2,) if entry.module.takes != "images" else (1, 8, 8),
            num_classes=2,
        )
        for name in hyperparameter_names(family):
            assert getattr(config, name) == SPACES[family].defaults[name], (family, name)


def test_contains():
    assert Float(low=0.0, high=1.0).contains(1)
    assert not Float(low=0.0, high=1.0).contains(1.1)
    assert Int(low=1, high=3).contains(3)
    assert not Int(low=1, high=3).contains(2.0)
    assert not Int(low=0, high=3).contains(True)
    assert not Float(low=0.0, high=1.0).contains("0")
    assert Categorical(choices=(16, 32)).contains(16)
    assert not Categorical(choices=(16, 32)).contains(17)


@pytest.mark.parametrize("kind", [Float, Int])
@pytest.mark.parametrize("bounds", [{"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}])
def test_impossible_bounds_are_refused(kind, bounds):
    with pytest.raises(ValueError, match="low"):
        kind(**bounds)


@pytest.mark.parametrize("choices", [(), (1,), (1, 1)])
def test_impossible_choices_are_refused(choices):
    with pytest.raises(ValueError, match="choices"):
        Categorical(choices=choices)


def test_spaces_import_nothing_heavy():
    code = "import sys, search_spaces; print(sorted({'torch', 'ray', 'optuna', 'study', 'classcomp'} & set(sys.modules)))"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
