import copy
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from classcomp.experiment import Experiment
from classcomp.models import count_parameters, hyperparameter_names
from classcomp.models.base import DrawsLatents
from classcomp.models.heads import HEADS
from classcomp.models.latent_classifier import ENCODERS, KINDS, Config
from classcomp.models.vector_quantiser import VectorQuantiser
from classcomp.testing import FamilyContract, batch_of, fit, generator, make, random_batch
from classcomp.testing.model import IMAGE_GRID
from classcomp.training.loop import Trainer
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES, restricted

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(24, SHAPE, 3))
FITTED = tuple(HEADS)


class TestLatentClassifier(FamilyContract):
    family = "latent_classifier"
    hyperparameters: ClassVar = {"trainable": "all"}
    grid = IMAGE_GRID[:5]
    overfit_steps = 100

    def overfit_hyperparameters(self):
        return {"latent_dim": 32, "beta": 0.0, "width": 8}


class TestQuantisedLatents(FamilyContract):
    family = "latent_classifier"
    hyperparameters: ClassVar = {
        "encoder": "vq_vae",
        "head": "linear",
        "trainable": "all",
        "width": 6,
    }
    grid = ((1, (1, 8, 8), 2), (3, (1, 13, 9), 3))
    budget_shapes = ()  # free: the other classes' is met
    overfit_steps = 60


class TestHeadThatIsFitted(FamilyContract):
    family = "latent_classifier"
    hyperparameters: ClassVar = {"encoder": "robust_vae", "head": "knn", "neighbours": 1}
    grid = ((1, (1, 8, 8), 2), (3, (1, 13, 9), 3))
    overfit_steps = 2


def small(**hyperparameters):
    return make("latent_classifier", 2, SHAPE, 3, width=4, **hyperparameters)


def experiment(family="latent_classifier", role="measure", **asked):
    trial = Trial(
        **{
            "role": role,
            "family": family,
            "depth": 1,
            "population_name": "digits",
            "population_parameters": {},
            "distortion": "label_noise",
            "severity": 0.0,
            "num_train": 200,
            "budget": 3,
            "most": 4,
            "hyperparameters": {
                "learning_rate": 0.003,
                "weight_decay": 0.0,
                "batch_size": 50,
                "width": 4,
                **asked,
            },
            "streams": {name: number for number, name in enumerate(STREAMS)},
        }
    )
    return Experiment(trial, device="cpu")


def finished(running):
    while not running.finished:
        running.advance()
    return running


def own_state(model):
    return {n: v for n, v in model.state_dict().items() if not n.startswith("classifier.")}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_frozen_encoder_is_what_its_own_family_makes_of_the_same_draws(encoder):
    """Bit for bit, whatever head stands on it; trained by hand on the same stream of batches."""
    alone = experiment(encoder)
    trainer = Trainer(
        alone.model,
        learning_rate=0.003,
        weight_decay=0.0,
        noise=generator(alone.trial.streams["loss"]),
    )
    for step in range(0, 600, 200):
        trainer.run_pass(alone.design.source.examples(step, 200), batch_size=50)
    expected = alone.model.state_dict()
    for head in ("mlp", "gaussian_mixture"):
        done = finished(experiment(encoder=encoder, head=head))
        for name, value in own_state(done.model).items():
            assert torch.equal(value, expected[name]), (head, name)
        assert done.outcome.metrics["num_parameters"] == count_parameters(done.model)


def test_a_fitted_head_is_scikit_learn_s_on_the_latents():
    done = finished(experiment(encoder="beta_vae", head="knn", neighbours=3))
    sample, examples = done.design.head_examples, done.design.evaluation
    done.model.eval()
    with torch.no_grad():
        latents, new = (done.model.features(x).double() for x in (sample.inputs, examples.inputs))
    rule = KNeighborsClassifier(3).fit(latents.numpy(), sample.labels.numpy())
    decided = rule.predict(new.numpy())
    np.testing.assert_array_equal(done.decisions["budget"], decided)
    wrong = (decided != examples.labels.numpy()).mean()
    assert done.outcome.metrics["risk"] == pytest.approx(wrong, abs=1e-12)
    assert done.outcome.metrics["converged"] is True
    assert done.outcome.metrics["converged_risk"] == done.outcome.metrics["risk"]


