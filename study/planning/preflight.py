"""What must be true before anything starts: the data are there, the networks can be built."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from pydantic import ValidationError

from classcomp.checking import check_networks, check_weights
from classcomp.populations import (
    GaussianImages,
    GaussianMixture,
    Population,
    make,
    other_classes,
)
from classcomp.sources import imagenet_file
from search_spaces import SPACES, TRAINING_HYPERPARAMETERS, Categorical, FamilySpace, examples
from search_spaces.family import IMAGENET, OTHER_CLASSES
from study.planning.plan import enumerate_cells, places_of, total_by_role, with_most_seeds
from study.request.entries import NetworkSection
from study.request.reading import SpecError, first_error
from study.request.sections import shown
from study.request.spec import StudySpec
from study.trials.roles import ROLES

MOST_TRIALS = 10_000_000
FEW = 64
"""Examples by which a law's numbers are judged."""


def check(spec: StudySpec, data_dir: str | None) -> StudySpec:
    """Refuses a study that could not run to its end; what is known of own networks is put in.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    _check_size(spec)
    _check_logs(spec)
    populations = {
        section.label: make(section.name, data_dir=data_dir, **section.parameters)
        for section in spec.populations
    }
    for label, population in populations.items():
        try:
            num_available = population.num_available("train")
            population.num_available("test")
        except ValueError as error:
            raise SpecError(f"populations: {label}: {error}") from None
        largest = max(spec.num_train)
        if num_available is not None and largest > num_available:
            raise SpecError(
                f"num_train = {largest}: {label} has {num_available} training examples; "
                f"allowed are 8 to {num_available}"
            )
        _check_validation_size(spec, label, population)
        _check_draws(label, population)
    _check_weights(spec, populations)
    spec = _with_facts(spec, populations)
    for label, population in populations.items():
        if population.image_shape is None:
            _check_points(spec, label)
        _check_shapes(spec, label, population)
    return spec


LOGS = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
"""Keys of [log], and the module that each of them needs."""


def _check_logs(spec: StudySpec) -> None:
    for key, module in LOGS.items():
        value = getattr(spec.log, key)
        if value and find_spec(module) is None:
            raise SpecError(
                f"log.{key} = {shown(value)}: there is no {module} here; "
                f'pip install "classcomp[{key}]" brings it'
            )


def lines_without_effect(spec: StudySpec) -> list[str]:
    """A line for each search for a best rule that is asked for and has no place in the study."""
    cells, section = enumerate_cells(spec), spec.best_in_class
    asked = {"best_in_class": "restarts", "slack": "slack_restarts"}
    return [
        f"best_in_class.{key} = {getattr(section, key)} has no effect: {WHY_NONE[role]}"
        for role, key in asked.items()
        if key in section.model_fields_set
        and getattr(section, key)
        and not places_of(ROLES[role], cells, spec)
    ]


WHY_NONE = {
    "best_in_class": "no family of the study is trained for a task with a best rule to look for, "
    "under a law that is known",
    "slack": "no family of the study looks for a best rule under a law that is known, and can be "
    "the law itself",
}


def _check_size(spec: StudySpec) -> None:
    """Refuses what could not even be listed."""
    num = sum(total_by_role(with_most_seeds(spec)).values())
    if num > MOST_TRIALS:
        raise SpecError(
            f"seeds, trials and restarts ask for {num} trials; allowed are {MOST_TRIALS}"
        )


def _check_validation_size(spec: StudySpec, label: str, population: Population) -> None:
    """Images run out: of those that are held out for the search no more can be asked for."""
    size, num_held_out = spec.search.validation_size, population.num_available("validation")
    if size is not None and num_held_out is not None and size > num_held_out:
        raise SpecError(
            f"search.validation_size = {size}: {label} has {num_held_out} examples for the search; "
            f"allowed are 1 to {num_held_out}"
        )


def _check_draws(label: str, population: Population) -> None:
    """Refuses a law in closed form of whose draws no network could be shown one.

    Distorted it may be beyond float32: such trials diverge, and are rows.
    """
    if not isinstance(population, GaussianMixture | GaussianImages):
        return
    try:
        with np.errstate(all="ignore"):
            x = population.sample(FEW, np.random.default_rng(0)).x
            shown = [population.vectors(x)]
            shown += [] if population.image_shape is None else [population.images(x)]
            is_sound = all(np.isfinite(array).all() for array in shown)
    except (ValueError, ArithmeticError):
        is_sound = False
    if not is_sound:
        raise SpecError(
            f"populations: {label}: its draws are beyond what float32 can hold or tell apart"
        )


def _check_weights(spec: StudySpec, populations: Mapping[str, Population]) -> None:
    """Refuses weights to start from that are not to be had, or do not fit."""
    asked = []
    for family in spec.families:
        space = spec.space_of(family)
        if "weights" not in space.defaults or family in spec.own:
            continue
        domain = space.space.get("weights")
        words = domain.choices if isinstance(domain, Categorical) else [space.defaults["weights"]]
        try:
            if OTHER_CLASSES in words:
                for population in populations.values():
                    other_classes(population)
            if IMAGENET in words:
                asked.append((family, str(imagenet_file())))
        except ValueError as error:
            raise SpecError(f"hyperparameters.{family}.{error}") from None
        file = spec.weights_of(family)
        asked += [] if file is None else [(family, file)]
    try:
        check_weights(
            [
                {
                    "family": spec.network_family(family),
                    "path": path,
                    "depth": depth,
                    "width": width,
                }
                for family, path in asked
                for depth in spec.depths
                for width in [spec.space_of(family).defaults.get("width")]
            ]
        )
    except ValueError as error:
        raise SpecError(str(error)) from None


def _check_points(spec: StudySpec, label: str) -> None:
    picky = [family for family in spec.families if spec.space_of(family).takes == "images"]
    if picky:
        able = [f for f in (*SPACES, *spec.own) if spec.space_of(f).takes != "images"]
        raise SpecError(
            f"families: {', '.join(picky)} take images and {label} has none; "
            f"allowed there are {', '.join(able)}"
        )


def _check_shapes(spec: StudySpec, label: str, population: Population) -> None:
    """Refuses examples that no network of a family can see: every one of its trials would fail."""
    for family in spec.families:
        refusal = spec.space_of(family).refusal(population.vector_shape, population.image_shape)
        if refusal is not None:
            raise SpecError(f"families: {family} with {label}: {refusal}")


def _with_facts(spec: StudySpec, populations: Mapping[str, Population]) -> StudySpec:
    """The study with what building the user's own networks, in another process, has shown."""
    wanted = [network for network in spec.networks if network.name in spec.families]
    if not wanted:
        return spec
    try:
        found = check_networks(_request(wanted, spec, populations))
        networks = tuple(
            NetworkSection(**{**network.model_dump(), **_facts(found.get(network.name, {}))})
            for network in spec.networks
        )
        return StudySpec(**{**dict(spec), "networks": networks})  # whose wishes are checked anew
    except ValidationError as error:
        raise SpecError(f"networks: {first_error(error)}") from None
    except ValueError as error:
        raise SpecError(f"networks: {error}") from None


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("kind", "takes", "matched") if name in found}


