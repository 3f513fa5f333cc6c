"""A family of parts: a word of a study file chooses an encoder or a head, and what either has."""

import pytest

from search_spaces import SPACES, Categorical, Float, restricted
from search_spaces.training import TRAINING

KNOWN = SPACES["latent_classifier"]
CODER = {"latent_dim", "dropout", "l1", "l2", "batch_norm", "flips"}
BY_GRADIENTS = {"trainable", "fine_tuning_rate"}


def names(space):
    return set(space.defaults) - set(TRAINING) - {"encoder", "head"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {*CODER, "beta", *BY_GRADIENTS, "hidden"}),
        ({"encoder": "autoencoder"}, {*CODER, *BY_GRADIENTS, "hidden"}),
        (
            {"encoder": "vq_vae", "head": "svm"},
            {"codes", "code_dim", "batch_norm", "flips", "svm_c"},
        ),
        ({"head": ["linear", "mlp"]}, {*CODER, "beta", *BY_GRADIENTS}),
        ({"head": ["svm", "knn"]}, {*CODER, "beta"}),
        ({"head": {"choices": ["mlp", "knn"], "default": "knn"}}, {*CODER, "beta"}),
    ],
)
def test_a_trial_has_what_its_parts_have(asked, expected):
    assert names(restricted(KNOWN, asked, "latent_classifier")) == expected


def test_what_is_asked_of_the_part_holds_when_another_one_has_it_too():
    """As a variant is read: the family's wishes first, its own above them."""
    base = restricted(
        KNOWN, {"latent_dim": 16, "beta": [0.1, 1.0], "hidden": 8}, "latent_classifier"
    )
    assert isinstance(base.space["beta"], Float)
    found = restricted(base, {"encoder": "autoencoder", "head": "knn"}, "mine")
    assert found.defaults["latent_dim"] == 16
    assert found.defaults["neighbours"] == 5
    assert names(found) == {*CODER, "neighbours"}
    assert tuple(found.space) == tuple(TRAINING)
    back = restricted(found, {"encoder": "robust_vae", "head": "mlp"}, "mine")
    assert (back.defaults["hidden"], back.defaults["loss"]) == (32, "charbonnier")


def test_words_can_be_searched():
    found = restricted(KNOWN, {"head": ["svm", "knn"]}, "latent_classifier").space["head"]
    assert found == Categorical(choices=("svm", "knn"), default="svm")


def test_only_a_family_of_parts_has_parts():
    assert {name for name, known in SPACES.items() if known.parts} == {"latent_classifier"}


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"head": "tree"}, "head = 'tree': must be one of linear, mlp, svm, kmeans"),
        ({"head": 3}, "head = 3: must be one of"),
        ({"head": ["svm", "tree"]}, "head = .*must be one of"),
        ({"head": ["svm", 3]}, "head = .*must be one of"),
        ({"encoder": "gan"}, "encoder = 'gan': must be one of autoencoder, beta_vae"),
        ({"head": "svm", "trainable": "all"}, "trainable: latent_classifier has none.*svm_c"),
        ({"head": "svm", "neighbours": 3}, "neighbours: latent_classifier has none"),
        ({"encoder": "vq_vae", "latent_dim": 8}, "latent_dim: latent_classifier has none"),
        ({"head": ["svm", "knn"], "svm_c": 1.0}, "svm_c: latent_classifier has none"),
        ({"trainable": "last4"}, "trainable = 'last4': must be one of head, all"),
        ({"head": "knn", "neighbours": 0}, "neighbours = 0: must be an integer"),
        ({"head": "gaussian_mixture", "covariance": "tied"}, "covariance = 'tied': must be one"),
    ],
)
def test_what_cannot_be_is_one_line(asked, line):
    with pytest.raises(ValueError, match=rf"^hyperparameters.latent_classifier.{line}") as caught:
        restricted(KNOWN, asked, "latent_classifier")
    assert "\n" not in str(caught.value)
