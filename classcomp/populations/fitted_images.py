"""Images without end that look like a real set's: mixtures fitted to the classes of a named set."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from classcomp.populations.base import canonical_label, check_integer
from classcomp.populations.fits import Fit, Wanted, find_fit
from classcomp.populations.gaussian_mixture import GaussianMixture
from classcomp.populations.image_mixtures import FittedImages
from classcomp.populations.mixture_law import MixtureLaw, freeze_matrix
from classcomp.populations.named import NUM_CLASSES, check_classes
from classcomp.populations.staging import DATA_SETS


def fitted_images(
    dataset: str,
    *,
    classes: Sequence[int] | None = None,
    dims: int,
    components: int,
    fit: str | None = None,
) -> FittedImages:
    """Images drawn from mixtures that were fitted to the classes of a named set (see fits.py).

    Few `dims` give coarse images under much noise, whose classes overlap; many give sharp ones,
    hard to mistake. Where the fit is shipped no data are needed, and none are looked at.

    Args:
        dataset: digits, fashion_mnist, mnist or cifar10.
        classes: two or more, in the order of the labels; None: all ten.
        dims: principal components that the mixtures are in.
        components: of each class's mixture.
        fit: the fingerprint that the fit must have, where one of another machine, package or
            version of scikit-learn will not do.

    Raises:
        ValueError: a parameter is out of its range; one line.
        DataUnavailable: the fit is not shipped, and the data are not to be had.
    """
    if not isinstance(dataset, str) or dataset not in DATA_SETS:
        raise ValueError(f"dataset = {dataset!r}: must be one of {', '.join(DATA_SETS)}")
    kept = check_classes(classes) or tuple(range(NUM_CLASSES))
    wanted = Wanted(
        dataset=dataset,
        classes=tuple(sorted(kept)),
        dims=check_integer("dims", dims, low=1, high=math.prod(DATA_SETS[dataset].shape) - 1),
        components=check_integer("components", components, low=1),
    )
    found = find_fit(wanted)
    if fit is not None and fit != found.fingerprint:
        raise ValueError(
            f"fit = {fit!r}: the fit on this machine is {found.fingerprint}; leave the key out, "
            "unless a study's own file has it"
        )
    parameters = {"dataset": dataset, "classes": classes, "dims": dims, "components": components}
    label = canonical_label("fitted_images", parameters | {"fit": found.fingerprint})
    law = _law(found, kept)
    coordinates = GaussianMixture(label=label, law=law, rendering="none")
    return FittedImages(coordinates=coordinates, fit=found, classes=kept)


@lru_cache(maxsize=16)
def _law(fit: Fit, classes: tuple[int, ...]) -> MixtureLaw:
    """Of the coordinates; `classes` in the order of the labels."""
    places = [fit.wanted.classes.index(k) for k in classes]
    weights = fit.shares[:, None] * fit.weights
    return MixtureLaw(
        means=freeze_matrix(np.concatenate(fit.means[places])),
        covariances=tuple(freeze_matrix(c) for k in places for c in fit.covariances[k]),
        weights=tuple(weights[places].ravel().tolist()),
        labels=tuple(i for i in range(len(places)) for _ in range(fit.wanted.components)),
    )
