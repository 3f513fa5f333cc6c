"""Where pretrained networks start: made here on other classes, of ImageNet, from a file."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
import torchvision

from classcomp import experiment, pretraining, sources
from classcomp.costs import costs_of
from classcomp.experiment import Experiment
from classcomp.models import build
from classcomp.populations import digits, make
from classcomp.pretraining import start_of
from classcomp.sources import content_of
from classcomp.trial import STREAMS, Trial

KEPT, OTHERS = [0, 2, 4, 6, 8], [1, 3, 5, 7, 9]
TRIAL = Trial(
    role="measure",
    family="resnet18_pretrained",
    depth=2,
    population_name="digits",
    population_parameters={"classes": KEPT},
    num_train=64,
    budget=1,
    most=1,
    hyperparameters={
        "learning_rate": 0.003,
        "weight_decay": 0.0,
        "batch_size": 32,
        "weights": "other_classes",
        "width": 4,
    },
    streams={name: number for number, name in enumerate(STREAMS)},
)


@pytest.fixture(autouse=True)
def _short_and_apart(monkeypatch, tmp_path):
    monkeypatch.setattr(pretraining, "NUM_STEPS", 6)
    new_cache(monkeypatch, tmp_path / "cache")


def new_cache(monkeypatch, folder):
    """Nothing has been made yet, in this process or on this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    pretraining._made_here.cache_clear()


def asked(**changes):
    hyperparameters = {**TRIAL.hyperparameters, **changes.pop("hyperparameters", {})}
    if changes.get("family") == "resnet18":
        del hyperparameters["weights"]
    return dataclasses.replace(TRIAL, hyperparameters=hyperparameters, **changes)


def file_of(path, *, width=4, depth=2, change=dict):
    """A file of weights as torchvision names them, its linear layer included."""
    body = network("resnet18", width, depth).body.state_dict()
    state = {**body, "fc.weight": torch.zeros(1000, 4), "fc.bias": torch.zeros(1000)}
    torch.save(change(state), path)
    return str(path)


def network(family, width, depth, seed=5):
    return build(
        family,
        depth=depth,
        input_shape=(1, 8, 8),
        num_classes=5,
        hyperparameters={"width": width},
        generator=torch.Generator().manual_seed(seed),
    )


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def test_made_twice_it_is_the_same_to_the_last_bit_on_any_number_of_threads(monkeypatch, tmp_path):
    states = []
    for threads in (1, 2):
        new_cache(monkeypatch, tmp_path / str(threads))
        torch.set_num_threads(threads)
        try:
            states.append(start_of(TRIAL, None).state)
        finally:
            torch.set_num_threads(1)
    assert same(*states)


def test_it_is_made_once_and_read_from_then_on(monkeypatch):
    first = start_of(TRIAL, None)
    monkeypatch.setattr(pretraining, "_learned", None)  # nothing can be made any more
    pretraining._made_here.cache_clear()
    again = start_of(TRIAL, None)
    assert same(first.state, again.state)
    assert again.seconds == first.seconds > 0
    # Other parts, seeds and sample sizes of the same cell start from the same.
    moved = asked(num_train=32, streams=dict.fromkeys(STREAMS, 9), severity=0.2)
    assert start_of(moved, None) is again


def test_classes_are_held_apart(monkeypatch):
    """All that it learns from are training images of classes that the study does not have."""
    seen = []

    def spy(**parts):
        seen.append(parts)
        return sample(**parts)

    sample = pretraining.Sample
    monkeypatch.setattr(pretraining, "Sample", spy)
    start = start_of(TRIAL, None)
    (parts,) = seen
    arrays = digits().source.arrays()
    train, test = (torch.tensor(x / 16).float() for x in (arrays.train_images, arrays.test_images))
    allowed = torch.isin(torch.tensor(arrays.train_labels), torch.tensor(OTHERS))
    expected = sorted(map(hashed, train[allowed]))
    assert sorted(map(hashed, parts["inputs"])) == expected
    test = set(map(hashed, test))
    assert not test & set(expected)
    assert start.pretrained_on == "digits(classes=[1, 3, 5, 7, 9])"


def hashed(image):
    return hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest()


def test_damage_to_the_study_s_data_is_not_what_is_learned_from():
    plain = start_of(TRIAL, None)
    assert start_of(asked(distortion="label_noise", severity=0.4), None) is plain
    assert start_of(asked(distortion="imbalance", severity=0.9), None) is plain


def test_a_trial_starts_there_and_its_head_where_a_random_one_starts():
    random, pretrained = (Experiment(asked(family=f)) for f in ("resnet18", TRIAL.family))
    found, drawn = pretrained.model.state_dict(), random.model.state_dict()
    start = start_of(TRIAL, None)
    assert same(start.state, pretrained.model.body.state_dict())
    assert torch.equal(found["classifier.weight"], drawn["classifier.weight"])
    weights = [name for name in found if name.startswith("body") and found[name].ndim == 4]
    assert not any(torch.equal(found[name], drawn[name]) for name in weights)


def test_what_is_made_tells_the_other_classes_apart(monkeypatch):
    """By test images of theirs, which it has not seen either: chance errs on four of five."""
    monkeypatch.setattr(pretraining, "NUM_STEPS", 300)
    others = make("digits", classes=OTHERS)
    model = pretraining._learned(TRIAL.family, 2, 8, others).eval()
    sample = others.sample(others.num_available("test"), np.random.default_rng(0))
    with torch.no_grad():
        decided = model.predict(torch.from_numpy(sample.x))
    assert (decided.numpy() != sample.labels).mean() < 0.1


