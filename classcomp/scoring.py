"""What a trial's rules score: at the end of its budget, and where it has settled."""

from collections.abc import Callable

import numpy as np

from classcomp.designs import Design
from classcomp.draws import Examples
from classcomp.models import Model
from classcomp.populations import Population, RealData
from classcomp.scores import score_columns
from classcomp.tasks import Evaluation, Task

CONVERGED = (
    *("risk", "excess_risk", "excess_risk_se"),
    *("excess_cross_entropy", "calibration_error"),
)
"""Columns that R_n(inf) has too, as `converged_...`."""

Metrics = dict[str, float | int | bool | None]


class Scorer:
    """Scores a model as it is, on what its trial's design says.

    Attributes:
        kept: of the rules on the evaluation sample what their task keeps (`Task.kept`), by name.
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
            found |= self._columns("budget")
        return found

    def at_end(self) -> Metrics:
        """Those that R_n(inf) has too."""
        columns = self._columns("converged")
        found: Metrics = {f"converged_{name}": columns.get(name) for name in CONVERGED}
        if self._design.selection is not None:
            found["converged_selection_risk"] = self._risk_on("selection")
        return {**found, "final_train_risk": self._risk_on("head_examples")}

    def _risk_on(self, examples: str) -> float:
        return self._task.risk(self._model, getattr(self._design, examples))

    def _columns(self, branch: str) -> Metrics:
        """The task's and the scores'; what the task keeps of the rule is kept."""
        evaluation = self._evaluation()
        assessment = self._task.assess(evaluation)
        self.kept |= self._task.kept(evaluation, assessment, branch)
        return {**assessment.columns, **score_columns(evaluation)}


def law_of(examples: Examples, population: Population) -> dict[str, np.ndarray]:
    """What decisions are held against: `posterior` `(N, K)`, or of real data `labels` `(N,)`."""
    classes = {"num_classes": np.array(population.num_classes)}
    if examples.posterior is None:
        return {**classes, "labels": examples.labels.cpu().numpy()}
    return {**classes, "posterior": examples.posterior}


def classes_of(examples: Examples, population: Population) -> dict[str, np.ndarray]:
    """The examples' `labels` `(N,)`, and `class_names` `(K,)` where classes have names."""
    smallest = np.min_scalar_type(population.num_classes)
    found = {"labels": examples.labels.cpu().numpy().astype(smallest)}
    names = population.class_names if isinstance(population, RealData) else ()
    return found | ({"class_names": np.array(names)} if names else {})