def _request(
    wanted: Sequence[NetworkSection], spec: StudySpec, populations: Mapping[str, Population]
) -> dict[str, Any]:
    return {
        "networks": [
            {
                "name": network.name,
                "path": network.path,
                "parameters": [dict(held) for held in _to_try(network, spec)],
            }
            for network in wanted
        ],
        "depths": list(spec.depths),
        "capacities": list(spec.capacity) or [1.0],
        "populations": [
            {
                "label": label,
                "vector_shape": list(population.vector_shape),
                "image_shape": population.image_shape and list(population.image_shape),
                "num_classes": population.num_classes,
            }
            for label, population in populations.items()
        ],
        "num_train": min(spec.num_train),
    }


def _to_try(network: NetworkSection, spec: StudySpec) -> tuple[dict[str, Any], ...]:
    """Constructor arguments at the defaults and at the ends of what is searched, along an axis."""
    its_own = {*network.parameters, *network.space}
    return tuple(
        {
            name: value
            for name, value in held.items()
            if name in its_own or name not in TRAINING_HYPERPARAMETERS
        }
        for latent_dim in spec.latent_dims_of(network.name)
        for held in _corners(spec.space_of(network.name, latent_dim=latent_dim))
    )


def _corners(space: FamilySpace) -> tuple[dict[str, Any], ...]:
    fixed = {name: value for name, value in space.defaults.items() if name not in space.space}
    return examples(fixed, space.space)
