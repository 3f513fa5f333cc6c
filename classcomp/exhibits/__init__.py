"""Arrays of a finished trial that are worth looking at: one literal registry of exhibits."""

import numpy as np

from classcomp.exhibits.base import Exhibit
from classcomp.exhibits.decisions import confusion_arrays, decision_map_arrays
from classcomp.exhibits.decoding import (
    class_mean_arrays,
    reconstruction_arrays,
    traversal_arrays,
)
from classcomp.exhibits.feature_space import feature_arrays
from classcomp.exhibits.latent_plane import latent_plane_arrays, reference_planes
from classcomp.exhibits.layers import layer_arrays
from classcomp.models.base import Decides, Decodes, Encodes, Model, Reconstructs
from classcomp.tasks import Evaluation

__all__ = ["EXHIBITS", "Exhibit", "exhibit_arrays", "law_arrays"]

EXHIBITS: dict[str, Exhibit] = {
    "confusion": Exhibit(needs=Decides, collect=confusion_arrays),
    "decision_map": Exhibit(needs=Decides, collect=decision_map_arrays),
    "features": Exhibit(needs=Encodes, collect=feature_arrays),
    "reconstructions": Exhibit(needs=Reconstructs, collect=reconstruction_arrays),
    "traversals": Exhibit(needs=Decodes, collect=traversal_arrays),
    "class_means": Exhibit(needs=Decodes, collect=class_mean_arrays),
    "latent_plane": Exhibit(needs=Decodes, collect=latent_plane_arrays),
    "layers": Exhibit(needs=Model, collect=layer_arrays),
}


def exhibit_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """The arrays of every exhibit whose capability the model has, by `<exhibit>/<array>`."""
    return {
        f"{name}/{key}": array
        for name, exhibit in EXHIBITS.items()
        if isinstance(evaluation.model, exhibit.needs)
        for key, array in exhibit.collect(evaluation).items()
    }


def law_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """What the law's own exhibits are, that all models with a latent plane are shown beside."""
    is_planar = isinstance(evaluation.model, Decodes) and evaluation.plane is not None
    return reference_planes(evaluation) if is_planar else {}
