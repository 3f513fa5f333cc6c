"""What must be true before anything starts: the data are there, the networks can be built."""

from collections.abc import Mapping
from typing import Any

from classcomp.checking import check_networks

from classcomp.populations import Population, make
from search_spaces import SPACES
from study.planning.plan import total_by_role
from study.request.reading import SpecError
from study.request.spec import NetworkSection, StudySpec

MOST_TRIALS = 10_000_000


def check(spec: StudySpec, data_dir: str | None) -> None:
    """Refuses a study that could not run to its end.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    _check_size(spec)
    populations = {
        section.label: make(section.name, data_dir=data_dir, **section.parameters)
        for section in spec.populations
    }
    for label, population in populations.items():
        try:
            num_available = population.num_available("train")
        except ValueError as error:
            raise SpecError(f"populations: {label}: {error}") from None
        largest = max(spec.num_train)
        if num_available is not None and largest > num_available:
            raise SpecError(
                f"num_train = {largest}: {label} has {num_available} training examples; "
                f"allowed are 8 to {num_available}"
            )
    takes = {family: SPACES[family].takes for family in SPACES}
    takes |= _check_own(spec, populations)
    for label, population in populations.items():
        if population.image_shape is None:
            _check_points(spec, label, takes)


def _check_size(spec: StudySpec) -> None:
    """Refuses what could not even be listed."""
    num = sum(total_by_role(spec).values())
    if num > MOST_TRIALS:
        raise SpecError(
            f"seeds, trials and restarts ask for {num} trials; allowed are {MOST_TRIALS}"
        )


def _check_points(spec: StudySpec, label: str, takes: Mapping[str, str]) -> None:
    picky = [family for family in spec.families if takes[family] == "images"]
    if picky:
        able = [family for family in takes if takes[family] != "images"]
        raise SpecError(
            f"families: {', '.join(picky)} take images and {label} has none; "
            f"allowed there are {', '.join(able)}"
        )


def _check_own(spec: StudySpec, populations: Mapping[str, Population]) -> dict[str, str]:
    """Builds the user's own networks, in a process of their own; what each of them takes."""
    wanted = [spec.own[family] for family in spec.families if family in spec.own]
    if not wanted:
        return {}
    try:
        found = check_networks([_request(section, spec, populations) for section in wanted])
    except ValueError as error:
        raise SpecError(f"networks: {error}") from None
    return {name: str(facts["takes"]) for name, facts in found.items()}


def _request(
    section: NetworkSection, spec: StudySpec, populations: Mapping[str, Population]
) -> dict[str, Any]:
    return {
        "name": section.name,
        "path": section.path,
        "parameters": dict(spec.space_of(section.name).defaults),
        "depths": list(spec.depths),
        "populations": {
            label: {
                "vectors": list(population.vector_shape),
                "images": population.image_shape and list(population.image_shape),
                "num_classes": population.num_classes,
            }
            for label, population in populations.items()
        },
    }
