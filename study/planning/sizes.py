"""Where the parameter budget is not to be met, told before anything starts."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from classcomp.checking import least_sizes, matched_sizes
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
    """Lines on budgets that are not met, and on capacities that are one and the same network.

    Of every family whose smallest network exceeds its budget, the worst case in one line; of every
    one that is one network at several capacities, the first such case.

    Networks are built in another process, where a study has a family that can exceed its budget
    at all, or the axis of capacities; what is searched is taken at its defaults.

    Raises:
        SpecError: one of them cannot be built.
    """
    asked = _asked(spec, data_dir)
    ours = [about for about in asked if about["path"] is None]
    along = asked if spec.capacity else []
    try:
        least, counts = least_sizes(ours), matched_sizes(along)
    except ValueError as error:
        raise SpecError(f"families: {error}") from None
    return [*_exceeding(ours, least), *_coinciding(along, counts)]


def _exceeding(
    asked: Sequence[Mapping[str, Any]], sizes: Sequence[tuple[int, int] | None]
) -> list[str]:
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
        f"{_named(about)}{_at(about['capacity'])}: {least:,} parameters where the budget is "
        f"{budget:,}: no smaller network of this family exists{_more(others[family])}"
        for family, (_, about, least, budget) in worst.items()
    ]


def _coinciding(asked: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> list[str]:
    """A family's layers do not shrink as its width grows: as many parameters are the same ones."""
    held: dict[str, dict[tuple[str, int], list[Mapping[str, Any]]]] = {}
    for about, count in zip(asked, counts, strict=True):
        others = {name: value for name, value in about.items() if name != "capacity"}
        found = held.setdefault(about["family"], {})
        found.setdefault((json.dumps(others, sort_keys=True), count), []).append(about)
    lines = []
    for found in held.values():
        cases = [(abouts, count) for (_, count), abouts in found.items() if len(abouts) > 1]
        for abouts, count in cases[:1]:
            capacities = ", ".join(f"{about['capacity']:g}" for about in abouts)
            lines.append(
                f"{_named(abouts[0])}: one and the same network of {count:,} parameters at "
                f"capacity = {capacities}{_more(len(cases) - 1)}"
            )
    return lines


def _asked(spec: StudySpec, data_dir: str | None) -> list[dict[str, Any]]:
    """Every architecture that is to meet a budget and may be unable to, once.

    Of the user's own networks, which have no smallest one that we know of, along an axis only.
    """
    populations = [
        make(section.name, data_dir=data_dir, **section.parameters) for section in spec.populations
    ]
    asked: list[dict[str, Any]] = []
    for family in spec.families:
        network = spec.network_of(family)
        axes = product(spec.latent_dims_of(family), spec.capacities_of(family))
        for latent_dim, capacity in axes:
            space = spec.space_of(family, latent_dim=latent_dim)
            if not space.has_matched_width or (capacity is None and network is not None):
                continue
            for population in populations:
                image = None if space.takes == "vectors" else population.image_shape
                shape = population.vector_shape if image is None else image
                if capacity is None and not can_exceed(space, shape, population.num_classes):
                    continue
                asked += [
                    {
                        "family": spec.network_family(family),
                        "path": None if network is None else network.path,
                        "depth": depth,
                        "capacity": 1.0 if capacity is None else capacity,
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


def _named(about: Mapping[str, Any]) -> str:
    latent_dim = about["hyperparameters"].get(LATENT_DIM)
    k = "" if latent_dim is None else f", k = {latent_dim}"
    return f"{about['family']} at depth {about['depth']}{k}"


def _at(capacity: float) -> str:
    return "" if capacity == 1.0 else f", c = {capacity:g}"


def _more(num_others: int) -> str:
    return f" (and {num_others} more of its cases)" if num_others else ""
