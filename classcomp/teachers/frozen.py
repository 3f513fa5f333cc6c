"""The networks behind teachers: built or trained from their seed, normalised, frozen."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from classcomp.models import build
from classcomp.models.base import Classifier
from classcomp.populations.base import named_seed
from classcomp.teachers.network import Network
from classcomp.training.best_in_class import Search, SearchPhase

LOGIT_SD = 3.0
"""Standard deviation of a random teacher's log-odds. A network's own is about 1 at its start,
where R* is .33 and there is little to learn; 3 gives .166."""
CALIBRATION_SIZE = 4096
"""Inputs of the one draw that sets batch normalisation's statistics, and a random teacher's
logits: the networks differ by the draw, their standard deviation by some 1%."""
TRAINING = (
    SearchPhase(
        loss="cross_entropy", num_examples=2**15, batch_size=64, rate_from=0.03, rate_to=0.0
    ),
)
"""How a teacher is trained: near its law's posterior is enough, it need not be the best."""
CHUNK = 2048  # inputs a forward pass: a posterior must not depend on how many are asked for


@lru_cache(maxsize=16)
def frozen(network: Network) -> Classifier:
    """The network in evaluation mode, without gradients, on the CPU; built once per process.

    Trained on one thread: with more, sums are ordered otherwise and training magnifies that.
    """
    rng = np.random.default_rng(named_seed("teacher", "calibration", network.seed))
    inputs = presented(network, network.inputs(CALIBRATION_SIZE, rng))
    with one_thread():
        model = _built(network)
        if network.trained_on is not None:
            _train(model, network)
        calibrate(model, inputs)
        if network.trained_on is None:
            _normalise(model, inputs)
    return model.requires_grad_(False)


@torch.no_grad()
def logits(network: Network, x: Float[np.ndarray, " n *point"]) -> Float64[np.ndarray, "n classes"]:
    """What the frozen network says of inputs in the law's coordinates, in chunks of one size."""
    model = frozen(network)
    begins = range(0, max(len(x), 1), CHUNK)  # one chunk, empty, where there are no inputs
    parts = [model(presented(network, x[begin : begin + CHUNK])) for begin in begins]
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def calibrate(model: nn.Module, inputs: Float32[Tensor, " n *shape"]) -> None:
    """Set every batch normalisation's statistics to those of `inputs`, and evaluation mode."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1.0
    model.train()
    model(inputs)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.eval()


@torch.no_grad()
def _normalise(model: Classifier, inputs: Float32[Tensor, " n *shape"]) -> None:
    """Centre and scale the logits through the last layer, which stays linear: still a member."""
    said = model(inputs)
    classifier = model.classifier
    assert isinstance(classifier, nn.Linear)
    factor = LOGIT_SD / (said[:, 1] - said[:, 0]).std()
    classifier.weight.mul_(factor)
    classifier.bias.copy_((classifier.bias - said.mean(dim=0)) * factor)


def _train(model: Classifier, network: Network) -> None:
    law = network.trained_on
    assert law is not None

    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        x = law.sample(num, rng).x
        eta = law.posterior(x)
        assert eta is not None
        return presented(network, x), torch.from_numpy(eta).float()

    seed = named_seed("teacher", "training", network.seed)
    search = Search(model, draw=draw, phases=TRAINING, seed=seed)
    with torch.enable_grad():  # whoever asks for a posterior may have none
        while not search.finished:
            search.advance()


def presented(network: Network, x: Float[np.ndarray, " n *point"]) -> Float32[Tensor, " n *shape"]:
    """Inputs in the law's coordinates as the network sees them."""
    shown = network.images(x) if network.takes_images else network.vectors(x)
    tensor = torch.from_numpy(np.ascontiguousarray(shown, dtype=np.float32))
    is_image = network.takes_images
    return tensor.contiguous(memory_format=torch.channels_last) if is_image else tensor


def _built(network: Network) -> Classifier:
    shape = network.image_shape if network.takes_images else network.vector_shape
    assert shape is not None
    model = build(
        network.family,
        depth=network.depth,
        capacity=network.capacity,
        input_shape=shape,
        num_classes=network.num_classes,
        hyperparameters={},
        generator=torch.Generator().manual_seed(named_seed("teacher", "init", network.seed)),
    )
    assert isinstance(model, Classifier)
    return model.to(memory_format=torch.channels_last) if network.takes_images else model


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: with more, sums are ordered otherwise and training magnifies that."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
