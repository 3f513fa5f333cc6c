"""The search for the best rule of an architecture: its schedule as data, and who carries it out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.base import Classifier, Denoiser, Model
from classcomp.training.loop import DivergedError, PassStats
from classcomp.training.muon import Muon
from classcomp.training.sources import FreshStream

PASS_SIZE = 8_192
"""Examples between two places where a search can be saved."""
LOG_ODDS_FLOOR = 1e-4
"""Posteriors below it are taken for it: how sure a law is beyond that moves no decision."""
HUBER = 2.0
"""From this distance of a centred logit on the loss is linear: few examples that a network cannot
follow do not outweigh those near the boundary."""
SHARPNESS = 4.0
"""Of the expected 0-1 loss: logits of +-4 say a class with probability .9997."""
RATE = 0.03
LINEAR_RATE = 0.003
"""Learning rates at the start, of networks with and without normalisation. The second is as large
as a product of matrices with thousands of hidden units, such as `linear` on points, can take."""
NUM_STATISTICS = 8_192
"""Inputs, beside the examples, that the statistics of normalisations are taken from."""
STATISTICS_BATCH = 1_024
WEIGHT_DECAY = 0.1
"""Keeps the weights before a normalisation from growing, which would slow learning down."""

Draw = Callable[
    [int, np.random.Generator],
    tuple[Float32[Tensor, " num *shape"], Float32[Tensor, " num *wanted"]],
]
"""(number, generator) to fresh inputs, as the network sees them, and their posteriors, or means."""
Rule = Classifier | Denoiser


def log_odds_loss(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"]
) -> Float[Tensor, ""]:
    """Return how far the logits lie from the posterior's, both centred, by Huber's loss (1964).

    Regression on the logits of the one to be learned from (Ba and Caruana 2014). Its gradient
    does not fade where classes are certain, so that features are found sooner than by
    cross-entropy.
    """
    wanted = targets.clamp_min(LOG_ODDS_FLOOR).log()
    wanted = wanted - wanted.mean(dim=1, keepdim=True)
    said = logits - logits.mean(dim=1, keepdim=True)
    return F.smooth_l1_loss(said, wanted, beta=HUBER)


def zero_one_loss(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"]
) -> Float[Tensor, ""]:
    """Return the 0-1 risk E sum_k eta_k (1 - p_k) of a rule that draws its class from p.

    p is the softmax of the logits brought to the root mean square `SHARPNESS` over the batch. A
    decision does not depend on their scale, so the loss must not: at a small one it is linear in
    the logits and no risk at all, at a large one its gradient is gone. Noise-free, differentiable,
    and near the rule's own risk.
    """
    said = logits - logits.mean(dim=1, keepdim=True)
    said = said * (SHARPNESS / (said.square().mean() + 1e-12).sqrt())
    return (targets * (1 - said.softmax(dim=1))).sum(dim=1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log_odds": log_odds_loss,
    "cross_entropy": F.cross_entropy,
    "zero_one": zero_one_loss,
    "squared": F.mse_loss,
}

CONVEX = {"zero_one": "cross_entropy"}
"""Of a loss that is not convex in the logits, the one that is minimised before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPhase:
    """Some fresh examples seen under one loss, while the rate moves linearly.

    Attributes:
        loss: a key of `LOSSES`.
        num_examples: seen in the phase.
        batch_size: examples a step.
        rate_from: learning rate at the phase's start.
        rate_to: at its end.
        is_rule: trains the rule as it will decide, with statistics that stand still.
    """

    loss: str
    num_examples: int
    batch_size: int
    rate_from: float
    rate_to: float
    is_rule: bool = False

    @property
    def num_passes(self) -> int:
        """Passes of `PASS_SIZE` examples; the last may be shorter."""
        return math.ceil(self.num_examples / PASS_SIZE)


def schedule(model: Rule, num_examples: int) -> tuple[SearchPhase, ...]:
    """Return the phases of a search that learns from `num_examples` fresh examples.

    A normalised network sees `NUM_STATISTICS` inputs besides, without their posteriors.

    Of a normalised network seven eighths find features and the last eighth moves the boundary, in
    larger batches to rate zero, of the rule as it decides: normalised by statistics of many
    examples and not of a batch (Wu and Johnson 2021), whose moving average can end on a bad one:
    after 32,000 examples of Gaussian images it left 1.3 points of `unet`, where .1 is left so.
    `linear` has no features to find, and from random weights the 0-1 risk itself leads it nowhere
    where classes are many or images noisy (`benchmarks/README.md`: 16,000 examples of ten classes
    left 44 and 33 points, where 20 are left so). Half in small batches of cross-entropy, which
    is convex, gets near, and half in large ones moves the boundary.
    """
    finding, deciding = model.search_losses
    if _is_normalised(model):
        last = num_examples // 8
        return (
            _phase(finding, num_examples - last, 64, RATE, RATE / 10),
            replace(_phase(deciding, last, 128, RATE / 10, 0.0), is_rule=True),
        )
    first = num_examples // 2
    return (
        _phase(CONVEX.get(deciding, deciding), first, 64, LINEAR_RATE, LINEAR_RATE / 3),
        _phase(deciding, num_examples - first, 256, LINEAR_RATE / 3, 0.0),
    )


