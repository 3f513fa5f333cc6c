"""Minibatch training of one stage of a classifier."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class DivergedError(RuntimeError):
    """The training loss became infinite or not a number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PassStats:
    """What one pass over examples did.

    Attributes:
        num_steps: optimizer steps taken.
        num_examples: examples seen, repetitions counted.
        loss: mean training objective over the pass's batches, weighted by their size.
        gradient_norm: Euclidean norm of the whole gradient at the last step.
    """

    num_steps: int
    num_examples: int
    loss: float
    gradient_norm: float


class Trainer:
    """AdamW (Loshchilov and Hutter, 2019) on one stage, one pass over given examples at a time."""

    def __init__(
        self,
        stage: nn.Module,
        *,
        learning_rate: float,
        weight_decay: float,
        batch_size: int,
        order: torch.Generator,
        noise: torch.Generator,
    ) -> None:
        """Binds the optimizer to `stage`.

        Args:
            stage: a `classcomp.models.base.Classifier`.
            learning_rate: AdamW's step size at full rate.
            weight_decay: decoupled weight decay.
            batch_size: examples a step; the last batch of a pass may be smaller.
            order: CPU generator of the order in which examples are visited.
            noise: generator on the examples' device, handed to the stage's loss.
        """
        self.stage = stage
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.order = order
        self.noise = noise
        self.optimizer = torch.optim.AdamW(
            stage.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
        )

    def run_pass(
        self, inputs: Tensor, labels: Tensor, *, rate_from: float = 1.0, rate_to: float = 1.0
    ) -> PassStats:
        """Visits every example once in random order.

        Args:
            inputs: (N, ...) examples.
            labels: (N,) int64 classes.
            rate_from: share of the learning rate at the pass's start.
            rate_to: share at its end; in between the rate is linear.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        self.stage.train()
        num = len(inputs)
        permutation = torch.randperm(num, generator=self.order).to(inputs.device)
        num_steps = math.ceil(num / self.batch_size)
        total = torch.zeros((), device=inputs.device)
        for step in range(num_steps):
            batch = permutation[step * self.batch_size : (step + 1) * self.batch_size]
            rate = rate_from + (rate_to - rate_from) * step / num_steps
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate * rate
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.stage.loss(inputs[batch], labels[batch], self.noise)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(batch)
        mean_loss = float(total) / num
        if not math.isfinite(mean_loss):
            raise DivergedError(f"the training loss became {mean_loss}")
        return PassStats(
            num_steps=num_steps,
            num_examples=num,
            loss=mean_loss,
            gradient_norm=_gradient_norm(self.stage),
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the stage's own weights that the next pass depends on."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "noise": self.noise.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"].cpu())
        self.noise.set_state(state["noise"].cpu())


def _gradient_norm(stage: nn.Module) -> float:
    gradients = [p.grad for p in stage.parameters() if p.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))