def test_phases_are_the_encoder_s_training_and_one_fit():
    running = experiment(head="svm")
    assert [(p.kind, p.stage, p.num_steps) for p in running.design.phases] == [
        ("pretrain", 0, 12),
        ("fit", 1, 1),
    ]
    kinds = [p.kind for p in experiment(head="linear").design.phases]
    assert kinds[:2] == ["pretrain", "budget"]


@pytest.mark.parametrize("role", ["limit", "ideal", "search"])
def test_every_role_that_trains_ends_with_the_fit(role):
    running = experiment(role=role, head="kmeans")
    first, last = running.design.phases
    assert (first.stage, first.num_steps) == (0, 4 if role == "limit" else 12)
    assert (last.kind, last.stage) == ("fit", 1)
    outcome = finished(running).outcome
    found = outcome.curves[-1].validation_risk if role == "search" else outcome.metrics["risk"]
    assert 0 < found < 1


def test_a_trial_that_was_interrupted_ends_as_it_would_have():
    whole = finished(experiment(head="gaussian_mixture"))
    first = experiment(head="gaussian_mixture")
    first.advance()
    second = experiment(head="gaussian_mixture")
    second.load_state_dict(first.state_dict())
    finished(second)
    assert second.outcome.metrics["risk"] == whole.outcome.metrics["risk"]
    np.testing.assert_array_equal(second.decisions["budget"], whole.decisions["budget"])


@pytest.mark.parametrize("head", ["linear", "svm"])
def test_the_first_stage_sees_no_labels(head):
    states = []
    for labels in (BATCH.labels, 2 - BATCH.labels):
        model = small(head=head)
        fit(model.stages()[0], BATCH.inputs, labels, steps=3)
        states.append(own_state(model))
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("trainable", ["all", "head"])
def test_second_stage_moves_what_is_trainable(encoder, trainable):
    model = small(encoder=encoder, head="linear", trainable=trainable, fine_tuning_rate=0.5)
    fit(model.stages()[0], BATCH.inputs, BATCH.labels, steps=2)
    before, whole = (copy.deepcopy(m.state_dict()) for m in (model, model.stages()[0]))
    (objective,) = model.objectives()
    optimizer = torch.optim.Adam(objective.parameters, lr=1e-2)
    for step in range(3):
        model.train()
        optimizer.zero_grad()
        objective.loss(BATCH, generator(step)).backward()
        optimizer.step()
    after = model.state_dict()
    moved = {name for name, v in before.items() if not torch.equal(v, after[name])}
    expected = {name for name in before if trainable == "all" or name.startswith("classifier.")}
    assert moved == expected  # running statistics and codes included
    rest = model.stages()[0].state_dict()
    assert all(torch.equal(v, rest[n]) for n, v in whole.items() if n not in before)
    assert objective.rate == 0.5


@pytest.mark.parametrize("encoder", ["beta_vae", "robust_vae"])
def test_the_head_is_trained_on_draws_and_asked_about_means(encoder):
    """Logits in training are those of mean + standard deviation * noise, the generator's."""
    model = small(encoder=encoder, head="linear")
    first = model.stages()[0]
    assert isinstance(first, DrawsLatents)
    fit(first, BATCH.inputs, BATCH.labels, steps=3)
    model.train()
    hidden = first.encoder(BATCH.inputs)
    mean, logvar = first.latent(hidden), first.log_variance(hidden).clamp(-20, 10)
    noise = torch.randn(mean.shape, generator=generator(5))
    expected = model.classifier(mean + (logvar / 2).exp() * noise)
    found = model.training_logits(BATCH.inputs, generator(5))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(model(BATCH.inputs), model.classifier(mean))
    assert not torch.allclose(found, model(BATCH.inputs), atol=1e-3)


def test_fine_tuned_from_the_same_weights_it_is_autoencoder_classifier():
    mine = small(encoder="autoencoder", head="linear", trainable="all", latent_dim=32, dropout=0.2)
    other = make("autoencoder_classifier", 2, SHAPE, 3, width=4, dropout=0.2)
    assert mine.state_dict().keys() == other.state_dict().keys()
    other.load_state_dict(mine.state_dict())
    losses = [model.train().loss(BATCH, generator(3)) for model in (mine, other)]
    assert losses[0] == losses[1]
    for loss in losses:
        loss.backward()
    twin = dict(other.named_parameters())
    assert all(torch.equal(p.grad, twin[n].grad) for n, p in mine.named_parameters())


