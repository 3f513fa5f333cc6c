"""What a trial's rules score: at the end of its budget, and where it has settled."""

from collections.abc import Callable, Sequence

import numpy as np

from classcomp.corruption import keeps_image
from classcomp.designs import Design
from classcomp.draws import Examples
from classcomp.models import Model
from classcomp.populations import FittedImages, Population, RealData
from classcomp.scores import score_columns
from classcomp.tasks import Evaluation, Task
from classcomp.tasks.base import rounded_terms
from classcomp.trial import Progress

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
        self,
        model: Model,
        task: Task,
        design: Design,
        evaluation: Callable[[str | None], Evaluation],
        corruptions: Sequence[str] = (),
    ) -> None:
        """Binds the scorer to a model.

        Args:
            model: what is scored.
            task: what it is for.
            design: what it is scored on.
            evaluation: puts it in front of the evaluation sample, as it is (None) or corrupted.
            corruptions: kinds under which the rule of T is scored too.
        """
        self._model, self._task, self._design = model, task, design
        self._evaluation, self._corruptions = evaluation, corruptions
        self.kept: dict[str, np.ndarray] = {}

    def at_budget(self, last: Progress | None = None) -> Metrics:
        """Every score there is, at the end of the budget.

        Args:
            last: of the trial's curve, which the model has not moved since: what was computed for
                it is not computed again. None: nothing was.
        """
        train, validation = (last.train_risk, last.validation_risk) if last else (None, None)
        found: Metrics = {"train_risk": self._known_or(train, "head_examples")}
        if self._design.validation is not None:
            found["validation_risk"] = self._known_or(validation, "validation")
        if self._design.selection is not None:
            found["selection_risk"] = self._risk_on("selection")
        if self._design.evaluation is not None:
            found |= self._columns("budget")
            for kind in self._corruptions:
                found |= self._under(kind)
        return found

    def at_end(self, last: Progress) -> Metrics:
        """Those that R_n(inf) has too; `last` as of `at_budget`."""
        columns = self._columns("converged")
        found: Metrics = {f"converged_{name}": columns.get(name) for name in CONVERGED}
        if self._design.selection is not None:
            found["converged_selection_risk"] = self._risk_on("selection")
        return {**found, "final_train_risk": self._known_or(last.train_risk, "head_examples")}

    def _known_or(self, risk: float | None, examples: str) -> float:
        return self._risk_on(examples) if risk is None else risk

    def _risk_on(self, examples: str) -> float:
        return self._task.risk(self._model, getattr(self._design, examples))

    def _columns(self, branch: str) -> Metrics:
        """The task's and the scores'; what the task keeps of the rule is kept."""
        evaluation = self._evaluation(None)
        assessment = self._task.assess(evaluation)
        self.kept |= self._task.kept(evaluation, assessment, branch)
        return {**assessment.columns, **score_columns(evaluation)}

    def _under(self, kind: str) -> Metrics:
        """The task's risk where every evaluation image is corrupted, and its terms, which are kept.

        An outlier has neither the class nor the looks of the image whose place it takes: there is
        an answer to it only where that is the input itself. What is given back is held against the
        clean image, too.
        """
        asks_for = self._task.asks_for
        if asks_for == "nothing" or (asks_for == "origin" and not keeps_image(kind)):
            return {}
        evaluation = self._evaluation(kind)
        assessment = self._task.assess(evaluation)
        risk, terms = assessment.risk, assessment.terms
        # Terms of an excess have another mean, by what all rules share.
        self.kept[f"{kind}_terms"] = rounded_terms(terms + (risk.value - terms.mean()))
        found: Metrics = {f"{kind}_risk": risk.value, f"{kind}_risk_se": risk.standard_error}
        if asks_for == "input" and keeps_image(kind):
            found[f"{kind}_restored_mse"] = float(evaluation.restoration_errors.double().mean())
        return found


def law_of(examples: Examples, population: Population) -> dict[str, np.ndarray]:
    """What decisions are held against: `posterior` `(N, K)`, or of real data `labels` `(N,)`.

    And `class_names` `(K,)` where classes have names.
    """
    classes = {"num_classes": np.array(population.num_classes), **_names_of(population)}
    if examples.posterior is None:
        return {**classes, "labels": examples.labels.cpu().numpy()}
    return {**classes, "posterior": examples.posterior}


def classes_of(examples: Examples, population: Population) -> dict[str, np.ndarray]:
    """The examples' `labels` `(N,)`, and `class_names` `(K,)` where classes have names."""
    smallest = np.min_scalar_type(population.num_classes)
    return {"labels": examples.labels.cpu().numpy().astype(smallest), **_names_of(population)}


def _names_of(population: Population) -> dict[str, np.ndarray]:
    names = population.class_names if isinstance(population, RealData | FittedImages) else ()
    return {"class_names": np.array(names)} if names else {}