def _phase(
    loss: str, num_examples: int, batch_size: int, rate_from: float, rate_to: float
) -> SearchPhase:
    return SearchPhase(
        loss=loss,
        num_examples=num_examples,
        batch_size=batch_size,
        rate_from=rate_from,
        rate_to=rate_to,
    )


def _is_normalised(model: nn.Module) -> bool:
    return any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def _optimizer(model: Rule) -> torch.optim.Optimizer:
    """Muon for features; for a product of matrices Adam, which moves no direction without cause."""
    if _is_normalised(model):
        return Muon(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    return torch.optim.AdamW(model.parameters(), lr=LINEAR_RATE, weight_decay=0.0, fused=True)


class Search:
    """One restart: carries out a schedule on a stream that is never seen twice, pass by pass.

    Pass k depends on the seed, on k and on what came before alone, so that an interrupted search
    goes on as it would have. The model is the caller's, saved and scored by them.

    Attributes:
        model: what is trained.
        phases: the schedule.
        done: passes so far.
    """

    def __init__(
        self, model: Rule, *, draw: Draw, phases: tuple[SearchPhase, ...], seed: int
    ) -> None:
        """Binds an optimizer to the model; `seed` is the stream's."""
        self.model = model
        self.phases = phases
        self.done = 0
        self._draw = draw
        self._seed = seed
        self._optimizer = _optimizer(model)
        self._places = [(phase, k) for phase in phases for k in range(phase.num_passes)]

    @property
    def num_passes(self) -> int:
        """Passes of the whole schedule."""
        return len(self._places)

    @property
    def finished(self) -> bool:
        """Whether the schedule is carried out."""
        return self.done == self.num_passes

    def advance(self) -> PassStats:
        """Runs one pass.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        phase, place = self._places[self.done]
        begin = place * PASS_SIZE
        num = min(PASS_SIZE, phase.num_examples - begin)
        inputs, targets = self._draw(num, np.random.default_rng([self._seed, self.done]))
        lower = LOSSES[phase.loss]
        total, num_steps = torch.zeros((), device=inputs.device), 0
        if phase.is_rule and place == 0:
            self._take_statistics()
        self.model.train(not phase.is_rule)
        for first in range(0, num, phase.batch_size):
            chosen = slice(first, first + phase.batch_size)
            share = (begin + first) / phase.num_examples
            for group in self._optimizer.param_groups:
                group["lr"] = phase.rate_from + (phase.rate_to - phase.rate_from) * share
            self._optimizer.zero_grad(set_to_none=True)
            loss = lower(self.model(inputs[chosen]), targets[chosen])
            loss.backward()
            self._optimizer.step()
            total += loss.detach() * len(inputs[chosen])
            num_steps += 1
        self.done += 1
        if not math.isfinite(mean := float(total) / num):
            raise DivergedError(f"the training loss became {mean}")
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        return PassStats(
            num_steps=num_steps,
            num_examples=num,
            loss=mean,
            gradient_norm=float(torch.nn.utils.get_total_norm(gradients)),
        )

    @torch.no_grad()
    def _take_statistics(self) -> None:
        """Put means over `NUM_STATISTICS` fresh inputs in place of the moving averages."""
        layers = [layer for layer in self.model.modules() if isinstance(layer, nn.BatchNorm2d)]
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # all batches count alike
        rng = np.random.default_rng([self._seed, self.num_passes])
        self.model.train()
        for inputs in self._draw(NUM_STATISTICS, rng)[0].split(STATISTICS_BATCH):
            self.model(inputs)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    def state_dict(self) -> dict[str, Any]:
        """Everything but the model's own weights that the next pass depends on."""
        return {"done": self.done, "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken."""
        self.done = state["done"]
        self._optimizer.load_state_dict(state["optimizer"])


def new_search(model: Model, source: FreshStream, num_examples: int, *, seed: int) -> Search:
    """Return a search for the best rule of `model`, under a law that is known."""
    assert isinstance(model, Classifier | Denoiser)

    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        inputs, _, targets = source.draw(num, rng)
        assert targets is not None, "the best rule is looked for under a law that is known"
        return inputs, targets

    return Search(model, draw=draw, phases=schedule(model, num_examples), seed=seed)