def test_its_cost_is_a_column_and_not_the_trial_s(monkeypatch):
    import time

    ends = []

    def timed(*arguments):
        found = start_of(*arguments)
        ends.append(time.perf_counter())
        return found

    monkeypatch.setattr(experiment, "start_of", timed)
    made = Experiment(TRIAL)
    assert made._started >= ends[0]
    metrics = made.outcome.metrics
    assert metrics["pretrained_on"] == "digits(classes=[1, 3, 5, 7, 9])"
    assert metrics["pretraining_s"] > 0
    assert not {"pretrained_on", "pretraining_s"} & set(
        Experiment(asked(family="resnet18")).outcome.metrics
    )


def test_timing_a_step_makes_nothing(monkeypatch):
    monkeypatch.setattr(pretraining, "_learned", None)
    assert costs_of(TRIAL).example_s > 0


def test_the_best_rule_is_sought_from_random_weights():
    """Under a law there are no other classes, and none are asked for."""
    law = {"population_name": "xor", "population_parameters": {"sigma": 0.5}}
    found = Experiment(asked(role="best_in_class", **law))
    assert "pretrained_on" not in found.outcome.metrics
    with pytest.raises(ValueError, match=r"^weights = other_classes: xor\(sigma=0.5\) is a law"):
        Experiment(asked(**law))


@pytest.mark.parametrize("classes", [None, [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_classes_must_be_left_out(classes):
    parameters = {} if classes is None else {"classes": classes}
    with pytest.raises(ValueError, match=r"^weights = other_classes: digits.* leaves [01] classes"):
        start_of(asked(population_parameters=parameters), None)


def test_a_file_s_weights_are_where_a_trial_starts(tmp_path):
    path = file_of(tmp_path / "mine.pt", depth=3)  # a stage more than the trial has
    trial = asked(hyperparameters={"weights": content_of(path)}, weights=path)
    found = Experiment(trial)
    held = torch.load(path, weights_only=True)
    assert all(torch.equal(v, held[n]) for n, v in found.model.body.state_dict().items())
    assert found.outcome.metrics["pretrained_on"] == f"file({content_of(path)})"
    assert found.outcome.metrics["pretraining_s"] is None
    file_of(path, change=lambda state: {n: 2 * v for n, v in state.items()})
    with pytest.raises(ValueError, match="was changed while it was in use"):
        start_of(trial, None)


def test_imagenet_s_weights_are_torchvision_s_file_in_torch_s_cache(monkeypatch, tmp_path):
    trial = asked(hyperparameters={"weights": "imagenet", "width": 64})
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"^weights = imagenet: there is no .*resnet18-f37072fd"):
        start_of(trial, None)
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    theirs = torchvision.models.resnet18(num_classes=1000)
    path = folder / "resnet18-f37072fd.pth"
    torch.save(theirs.state_dict(), path)
    with pytest.raises(ValueError, match="is not the file of that name, or is damaged"):
        start_of(trial, None)
    name = f"resnet18-{content_of(str(path)).removeprefix('sha256=')[:8]}.pth"
    path.rename(folder / name)
    monkeypatch.setattr(sources, "IMAGENET_FILE", name)
    found = Experiment(trial)
    state = theirs.state_dict()
    assert all(torch.equal(v, state[n]) for n, v in found.model.body.state_dict().items())
    assert found.outcome.metrics["pretrained_on"] == "imagenet1k"


def test_torchvision_names_the_same_file():
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    assert url.rpartition("/")[2] == sources.IMAGENET_FILE


def without(name):
    return lambda state: {n: v for n, v in state.items() if n != name}


BROKEN = {
    "there is no layer2.0.conv1.weight in them": without("layer2.0.conv1.weight"),
    r"holds list; allowed is a state dict of tensors, as torch.save writes it": lambda state: [
        1,
        2,
    ],
    r"holds dict; allowed is a state dict of tensors, as torch.save writes it": lambda state: {
        "state_dict": state
    },
    r"conv1.weight has shape \(2, 2\), the network's has \(4, 3, 7, 7\)": lambda state: {
        **state,
        "conv1.weight": torch.zeros(2, 2),
    },
    r"bn1.bias holds values that are not finite": lambda state: {
        **state,
        "bn1.bias": torch.full((4,), torch.nan),
    },
    r"the network has no layer7.0.bias": lambda state: {**state, "layer7.0.bias": torch.ones(1)},
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_file_that_does_not_fit_is_one_line(tmp_path, said):
    path = file_of(tmp_path / "broken.pt", change=BROKEN[said])
    trial = asked(hyperparameters={"weights": content_of(path)}, weights=path)
    with pytest.raises(ValueError, match=f"^weights = .*{said}$") as caught:
        Experiment(trial)
    assert "\n" not in str(caught.value)


class Harmful:
    def __reduce__(self):
        return (print, ("was run",))


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_a_file_that_is_none_of_torch_s_is_one_line_and_nothing_in_it_is_run(
    tmp_path, capsys, content
):
    path = tmp_path / "broken.pt"
    if content is None:
        torch.save(Harmful(), path)
    else:
        path.write_bytes(content)
    with pytest.raises(
        ValueError,
        match=r"^weights = .*broken.pt': cannot be read as weights; allowed is a state dict",
    ) as caught:
        start_of(asked(hyperparameters={"weights": content_of(str(path))}, weights=str(path)), None)
    assert "\n" not in str(caught.value)
    assert "was run" not in capsys.readouterr().out


def test_a_file_that_is_not_there_is_one_line():
    with pytest.raises(ValueError, match=r"'/no/where.pt': cannot be read: No such file"):
        start_of(asked(hyperparameters={"weights": "/no/where.pt"}), None)


def test_other_classes_are_of_the_undistorted_data():
    population = make("digits", classes=KEPT).with_label_noise(0.2).with_feature_noise(1.0)
    others = pretraining.other_classes(population)
    assert others == make("digits", classes=OTHERS)
