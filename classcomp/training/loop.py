"""Minibatch training of one stage of a model."""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from classcomp.models.base import Batch, Model, Objective


class DivergedError(RuntimeError):
    """The training loss became infinite or not a number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PassStats:
    """What one pass over examples did.

    Attributes:
        num_steps: steps taken; in each, every objective's optimizer takes one.
        num_examples: examples seen, repetitions counted.
        loss: mean over the pass's batches, weighted by their size, of the objectives' sum.
        gradient_norm: Euclidean norm, at the last step, of each objective's gradient by its own
            parameters, all together.
    """

    num_steps: int
    num_examples: int
    loss: float
    gradient_norm: float

    def checked(self) -> "PassStats":
        """Return the same.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        if not math.isfinite(self.loss):
            raise DivergedError(f"the training loss became {self.loss}")
        return self


class Trainer:
    """AdamW (Loshchilov and Hutter, 2019) on one stage, one pass over given examples at a time.

    Each of the stage's objectives has an optimizer of its own, which moves its parameters alone.
    At every step they take their turns, on the same batch.
    """

    def __init__(
        self,
        stage: Model,
        *,
        learning_rate: float,
        weight_decay: float,
        noise: torch.Generator,
    ) -> None:
        """Binds optimizers to the objectives of `stage`.

        Args:
            stage: a model with at least one objective.
            learning_rate: AdamW's step size at full rate, of an objective of rate 1.
            weight_decay: decoupled weight decay.
            noise: generator on the examples' device, handed to the objectives' losses.
        """
        self.stage = stage
        self.learning_rate = learning_rate
        self.noise = noise
        self.objectives: tuple[Objective, ...] = stage.objectives()
        assert self.objectives, "a model without objectives is fitted, not trained"
        self.optimizers = [
            torch.optim.AdamW(
                objective.parameters,
                lr=learning_rate * objective.rate,
                betas=objective.betas,
                weight_decay=weight_decay,
                fused=True,
            )
            for objective in self.objectives
        ]

    def run_pass(
        self,
        examples: Batch,
        *,
        batch_size: int,
        rate_from: float = 1.0,
        rate_to: float = 1.0,
    ) -> PassStats:
        """Visits N examples once, in their order.

        Args:
            examples: of the whole pass.
            batch_size: examples a step; N is a multiple of it, but for a pass of one step.
            rate_from: share of the learning rate at the pass's start.
            rate_to: share at its end; in between the rate is linear.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        self.stage.train()
        num, device = len(examples), examples.inputs.device
        num_steps = math.ceil(num / batch_size)
        total = torch.zeros((), device=device)
        norms: list[float] = []
        for step in range(num_steps):
            rate = rate_from + (rate_to - rate_from) * step / num_steps
            part = examples.part(step * batch_size, (step + 1) * batch_size)
            batch = replace(part, rate=rate)
            for objective, optimizer in zip(self.objectives, self.optimizers, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = self.learning_rate * objective.rate * rate
                optimizer.zero_grad(set_to_none=True)
                loss = objective.loss(batch, self.noise)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(batch)
                if step == num_steps - 1:
                    norms.append(_gradient_norm(objective.parameters))
        stats = PassStats(
            num_steps=num_steps,
            num_examples=num,
            loss=float(total) / num,
            gradient_norm=math.hypot(*norms),
        )
        return stats.checked()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the stage's own weights that the next pass depends on."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "noise": self.noise.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken."""
        # Copied: an optimizer keeps the tensors it is given, and moves them in place.
        saved = copy.deepcopy(state["optimizers"])
        for optimizer, held in zip(self.optimizers, saved, strict=True):
            optimizer.load_state_dict(held)
        self.noise.set_state(state["noise"].cpu())


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """A pass that a trainer is about to make; the attributes are `Trainer.run_pass`'s."""

    trainer: Trainer
    examples: Batch
    batch_size: int
    rate_from: float
    rate_to: float

    def run(self) -> PassStats:
        """Make it; raises what `Trainer.run_pass` does."""
        return self.trainer.run_pass(
            self.examples,
            batch_size=self.batch_size,
            rate_from=self.rate_from,
            rate_to=self.rate_to,
        )


def _gradient_norm(parameters: tuple[Tensor, ...]) -> float:
    gradients = [p.grad for p in parameters if p.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))
