"""The search for the best rule of an architecture: its schedule as data, and who carries it out."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional as F

from classcomp.models.base import Classifier
from classcomp.training.loop import DivergedError, PassStats
from classcomp.training.muon import Muon

PASS_SIZE = 8_192
"""Examples between two places where a search can be saved."""
LOG_ODDS_FLOOR = 1e-4
"""Posteriors below it are taken for it: how sure a law is beyond that moves no decision."""
HUBER = 2.0
"""From this distance of a centred logit on the loss is linear: few examples that a network cannot
follow do not outweigh those near the boundary."""
WEIGHT_DECAY = 0.1
"""Keeps the weights before a normalisation from growing, which would slow learning down."""

Draw = Callable[
    [int, np.random.Generator],
    tuple[Float32[Tensor, " num *shape"], Float32[Tensor, "num classes"]],
]
"""(number, generator) to fresh inputs, as the network sees them, and their posteriors."""
Loss = Literal["log_odds", "cross_entropy", "zero_one"]


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
    """Return the 0-1 risk of a rule that draws its class from the softmax: E sum_k eta_k (1 - p_k).

    Without noise and differentiable; where the logits are large it is the rule's own risk.
    """
    return (targets * (1 - logits.softmax(dim=1))).sum(dim=1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log_odds": log_odds_loss,
    "cross_entropy": F.cross_entropy,
    "zero_one": zero_one_loss,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPhase:
    """Some fresh examples seen under one loss, while the rate moves linearly.

    Attributes:
        loss: a key of `LOSSES`.
        num_examples: seen in the phase.
        batch_size: examples a step.
        rate_from: learning rate at the phase's start.
        rate_to: at its end.
    """

    loss: Loss
    num_examples: int
    batch_size: int
    rate_from: float
    rate_to: float

    @property
    def num_passes(self) -> int:
        """Passes of `PASS_SIZE` examples; the last may be shorter."""
        return math.ceil(self.num_examples / PASS_SIZE)


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
        self, model: Classifier, *, draw: Draw, phases: tuple[SearchPhase, ...], seed: int
    ) -> None:
        """Binds an optimizer to the model; `seed` is the stream's."""
        self.model = model
        self.phases = phases
        self.done = 0
        self._draw = draw
        self._seed = seed
        self._optimizer = Muon(
            model.parameters(), lr=phases[0].rate_from, weight_decay=WEIGHT_DECAY
        )
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
        self.model.train()
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
            raise DivergedError(f"the search's loss became {mean}")
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        return PassStats(
            num_steps=num_steps,
            num_examples=num,
            loss=mean,
            gradient_norm=float(torch.nn.utils.get_total_norm(gradients)),
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the model's own weights that the next pass depends on."""
        return {"done": self.done, "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken."""
        self.done = state["done"]
        self._optimizer.load_state_dict(state["optimizer"])
