"""A score of your own: a further column of the trial table. `python examples/my_score.py`

A score is a function of a fitted model in front of clean examples, and the capability it needs;
every family that has it gets the column. Adding it to SCORES here holds in this process only.
The workers of `python -m study.run` import the registry by themselves, so for a whole study two
lines belong into the source: one in `classcomp/scores/__init__.py`, and one for the column in
`study/trials/schema.py`.
"""

import numpy as np

from classcomp.experiment import run
from classcomp.models.base import Decides
from classcomp.scores import SCORES, Score
from classcomp.tasks import Evaluation
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES


def worst_class_columns(evaluation: Evaluation) -> dict[str, float]:
    """`worst_class_risk`: the error rate in the class that fares worst."""
    wrong = evaluation.decisions[0] != evaluation.labels
    classes = np.unique(evaluation.labels)
    return {"worst_class_risk": max(float(wrong[evaluation.labels == k].mean()) for k in classes)}


def main() -> None:
    """Run one trial, and print its risk and the new column."""
    SCORES["worst_class"] = Score(needs=Decides, compute=worst_class_columns)
    trial = Trial(
        role="measure",
        family="linear",
        depth=1,
        population_name="two_gaussians",
        population_parameters={"delta": 2.0, "prior": 0.2},
        num_train=128,
        budget=10,
        most=20,
        hyperparameters=SPACES["linear"].defaults,
        streams=dict.fromkeys(STREAMS, 0),
    )
    metrics = run(trial).metrics
    print(f"risk {metrics['risk']:.3f}, in the worst class {metrics['worst_class_risk']:.3f}")


if __name__ == "__main__":
    main()
