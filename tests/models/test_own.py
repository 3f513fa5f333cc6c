"""Users' own networks: torch classes and scikit-learn classifiers as families."""

import copy
import pickle
import random

import numpy as np
import pytest
import torch

from classcomp.models import Batch, build, count_parameters, meets_budget
from classcomp.models.own import Estimator, OwnNetwork
from classcomp.testing import FamilyContract, batch_of, fit, random_batch, risk
from classcomp.trial import Network

SOURCE = """
import random
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)  # at import, as scripts do

class Noisy(nn.Module):
    def __init__(self, *, input_shape, num_classes, depth, width=16, dropout=0.5):
        super().__init__()
        size = int(np.prod(input_shape))
        ends = [size] + [width] * depth
        self.layers = nn.Sequential(nn.Flatten())
        for a, b in zip(ends, ends[1:]):
            self.layers.extend([nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)])
        self.last = nn.Linear(width, num_classes)
        with torch.no_grad():
            self.last.bias += 0.01 * np.random.rand() + 0.01 * random.random()

    def forward(self, x):
        return self.last(self.layers(x.view(len(x), -1)))

class Free(Noisy):
    takes = "vectors"
    def __init__(self, *, input_shape, num_classes, depth, hidden):
        super().__init__(input_shape=input_shape, num_classes=num_classes, depth=depth,
                         width=hidden, dropout=0.0)

class Stuck(nn.Module):
    def __init__(self, *, input_shape, num_classes, depth, width):
        super().__init__()
        self.last = nn.Linear(input_shape[0], num_classes)

class Odd(Free):
    takes = "sounds"

class Pictures(Noisy):
    takes = "images"

class Headless(nn.Module):
    def __init__(self, *, input_shape, num_classes, depth):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(input_shape[0], num_classes))

    def forward(self, x):
        return x @ self.weight
"""
KNN = Network(name="knn", path="sklearn.neighbors:KNeighborsClassifier")
FOREST = Network(name="forest", path="sklearn.ensemble:RandomForestClassifier")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Return networks of the file above, by class."""
    file = tmp_path_factory.mktemp("own") / "nets.py"
    file.write_text(SOURCE)
    return lambda name: Network(name="mine", path=f"{file}:{name}")


def made(network, *, depth=2, shape=(4,), classes=3, seed=0, **hyperparameters):
    return build(
        network.name,
        network=network,
        depth=depth,
        input_shape=shape,
        num_classes=classes,
        hyperparameters=hyperparameters,
        generator=torch.Generator().manual_seed(seed),
    )


def trained(network, **hyperparameters):
    model = made(network, **hyperparameters)
    fit(model, *random_batch(24, (4,), 3), steps=5)
    return model.eval()


def global_states():
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        random.getstate(),
    )


class TestNoisy(FamilyContract):
    family = "mine"
    grid = ((1, (1, 8, 8), 2), (5, (3, 13, 9), 10), (2, (2,), 3), (3, (64,), 2))
    budget_shapes = (((1, 8, 8), 2), ((2,), 3))

    @pytest.fixture(autouse=True)
    def _network(self, own):
        self.network = own("Noisy")


class TestNearestNeighbour(FamilyContract):
    family = "knn"
    network = KNN
    hyperparameters = {"n_neighbors": 1}  # noqa: RUF012
    grid = ((1, (1, 8, 8), 2), (2, (2,), 3))


def test_two_runs_are_equal_bitwise_and_global_states_untouched(own):
    torch.manual_seed(5)
    before = global_states()
    first = trained(own("Noisy"))
    assert global_states() == before
    torch.manual_seed(6)
    np.random.seed(6)  # noqa: NPY002
    random.seed(6)
    second = trained(own("Noisy"))
    assert first.state_dict().keys() == second.state_dict().keys()
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_training_draws_are_the_generator_s(own):
    model = made(own("Noisy"), dropout=0.5).train()
    batch = batch_of(*random_batch(12, (4,), 3))
    losses = [model.loss(batch, torch.Generator().manual_seed(s)).item() for s in (1, 1, 2)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    generator = torch.Generator().manual_seed(1)
    assert model.loss(batch, generator) != model.loss(batch, generator)  # it moves on


def test_the_width_is_matched_only_where_it_is_left_open(own):
    assert meets_budget(made(own("Noisy"), depth=3), 3)
    assert count_parameters(made(own("Noisy"), depth=1, width=8)) == 4 * 8 + 8 + 8 * 3 + 3
    free = made(own("Free"), depth=1, hidden=8, learning_rate=0.1)
    assert count_parameters(free) == 4 * 8 + 8 + 8 * 3 + 3


def test_features_are_the_last_linear_layer_s_inputs(own):
    inputs, _ = random_batch(12, (4,), 3)
    model = made(own("Noisy"), width=8).eval()
    features = model.features(inputs)
    assert features.shape == (12, 8)
    torch.testing.assert_close(model.network.last(features), model(inputs))
    headless = made(own("Headless")).eval()
    assert torch.equal(headless.features(inputs), headless(inputs))


def test_memory_format_is_kept_since_view_is_customary(own):
    model = made(own("Noisy"), shape=(3, 8, 8)).to(memory_format=torch.channels_last)
    inputs = torch.randn(4, 3, 8, 8).to(memory_format=torch.channels_last)
    assert model(inputs).shape == (4, 3)
    assert isinstance(model.to(torch.float64), OwnNetwork)
    assert {p.dtype for p in model.parameters()} == {torch.float64}


def test_it_can_be_pickled_within_the_process(own):
    model = trained(own("Noisy"))
    twin = pickle.loads(pickle.dumps(model))
    inputs, _ = random_batch(5, (4,), 3)
    assert torch.equal(model(inputs), twin(inputs))


@pytest.mark.parametrize(
    ("name", "hyperparameters", "told"),
    [
        ("Free", {}, r"^mine: Free\(.*depth=2\) raises TypeError: .*'hidden'"),
        ("Free", {"hidden": "x"}, r"^mine: Free\(.*hidden='x'\) raises TypeError"),
        ("Free", {"hiden": 3}, r"^mine: Free has no parameter hiden; allowed: hidden$"),
        ("Stuck", {}, r"^mine: the number of parameters does not grow with the width: 15 at"),
        ("Noisy", {"dropout": 1.5}, r"^mine: Noisy\(.*raises ValueError: dropout probability"),
        ("Odd", {"hidden": 3}, r"^mine: Odd.takes = 'sounds': must be vectors, images, any"),
        ("Pictures", {}, r"^mine: input_shape must be \(C, H, W\)"),
    ],
)
def test_what_cannot_be_built_is_one_line(own, name, hyperparameters, told):
    with pytest.raises(ValueError, match=told) as caught:
        made(own(name), **hyperparameters)
    assert "\n" not in str(caught.value)


def test_one_nearest_neighbour_has_no_training_error():
    inputs, labels = random_batch(30, (4,), 3)
    model = made(KNN, n_neighbors=1)
    assert model.objectives() == ()
    assert count_parameters(model) == 0
    model.fit_head(inputs, labels, torch.Generator())
    assert risk(model, inputs, labels) == 0
    proba = model.predict_proba(inputs)
    assert torch.equal(proba, torch.nn.functional.one_hot(labels, 3).float())


def test_a_forest_s_seed_is_the_generator_s_unless_it_is_fixed():
    inputs, labels = random_batch(30, (4,), 3)

    def probabilities(seed, **parameters):
        model = made(FOREST, n_estimators=5, **parameters)
        model.fit_head(inputs, labels, torch.Generator().manual_seed(seed))
        return model.predict_proba(inputs)

    before = global_states()
    assert torch.equal(probabilities(0), probabilities(0))
    assert not torch.equal(probabilities(0), probabilities(1))
    assert torch.equal(probabilities(0, random_state=7), probabilities(1, random_state=7))
    assert global_states() == before


def test_classes_absent_from_the_sample_get_probability_0():
    inputs, _ = random_batch(12, (4,), 3)
    labels = torch.tensor([1, 4, 1] * 4)
    model = made(FOREST, classes=6, n_estimators=3)
    model.fit_head(inputs, labels, torch.Generator())
    decided, proba = model.decide(inputs)
    assert proba.shape == (12, 6)
    assert (proba[:, [0, 2, 3, 5]] == 0).all()
    torch.testing.assert_close(proba.sum(1), torch.ones(12))
    assert set(decided.tolist()) == {1, 4}


def test_a_sample_of_one_class_is_answered_by_it():
    inputs, _ = random_batch(6, (4,), 3)
    model = made(Network(name="lr", path="sklearn.linear_model:LogisticRegression"))
    model.fit_head(inputs, torch.full((6,), 2), torch.Generator())
    assert model.predict(inputs).tolist() == [2] * 6
    assert torch.equal(model.predict_proba(inputs), torch.tensor([[0.0, 0.0, 1.0]] * 6))


def test_decisions_are_the_classifier_s_own_not_the_likeliest_class():
    class Contrary:
        def fit(self, x, y):
            assert x.dtype == np.float64
            assert x.shape == (6, 4)  # images flattened
            self.classes_ = np.array([1, 0])
            return self

        def predict(self, x):
            return np.zeros(len(x))

        def predict_proba(self, x):
            return np.tile([0.9, 0.1], (len(x), 1))

    model = Estimator(Contrary, 2)
    inputs = torch.zeros(6, 1, 2, 2)
    model.fit_head(inputs, torch.tensor([0, 1] * 3), torch.Generator())
    assert model.predict(inputs).tolist() == [0] * 6
    torch.testing.assert_close(model.predict_proba(inputs)[0], torch.tensor([0.1, 0.9]))


def test_predicting_before_fitting_is_refused():
    with pytest.raises(RuntimeError, match="fit_head"):
        made(KNN).predict(torch.zeros(1, 4))


def test_refitting_starts_anew():
    inputs, labels = random_batch(12, (4,), 3)
    model = made(KNN, n_neighbors=1)
    model.fit_head(inputs, labels, torch.Generator())
    twin = copy.deepcopy(model)
    model.fit_head(inputs, (labels + 1) % 3, torch.Generator())
    assert torch.equal(twin.predict(inputs), labels)
    assert torch.equal(model.predict(inputs), (labels + 1) % 3)


def test_an_own_network_overfits_by_the_loop_of_every_family(own):
    inputs, labels = random_batch(32, (4,), 2)
    model = made(own("Noisy"), classes=2, dropout=0.0)
    fit(model, inputs, labels, steps=400)
    assert risk(model, inputs, labels) == 0
    batch = Batch(inputs=inputs, labels=labels, index=torch.arange(32))
    assert model.eval().loss(batch, torch.Generator()).item() < 0.5
