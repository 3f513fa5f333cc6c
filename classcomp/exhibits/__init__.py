"""Arrays of a finished trial that are worth looking at: one literal registry of exhibits."""

import numpy as np

from classcomp.exhibits.base import Exhibit
from classcomp.exhibits.decisions import confusion_arrays, decision_map_arrays
from classcomp.exhibits.feature_space import feature_arrays
from classcomp.models.base import Decides, Encodes
from classcomp.tasks import Evaluation

__all__ = ["EXHIBITS", "Exhibit", "exhibit_arrays"]

EXHIBITS: dict[str, Exhibit] = {
    "confusion": Exhibit(needs=Decides, collect=confusion_arrays),
    "decision_map": Exhibit(needs=Decides, collect=decision_map_arrays),
    "features": Exhibit(needs=Encodes, collect=feature_arrays),
}


def exhibit_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """The arrays of every exhibit whose capability the model has, by `<exhibit>/<array>`."""
    return {
        f"{name}/{key}": array
        for name, exhibit in EXHIBITS.items()
        if isinstance(evaluation.model, exhibit.needs)
        for key, array in exhibit.collect(evaluation).items()
    }
