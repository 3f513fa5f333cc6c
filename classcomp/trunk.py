"""A trial's trunk, pass by pass: whether it has settled, and what is seen of the rule on its way.

Nothing changes by being seen: whoever stops there and takes the weights has that rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from classcomp.designs import Design
from classcomp.exhibits import is_watched, look
from classcomp.models import Model
from classcomp.tasks import Evaluation, Task
from classcomp.training.convergence import Reading, has_settled
from classcomp.training.phases import traced_steps
from classcomp.trial import Progress, Trial


class Trunk:
    """What a trial's passes at constant rate showed.

    Attributes:
        ends_settled: whether it ends where it has settled.
        settled_after: its steps when it had, for the first time; None: it has not.
        looks: what exhibits have seen, by optimizer steps.
    """

    def __init__(
        self,
        trial: Trial,
        model: Model,
        task: Task,
        design: Design,
        evaluation: Callable[[], Evaluation],
    ) -> None:
        """Binds the trunk to a model.

        Args:
            trial: whose it is.
            model: what is trained.
            task: what it is for.
            design: of the trial.
            evaluation: puts the model in front of the evaluation sample, as it is.
        """
        self._model, self._task, self._evaluation = model, task, evaluation
        self._is_evaluated = design.evaluation is not None
        traced = trial.traced if self._is_evaluated else 0
        self._traced = traced_steps(design.phases, traced)
        self._scale = task.scale(design.head_examples)
        self._readings: list[Reading] = []
        self.ends_settled = trial.until == "settled"
        self.settled_after: int | None = None
        self.looks: dict[int, dict[str, np.ndarray]] = {}

    def follow(self, progress: Progress, num_steps: int) -> Progress:
        """Takes a pass of the trunk in; its risk is looked at where the trial is traced.

        Args:
            progress: after the pass.
            num_steps: of the pass.
        """
        if progress.train_loss is None or progress.train_risk is None:
            return progress
        self._readings.append(Reading(num_steps, progress.train_loss, progress.train_risk))
        is_end = progress.phase == "settle" and self.ends_settled and self.has_settled
        if not self._traced or not (is_end or self._steps in self._traced):
            return progress
        risk = self._task.assess(self._evaluation()).risk
        return replace(progress, risk=risk.value, risk_se=risk.standard_error)

    def look(self, step: int) -> None:
        """Keeps what exhibits see, where one looks at such a model while it trains."""
        if self._is_evaluated and is_watched(self._model):
            self.looks[step] = look(self._evaluation())

    @property
    def has_settled(self) -> bool:
        """Whether it has settled by now, once and for all."""
        if self.settled_after is None and has_settled(self._readings, self._scale):
            self.settled_after = self._steps
        return self.settled_after is not None

    @property
    def _steps(self) -> int:
        return sum(reading.steps for reading in self._readings)

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of it depends on: tensors and numbers only."""
        return {
            "readings": [astuple(reading) for reading in self._readings],
            "settled_after": self.settled_after,
            "looks": {step: as_tensors(seen) for step, seen in self.looks.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was taken."""
        self._readings = [Reading(*reading) for reading in state["readings"]]
        self.settled_after = state["settled_after"]
        self.looks = {step: as_arrays(seen) for step, seen in state["looks"].items()}


def as_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Arrays as a checkpoint keeps them."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """What `as_tensors` was given."""
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
