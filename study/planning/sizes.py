"""Where the parameter budget is not to be met, told before anything starts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from classcomp.checking import least_sizes
from classcomp.populations import make
from search_spaces import FamilySpace
from study.request.reading import SpecError
from study.request.spec import LATENT_DIM, StudySpec

LATENT_DIMS = (LATENT_DIM, "noise_dim")
SMALL = 32
"""Coordinates, classes and latent dimensions up to which every family has a network of its budget.

With `USUAL_GRID` a rule of thumb that saves the seconds which loading torch takes; a test builds
what it lets pass.
"""
USUAL_GRID = 4


def size_lines(spec: StudySpec, data_dir: str | None) -> list[str]:
    """Of every family whose smallest network exceeds its budget, the worst case in one line.

    Networks are built in another process, where a study has a family that can exceed it at all;
    what is searched is taken at its defaults.

    Raises:
        SpecError: one of them cannot be built.
    """
    asked = _asked(spec, data_dir)
    try:
        sizes = least_sizes(asked)
    except ValueError as error:
        raise SpecError(f"families: {error}") from None
    worst: dict[str, tuple[float, Mapping[str, Any], int, int]] = {}
    others: dict[str, int] = {}
    for about, found in zip(asked, sizes, strict=True):
        if found is None:
            continue
        family, (least, budget) = about["family"], found
        case = (least / budget, about, least, budget)
        others[family] = others.get(family, -1) + 1
        worst[family] = max(worst.get(family, case), case, key=lambda held: held[0])
    return [
        _line(about, least, budget, others[family])
        for family, (_, about, least, budget) in worst.items()
    ]


def _asked(spec: StudySpec, data_dir: str | None) -> list[dict[str, Any]]:
    """Every architecture of ours that is to meet a budget and may be unable to, once."""
    populations = [
        make(section.name, data_dir=data_dir, **section.parameters) for section in spec.populations
    ]
    asked: list[dict[str, Any]] = []
    for family in spec.families:
        for latent_dim in spec.latent_dims_of(family):
            space = spec.space_of(family, latent_dim=latent_dim)
            if "width" in space.defaults or family in spec.own:
                continue
            for population in populations:
                image = None if space.takes == "vectors" else population.image_shape
                shape = population.vector_shape if image is None else image
                if not can_exceed(space, shape, population.num_classes):
                    continue
                asked += [
                    {
                        "family": spec.network_family(family),
                        "depth": depth,
                        "input_shape": list(shape),
                        "num_classes": population.num_classes,
                        "hyperparameters": dict(space.defaults),
                    }
                    for depth in spec.depths
                ]
    return [held for place, held in enumerate(asked) if held not in asked[:place]]


def can_exceed(space: FamilySpace, shape: Sequence[int], num_classes: int) -> bool:
    """Whether a family's smallest network might exceed a budget: if not, none need be built."""
    sizes = [space.defaults.get(name, 0) for name in LATENT_DIMS]
    if space.grows_with_input:
        sizes += [math.prod(shape), num_classes]
    return bool(max(sizes) > SMALL or space.defaults.get("grid", 0) > USUAL_GRID)


def _line(about: Mapping[str, Any], least: int, budget: int, num_others: int) -> str:
    latent_dim = about["hyperparameters"].get(LATENT_DIM)
    k = "" if latent_dim is None else f", k = {latent_dim}"
    more = f" (and {num_others} more of its cases)" if num_others else ""
    return (
        f"{about['family']} at depth {about['depth']}{k}: {least:,} parameters where the budget is "
        f"{budget:,}: no smaller network of this family exists{more}"
    )
