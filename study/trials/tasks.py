"""What a family's task makes of its risk: unit, range, what is kept of a rule, what is looked for.

One record for each task, read by whoever plans, checks, splits or shows risks. A task that is not
listed has risks of zero or more in a unit that nobody has named.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PROBABILITY = "probability"
SQUARED_INPUT = "squared input"


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """The facts of a task. No risk is below zero.

    Attributes:
        name: as the tables have it.
        unit: of its risks, and of an example's terms; empty: nobody has named it.
        most: no risk is above it, nor an example's term; infinite: there is no largest.
        floor: what R*, the least risk there can be, is called.
        keeps_decisions: the evaluation sample's kept part are the classes that a rule decides for;
            else its terms: what each example contributes to the risk.
        seeks_best_rule: U_H, the best rule of the architecture, is looked for; else approximation
            and objective are unknown.
        has_teachers: a network of it can be a law, on which the search for U_H can be tried.
        margin: by how much two risks may differ and be called the same; None: nobody has said.
        undoes: the distortion that it takes off, without which it has nothing to do; empty: none.
    """

    name: str
    unit: str = ""
    most: float = math.inf
    floor: str = "lower limit of the risk"
    keeps_decisions: bool = False
    seeks_best_rule: bool = False
    has_teachers: bool = False
    margin: float | None = None
    undoes: str = ""

    @property
    def largest(self) -> float:
        """By how much two terms of an example can differ; 0 where nothing bounds them.

        What is unbounded has no allowance for examples that were not seen to differ.
        """
        return self.most if math.isfinite(self.most) else 0.0


CLASSIFICATION = Task(
    name="classification",
    unit=PROBABILITY,
    most=1.0,
    floor="Bayes risk",
    keeps_decisions=True,
    seeks_best_rule=True,
    has_teachers=True,
    margin=0.005,  # half a point
)
TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            CLASSIFICATION,
            Task(name="reconstruction", unit=SQUARED_INPUT),  # E ||x - x^||^2 / d
            Task(
                name="denoising",
                unit=SQUARED_INPUT,  # E ||x - f(x + e)||^2 / d
                floor="least mean squared error",
                seeks_best_rule=True,
                undoes="feature_noise",
            ),
        )
    }
)
"""Every task that has facts of its own, by name."""


def task_of(name: str | None) -> Task:
    """The facts of a task; None: a table from before there were tasks, when all classified."""
    if name is None:
        return CLASSIFICATION
    return TASKS.get(name) or Task(name=name)
