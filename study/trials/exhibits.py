"""Where exhibits are kept, arrays of trials and of laws that are worth looking at.

    exhibits/<trial_id>.npz     of the first measured trial of a cell; of its others the maps of
                                latents alone, whose numbers are told as means over seeds
    exhibits/law-<key>.npz      of a law on which a model has a plane of two latents: PCA and t-SNE
                                of the same examples, once for all that are shown beside them
    exhibits/law-<key>-samples.npz   images of a law that was fitted to a set, beside the set's
    exhibits/law-<key>-<corruption>.npz   a few training images of it that are corrupted, and what
                                they were

study.analysis.exhibits says which arrays there are.
"""

from study.trials.decisions import law_key
from study.trials.trial import Cell

FOLDER = "exhibits"
LAW_PREFIX = "law-"
PLANE = "latent_plane/points"
"""The array that asks for the law's."""


def law_exhibit(cell: Cell) -> str:
    """The name of the file of a cell's law, without its suffix."""
    return f"{LAW_PREFIX}{law_key(cell)}"


def samples_exhibit(cell: Cell) -> str:
    """The name of the file of images of a cell's law, without its suffix."""
    return f"{law_exhibit(cell)}-samples"


def corruption_exhibit(cell: Cell, kind: str) -> str:
    """The name of the file of images of a cell's law under a corruption, without its suffix."""
    return f"{law_exhibit(cell)}-{kind}"
