"""Where a pretrained network starts: ImageNet's weights, a file's, or some that are made here.

What is made here learns to tell apart the classes that a population leaves out, on their training
part. It is made once per machine and is the same for every trial: a function of the data, of the
network and of the code, on one thread of the CPU.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from classcomp.designs import population_of
from classcomp.draws import Presenter
from classcomp.fingerprint import code_fingerprint
from classcomp.models import FAMILIES, Model, build
from classcomp.models.pretrained_weights import fitted, read_weights
from classcomp.populations import RealData, other_classes
from classcomp.populations.base import named_seed
from classcomp.populations.staging import cache_folder, locked, write_npz
from classcomp.sources import content_of, imagenet_file
from classcomp.teachers.frozen import one_thread
from classcomp.training.loop import Trainer
from classcomp.training.sources import Sample
from classcomp.trial import Trial
from search_spaces.family import IMAGENET, OTHER_CLASSES

NUM_STEPS = 2_000
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4
"""How weights are made here, the rate falling to zero: of the five other classes of Fashion-MNIST
it is four rounds, after which they are told apart."""
PASS_STEPS = 100  # whose examples are held at once


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Start:
    """Weights that a network's body starts from.

    Attributes:
        state: of the body, by torchvision's names.
        pretrained_on: what they were learned on, a column of the trial table.
        seconds: that making them took on this machine; None where others made them.
    """

    state: Mapping[str, Tensor]
    pretrained_on: str
    seconds: float | None

    def columns(self) -> dict[str, str | float | None]:
        """Return what the trial table says of it."""
        return {"pretrained_on": self.pretrained_on, "pretraining_s": self.seconds}


def start_of(trial: Trial, data_dir: str | None) -> Start | None:
    """Return where a trial's network starts; None where that is drawn at random.

    Raises:
        ValueError: one line: the weights are not to be had, or do not fit.
    """
    family = FAMILIES.get(trial.family)
    if trial.network is not None or family is None or not family.module.starts_pretrained:
        return None
    weights = str(trial.hyperparameters.get("weights", OTHER_CLASSES))
    width = trial.hyperparameters.get("width")
    if weights != OTHER_CLASSES:
        return _from_file(weights, trial)
    others = other_classes(population_of(trial, data_dir))
    return _made_here(trial.family, trial.depth, width, others)


def body_of(model: Model) -> nn.Module:
    """Return the part of a network that starts from weights."""
    return model.get_submodule("body")


def _from_file(weights: str, trial: Trial) -> Start:
    path = str(imagenet_file()) if weights == IMAGENET else trial.weights or weights
    content = content_of(path)
    if trial.weights is not None and content != weights:
        raise ValueError(f"weights = {path!r} was changed while it was in use")
    name = "imagenet1k" if weights == IMAGENET else f"file({content})"
    return Start(state=read_weights(path), pretrained_on=name, seconds=None)


@lru_cache(maxsize=2)
def _made_here(family: str, depth: int, width: float | None, population: RealData) -> Start:
    """Weights from this machine's cache, made first where they are not there."""
    recipe = [NUM_STEPS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY]
    facts = [family, depth, width, population.label, population.source.name, code_fingerprint()]
    key = hashlib.sha256(json.dumps([*facts, *recipe]).encode()).hexdigest()[:16]
    target = cache_folder() / "pretrained" / f"{key}.npz"
    if not target.exists():
        with locked(target.with_suffix(".lock")):  # processes that race wait for the first
            if not target.exists():
                _make(target, family, depth, width, population)
    state, seconds = _read(target)
    return Start(state=state, pretrained_on=population.label, seconds=seconds)


def _make(target: Path, family: str, depth: int, width: float | None, population: RealData) -> None:
    begin = time.perf_counter()
    with one_thread(), torch.enable_grad():
        state = body_of(_learned(family, depth, width, population)).state_dict()
    arrays = {name: value.contiguous().numpy() for name, value in state.items()}
    write_npz(target, {**arrays, "seconds": np.array(time.perf_counter() - begin)})


def _read(target: Path) -> tuple[dict[str, Tensor], float]:
    with np.load(target, allow_pickle=False) as stored:
        held = {name: stored[name] for name in stored.files}
    seconds = float(held.pop("seconds"))
    return {name: torch.from_numpy(value) for name, value in held.items()}, seconds


def _learned(family: str, depth: int, width: float | None, population: RealData) -> Model:
    """Return the network that tells a population's classes apart, by their whole training part."""
    seeds = {
        name: named_seed("pretraining", name, family, depth, population.label)
        for name in ("data", "init", "order", "loss")
    }
    num, shape = population.num_available("whole_train"), population.image_shape
    assert shape is not None, "a family of images is not asked for on points"
    sample = population.sample(num, np.random.default_rng(seeds["data"]), split="whole_train")
    model = build(
        family,
        depth=depth,
        input_shape=shape,
        num_classes=population.num_classes,
        hyperparameters={} if width is None else {"width": width},
        generator=torch.Generator().manual_seed(seeds["init"]),
    ).to(memory_format=torch.channels_last)
    present = Presenter(population=population, takes_images=True, device=torch.device("cpu"))
    source = Sample(
        inputs=present(sample.x),
        labels=torch.from_numpy(sample.labels),
        seed=seeds["order"],
        renew=None,
    )
    trainer = Trainer(
        model,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        noise=torch.Generator().manual_seed(seeds["loss"]),
    )
    for done in range(0, NUM_STEPS, PASS_STEPS):
        num_steps = min(PASS_STEPS, NUM_STEPS - done)
        trainer.run_pass(
            source.examples(done * BATCH_SIZE, num_steps * BATCH_SIZE),
            batch_size=BATCH_SIZE,
            rate_from=1 - done / NUM_STEPS,
            rate_to=1 - (done + num_steps) / NUM_STEPS,
        )
    return model


def begin_at(model: Model, start: Start) -> None:
    """Set a network's body; what else it has stays as it was drawn.

    Raises:
        ValueError: one line: the weights do not fit.
    """
    body = body_of(model)
    body.load_state_dict(fitted(start.state, body, start.pretrained_on))
