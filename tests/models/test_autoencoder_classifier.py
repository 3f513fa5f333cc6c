import copy

import pytest
import torch

from classcomp.models import count_parameters
from classcomp.models.autoencoder import Autoencoder
from classcomp.testing import FamilyContract, batch_of, fit, generator, make, random_batch

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(12, SHAPE, 2))


class TestAutoencoderClassifier(FamilyContract):
    family = "autoencoder_classifier"
    overfit_steps = 100  # of either stage


def small(**hyperparameters):
    return make("autoencoder_classifier", 2, SHAPE, 2, width=4, **hyperparameters)


def changed(model, before):
    return {name for name, v in model.state_dict().items() if not torch.equal(v, before[name])}


def test_first_stage_is_an_autoencoder_that_moves_the_encoder_and_not_the_head():
    model = small()
    first, second = model.stages()
    assert type(first) is Autoencoder
    assert second is model
    assert first.encoder is model.encoder
    assert first.latent is model.latent
    before, decoder = copy.deepcopy(model.state_dict()), copy.deepcopy(first.decoder.state_dict())
    fit(first, BATCH.inputs, BATCH.labels, steps=2)
    moved = changed(model, before)
    assert moved == {name for name in before if not name.startswith("classifier.")}
    assert any(not torch.equal(v, decoder[n]) for n, v in first.decoder.state_dict().items())


def test_the_first_stage_sees_no_labels():
    """What reaches the second stage is a function of the inputs alone."""
    states = []
    for labels in (BATCH.labels, 1 - BATCH.labels):
        model = small()
        fit(model.stages()[0], BATCH.inputs, labels, steps=3)
        states.append(model.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(("trainable", "is_frozen"), [("all", False), ("head", True)])
def test_second_stage_moves_what_is_trainable(trainable, is_frozen):
    model = small(trainable=trainable)
    fit(model.stages()[0], BATCH.inputs, BATCH.labels, steps=2)
    before = copy.deepcopy(model.state_dict())
    (objective,) = model.objectives()
    optimizer = torch.optim.Adam(objective.parameters, lr=1e-2)
    for step in range(3):
        model.train()
        optimizer.zero_grad()
        objective.loss(BATCH, generator(step)).backward()
        optimizer.step()
    free = {name for name in before if name.startswith("classifier.") or not is_frozen}
    assert changed(model, before) == free  # running statistics included
    assert objective.rate == 0.1


def test_the_decoder_is_no_part_of_what_classifies():
    model = small()
    parts = {name.partition(".")[0] for name in model.state_dict()}
    assert parts == {"encoder", "latent", "classifier"}
    with_decoder = make("autoencoder", 2, SHAPE, 2, width=4, latent_dim=32)
    decoder = count_parameters(with_decoder.decoder)
    assert count_parameters(model) == count_parameters(with_decoder) - decoder + 32 * 2 + 2


def test_sharing_survives_deep_copies_and_moves():
    twin = copy.deepcopy(small()).double()
    first, second = twin.stages()
    assert first.encoder is second.encoder
    assert {p.dtype for p in first.parameters()} == {torch.float64}


def test_penalties_and_flips_are_of_both_stages():
    plain = small().train().loss(BATCH, generator(0))
    model = small(l2=0.25).train()
    weights = sum(p.square().sum() for p in model.parameters() if p.ndim > 1)
    torch.testing.assert_close(model.loss(BATCH, generator(0)) - plain, 0.25 * weights)
    turned = [small(flips=True).train().loss(BATCH, generator(seed)) for seed in (1, 2)]
    assert turned[0] != turned[1]


def test_dropout_draws_from_the_generator_and_the_best_rule_has_none():
    losses = [small(dropout=0.5).train().loss(BATCH, generator(s)).item() for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    network = small(dropout=0.5, trainable="head").rule_of_class(generator(0)).train()
    network(BATCH.inputs).sum().backward()  # a search asks for logits, without a generator
    assert all(p.grad is not None for p in network.encoder.parameters())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("trainable", "last4"), ("trainable", 1), ("fine_tuning_rate", 0.0)),
        *(("fine_tuning_rate", "1"), ("latent_dim", 0)),
    ],
)
def test_a_wrong_hyperparameter_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        small(**{name: value})
