"""What comes back through a latent space, and what its points stand for; of images alone."""

from collections.abc import Sequence

import numpy as np
import torch

from classcomp.exhibits.images import kept_images
from classcomp.features import traverse, widest
from classcomp.models.base import Decodes, DrawsLatents, Infers, Reconstructs
from classcomp.populations import FittedImages, RealData
from classcomp.tasks import Evaluation

PER_CLASS = 2
"""Examples of a class that are shown beside their reconstructions: the first ones."""
MAX_CLASSES = 10
MAX_LATENTS = 8
STEPS = np.linspace(-3.0, 3.0, 9)
"""Of a traversal, in standard deviations of the latent from where the example has it."""
QUANTILES = (np.arange(11) + 0.5) / 11
"""Of either latent, at which the plane of two of them is shown."""

BETWEEN = ("Trouser", "Shirt")
"""Classes between which is interpolated; where they are not both, between the first two."""
NUM_BETWEEN = 10
FACTORS = (0.5, 1.0, 1.5)


@torch.no_grad()
def reconstruction_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Of the first examples of each class: `originals` and `decoded` (N, C, H, W), `labels` (N,).

    `decoded` is what the model gives back. `drawn` (N, C, H, W) is what a model gives back that
    draws its latents: decoded from a draw, as in training, and not from the posterior's mean.
    `seen` (N, C, H, W) is what the model is shown where pixels are missing: 0 in their places.
    """
    inputs, model = evaluation.examples.inputs, evaluation.model
    assert isinstance(model, Reconstructs)
    if inputs.ndim != 4:
        return {}
    chosen = _first_of_classes(evaluation.labels, range(evaluation.population.num_classes))
    shown = inputs[chosen]
    found = {
        "originals": kept_images(evaluation.complete[chosen]),
        "decoded": kept_images(model.reconstruct(shown)),
        "labels": evaluation.labels[chosen],
    }
    if evaluation.examples.targets is not None:
        found["seen"] = kept_images(shown.nan_to_num())
    if isinstance(model, DrawsLatents):
        latents = model.draw_latents(shown, evaluation.generator())
        found["drawn"] = kept_images(model.decode(latents))
    return found


def traversal_arrays(evaluation: Evaluation, chosen: int = 0) -> dict[str, np.ndarray]:
    """Ways through the latent space, from an evaluation example.

    `images` (L, S, C, H, W): along each of the `latents` (L,) of largest variance over the
    evaluation sample, at `values` (L, S), the others as the example has them; the middle one is its
    reconstruction. `plane` (Q, Q, C, H, W) over the first two of them, at `plane_values` (2, Q),
    quantiles of each: rows are the second latent, from its smallest value up.

    Args:
        evaluation: of the model.
        chosen: the example's place in the evaluation sample.
    """
    model, latents = evaluation.model, evaluation.features
    assert isinstance(model, Decodes)
    if evaluation.examples.inputs.ndim != 4:
        return {}
    axes, start = widest(latents, MAX_LATENTS), latents[chosen]
    steps = torch.as_tensor(STEPS).to(latents)
    values = start[axes, None] + latents.std(dim=0, correction=0)[axes, None] * steps
    ways = [
        kept_images(traverse(model, start, axes[i : i + 1], values[i, :, None]))
        for i in range(len(axes))
    ]
    found = {
        "images": np.stack(ways),
        "latents": axes.cpu().numpy(),
        "values": values.double().cpu().numpy(),
    }
    if len(axes) > 1:
        at = latents[:, axes[:2]].quantile(torch.as_tensor(QUANTILES).to(latents), dim=0)
        second, first = torch.meshgrid(at[:, 1], at[:, 0], indexing="ij")
        cells = torch.stack([first, second], dim=-1).flatten(0, 1)
        plane = kept_images(traverse(model, start, axes[:2], cells))
        found["plane"] = plane.reshape(len(at), len(at), *plane.shape[1:])
        found["plane_values"] = at.T.double().cpu().numpy()
    return found


@torch.no_grad()
def class_mean_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`images` (K, C, H, W): the mean latents of each of `classes` (K,) with examples, decoded."""
    model, labels = evaluation.model, evaluation.labels
    assert isinstance(model, Decodes)
    if evaluation.examples.inputs.ndim != 4:
        return {}
    classes = np.unique(labels)
    means = [evaluation.features[torch.as_tensor(labels == k)].mean(dim=0) for k in classes]
    return {"images": kept_images(model.decode(torch.stack(means))), "classes": classes}


@torch.no_grad()
def interpolation_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`images` (NUM_BETWEEN, C, H, W) on the line between latents of two examples.

    They are the first ones of the two `classes` (2,): what is decoded from their own latents is
    first and last.
    """
    model, labels = evaluation.model, evaluation.labels
    assert isinstance(model, Decodes)
    pair = _between(evaluation)
    if evaluation.examples.inputs.ndim != 4 or not pair:
        return {}
    first, last = (evaluation.features[int(np.flatnonzero(labels == k)[0])] for k in pair)
    share = torch.linspace(0, 1, NUM_BETWEEN).to(first)[:, None]
    images = kept_images(model.decode((1 - share) * first + share * last))
    return {"images": images, "classes": np.array(pair)}


@torch.no_grad()
def altered_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`images` (5, C, H, W): the first example's latents times FACTORS, all ones, all zeros."""
    model = evaluation.model
    assert isinstance(model, Infers)
    if evaluation.examples.inputs.ndim != 4:
        return {}
    latents = evaluation.features[0]
    ways = [factor * latents for factor in FACTORS]
    ways += [torch.ones_like(latents), torch.zeros_like(latents)]
    return {"images": kept_images(model.decode(torch.stack(ways)))}


def _between(evaluation: Evaluation) -> tuple[int, ...]:
    """Two classes that have examples; none where only one has."""
    population, present = evaluation.population, np.unique(evaluation.labels).tolist()
    names = population.class_names if isinstance(population, RealData | FittedImages) else ()
    named = tuple(names.index(name) for name in BETWEEN if name in names)
    if len(named) == 2 and set(named) <= set(present):
        return named
    return tuple(present[:2]) if len(present) > 1 else ()


def _first_of_classes(labels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    places = [np.flatnonzero(labels == k)[:PER_CLASS] for k in classes[:MAX_CLASSES]]
    return np.concatenate(places)
