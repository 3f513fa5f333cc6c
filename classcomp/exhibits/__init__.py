"""Arrays of a finished trial that are worth looking at: one literal registry of exhibits."""

from collections.abc import Mapping

import numpy as np

from classcomp.exhibits.base import Exhibit
from classcomp.exhibits.decisions import confusion_arrays, decision_map_arrays
from classcomp.exhibits.decoding import (
    altered_arrays,
    class_mean_arrays,
    interpolation_arrays,
    reconstruction_arrays,
    traversal_arrays,
)
from classcomp.exhibits.feature_space import feature_arrays
from classcomp.exhibits.inference import inference_arrays
from classcomp.exhibits.latent_map import latent_map_arrays
from classcomp.exhibits.latent_plane import latent_plane_arrays, reference_planes
from classcomp.exhibits.layers import layer_arrays
from classcomp.exhibits.samples import sample_arrays, sample_look
from classcomp.models.base import Decides, Decodes, Encodes, Generates, Infers, Model, Reconstructs
from classcomp.tasks import Evaluation

__all__ = [
    "EXHIBITS",
    "Exhibit",
    "exhibit_arrays",
    "is_watched",
    "law_arrays",
    "look",
    "looks_arrays",
]

EXHIBITS: dict[str, Exhibit] = {
    "confusion": Exhibit(needs=Decides, collect=confusion_arrays),
    "decision_map": Exhibit(needs=Decides, collect=decision_map_arrays),
    "features": Exhibit(needs=Encodes, collect=feature_arrays),
    "reconstructions": Exhibit(needs=Reconstructs, collect=reconstruction_arrays),
    "traversals": Exhibit(needs=Decodes, collect=traversal_arrays),
    "class_means": Exhibit(needs=Decodes, collect=class_mean_arrays),
    "interpolations": Exhibit(needs=Infers, collect=interpolation_arrays),
    "altered_latents": Exhibit(needs=Infers, collect=altered_arrays),
    "inference": Exhibit(needs=Infers, collect=inference_arrays),
    "latent_map": Exhibit(needs=Decodes, collect=latent_map_arrays, is_of_every_seed=True),
    "latent_plane": Exhibit(needs=Decodes, collect=latent_plane_arrays),
    "layers": Exhibit(needs=Model, collect=layer_arrays),
    "samples": Exhibit(needs=Generates, collect=sample_arrays, look=sample_look),
}


def exhibit_arrays(evaluation: Evaluation, *, is_first: bool = True) -> dict[str, np.ndarray]:
    """The arrays of every exhibit whose capability the model has, by `<exhibit>/<array>`.

    Args:
        evaluation: of the model.
        is_first: of its cell's first seed; of another one those with numbers alone.
    """
    return {
        f"{name}/{key}": array
        for name, exhibit in EXHIBITS.items()
        if isinstance(evaluation.model, exhibit.needs) and (is_first or exhibit.is_of_every_seed)
        for key, array in exhibit.collect(evaluation).items()
    }


def law_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """What the law's own exhibits are, that all models with a latent plane are shown beside."""
    is_planar = isinstance(evaluation.model, Decodes) and evaluation.plane is not None
    return reference_planes(evaluation) if is_planar else {}


def is_watched(model: Model) -> bool:
    """Whether an exhibit looks at this model while it trains."""
    return any(e.look is not None and isinstance(model, e.needs) for e in EXHIBITS.values())


def look(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """What exhibits see of a model that is still training, by `<exhibit>/<array>`."""
    return {
        f"{name}/{key}": array
        for name, exhibit in EXHIBITS.items()
        if exhibit.look is not None and isinstance(evaluation.model, exhibit.needs)
        for key, array in exhibit.look(evaluation).items()
    }


def looks_arrays(looks: Mapping[int, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All looks of a trial as arrays (looks, ...) by key, with `<key>_steps` (looks,) int64.

    Args:
        looks: by the optimizer steps before them, in their order.
    """
    steps = np.array(list(looks), dtype=np.int64)
    keys = next(iter(looks.values()), {})
    stacked = {key: np.stack([seen[key] for seen in looks.values()]) for key in keys}
    return stacked | {f"{key}_steps": steps for key in keys}