@pytest.mark.parametrize("head", ["mlp", "svm"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_best_rule_is_sought_with_nothing_frozen_and_nothing_dropped(encoder, head):
    asked = {} if encoder == "vq_vae" else {"dropout": 0.5}
    model = small(encoder=encoder, head=head, **asked)
    network = model.rule_of_class(generator(0)).train()
    network(BATCH.inputs).square().sum().backward()  # a search has no generator
    assert all(p.grad.abs().max() > 0 for n, p in network.named_parameters() if "bias" not in n)
    last = network.classifier if head == "svm" else network.classifier[-1]
    assert isinstance(last, nn.Linear)
    assert network.eval().predict_proba(BATCH.inputs).shape == (24, 3)


def test_quantised_latents_are_codes_straight_through():
    model = small(encoder="vq_vae", head="linear")
    first = model.stages()[0]
    latents = first.features(BATCH.inputs)
    assert isinstance(first.quantiser, VectorQuantiser)
    entries = first.quantiser.codebook[first.codes(BATCH.inputs)].flatten(1)
    assert torch.equal(latents, entries)
    assert latents.shape[1] == first.latent_dim


def test_sharing_survives_deep_copies_and_moves():
    twin = copy.deepcopy(small()).double()
    first, second = twin.stages()
    assert first.encoder is second.encoder
    assert {p.dtype for p in first.parameters()} == {torch.float64}
    assert first.observation_variance.dtype == torch.float64


@pytest.mark.parametrize("head", FITTED)
def test_what_is_fitted_has_no_gradients_and_cannot_be_fine_tuned(head):
    model = small(head=head)
    assert model.objectives() == ()
    with pytest.raises(RuntimeError, match="fit_head"):
        model.predict(BATCH.inputs)
    for value in ("all", "head"):
        with pytest.raises(ValueError, match=rf"^trainable = '{value}': neither.*head = '{head}'"):
            small(head=head, trainable=value)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"encoder": "gan"}, "encoder must be one of autoencoder, beta_vae, robust_vae, vq_vae"),
        ({"head": "tree"}, "head must be one of linear, mlp, svm, kmeans, gaussian_mixture, knn"),
        ({"svm_c": 1.0}, "svm_c = 1.0: neither encoder = 'beta_vae' nor head = 'mlp' has any"),
        ({"encoder": "vq_vae", "latent_dim": 4}, "latent_dim = 4: neither encoder = 'vq_vae'"),
        ({"encoder": "autoencoder", "beta": 1.0}, "beta = 1.0: neither encoder = 'autoencoder'"),
        ({"trainable": "last4"}, "trainable must be one of head, all"),
        ({"hidden": 0}, "hidden must be an integer"),
        ({"fine_tuning_rate": 0.0}, "fine_tuning_rate must be"),
        ({"latent_dim": 0}, "latent_dim must be"),
        ({"head": "knn", "neighbours": 0}, "neighbours must be"),
    ],
)
def test_a_wrong_hyperparameter_is_one_line(asked, line):
    with pytest.raises(ValueError, match=rf"^{line}") as caught:
        small(**asked)
    assert "\n" not in str(caught.value)


def test_the_space_knows_what_each_encoder_and_head_has():
    """What a study may ask of a word is what the network takes, with the same defaults."""
    known = SPACES["latent_classifier"]
    assert tuple(known.parts["encoder"]) == tuple(ENCODERS)
    assert tuple(known.parts["head"]) == tuple(KINDS)
    names = set()
    for encoder in ENCODERS:
        for head in KINDS:
            space = restricted(known, {"encoder": encoder, "head": head}, "latent_classifier")
            config = Config(depth=1, input_shape=SHAPE, num_classes=3, encoder=encoder, head=head)
            own = config.of_encoder(), config.of_head()
            for name in space.limits.keys() - set(known.space) - {"encoder", "head", "width"}:
                (value,) = (getattr(part, name) for part in own if hasattr(part, name))
                assert space.defaults.get(name, value) == value, name
                assert getattr(Config(**{**settings(config), name: value}), name) == value
                names.add(name)
            assert own[0] == type(own[0])(
                depth=1,
                input_shape=SHAPE,
                num_classes=3,
                **{n: v for n, v in SPACES[encoder].defaults.items() if n not in known.space},
            )
    assert names | {"encoder", "head"} == set(hyperparameter_names("latent_classifier"))


def settings(config):
    names = ("depth", "input_shape", "num_classes", "encoder", "head")
    return {name: getattr(config, name) for name in names}
