"""The parts a trial's training falls into, as data."""

from dataclasses import dataclass
from typing import Literal

COOLDOWN_PASSES = 10
"""Epochs over which the rate falls to zero once the training risk has settled, so that the rule
scored as converged is not one step of a walk around it (Hu et al., 2024, call it WSD)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """Some passes of one kind.

    Attributes:
        kind: "pretrain": a stage before the last. "budget": the last stage, up to R_n(T).
            "settle": on, until the training risk has settled or passes have run out. "cooldown":
            to R_n(inf). "fit": all that a model does which is fitted, not trained.
        stage: of the model, from 0.
        num_passes: at most, in "settle"; else exactly.
        decays: whether the learning rate falls linearly to zero over the phase.
    """

    kind: Literal["pretrain", "budget", "settle", "cooldown", "fit"]
    stage: int
    num_passes: int
    decays: bool = False

    def rates(self, done: int) -> tuple[float, float]:
        """Shares of the learning rate at the start and at the end of the pass after `done`."""
        if not self.decays:
            return 1.0, 1.0
        return 1 - done / self.num_passes, 1 - (done + 1) / self.num_passes


def phases_of(
    num_stages: int, *, budget_passes: int, max_passes: int, decays: bool
) -> tuple[Phase, ...]:
    """The phases of a model that is trained.

    Args:
        num_stages: of the model.
        budget_passes: of each stage.
        max_passes: of the last stage, where it is to settle; `budget_passes` where it is not.
        decays: whether the rate falls to zero over each stage's budget.
    """
    last = num_stages - 1
    phases = [
        Phase(
            kind="budget" if stage == last else "pretrain",
            stage=stage,
            num_passes=budget_passes,
            decays=decays,
        )
        for stage in range(num_stages)
    ]
    if max_passes > budget_passes:
        left = max_passes - budget_passes
        phases.append(Phase(kind="settle", stage=last, num_passes=left))
        cooldown = Phase(kind="cooldown", stage=last, num_passes=COOLDOWN_PASSES, decays=True)
        phases.append(cooldown)
    return tuple(phases)
