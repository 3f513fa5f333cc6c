"""What a trial's rules score: at the end of its budget, and where it has settled."""

from collections.abc import Callable

import numpy as np

from classcomp.designs import Design
from classcomp.models import Model
from classcomp.models.base import Decides
from classcomp.scores import score_columns
from classcomp.tasks import Evaluation, Task

NUM_PREDICTIONS = 1_000
"""Of the evaluation examples, those whose predicted probabilities are kept."""
CONVERGED = (
    *("risk", "excess_risk", "excess_risk_se"),
    *("excess_cross_entropy", "calibration_error"),
)
"""Columns that R_n(inf) has too, as `converged_...`."""

Metrics = dict[str, float | int | bool | None]


class Scorer:
    """Scores a model as it is, on what its trial's design says.

    Attributes:
        kept: what the rules decide and predict on the evaluation sample, by name: `budget` and
            `converged` classes `(N,)`, `log_probabilities` and `converged_log_probabilities`
            natural logarithms `(NUM_PREDICTIONS, K)` in float16.
    """

    def __init__(
        self, model: Model, task: Task, design: Design, evaluation: Callable[[], Evaluation]
    ) -> None:
        """Binds the scorer to a model; `evaluation` puts it in front of the evaluation sample."""
        self._model, self._task, self._design = model, task, design
        self._evaluation = evaluation
        self.kept: dict[str, np.ndarray] = {}

    def at_budget(self) -> Metrics:
        """Every score there is, at the end of the budget."""
        found: Metrics = {"train_risk": self._risk_on("head_examples")}
        if self._design.validation is not None:
            found["validation_risk"] = self._risk_on("validation")
        if self._design.selection is not None:
            found["selection_risk"] = self._risk_on("selection")
        if self._design.evaluation is not None:
            found |= self._columns("budget", "log_probabilities")
        return found

    def at_end(self) -> Metrics:
        """Those that R_n(inf) has too."""
        columns = self._columns("converged", "converged_log_probabilities")
        found: Metrics = {f"converged_{name}": columns.get(name) for name in CONVERGED}
        if self._design.selection is not None:
            found["converged_selection_risk"] = self._risk_on("selection")
        return {**found, "final_train_risk": self._risk_on("head_examples")}

    def _risk_on(self, examples: str) -> float:
        return self._task.risk(self._model, getattr(self._design, examples))

    def _columns(self, decisions: str, predictions: str) -> Metrics:
        """The task's and the scores'; what the rule decides is kept."""
        evaluation = self._evaluation()
        if isinstance(self._model, Decides):
            classes, probabilities = evaluation.decisions
            with np.errstate(divide="ignore"):  # log 0 is minus infinity, and kept as such
                logs = np.log(probabilities[:NUM_PREDICTIONS]).astype(np.float16)
            self.kept |= {decisions: classes, predictions: logs}
        return {**self._task.assess(evaluation).columns, **score_columns(evaluation)}
