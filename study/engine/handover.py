"""A trial handed to classcomp: what the user brought is found on this node."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from classcomp.trial import Network, Trial
from study.storage.opening import store_at
from study.storage.store import CARRIED, Store
from study.trials.trial import TrialSpec


@lru_cache(maxsize=4)
def opened(address: str) -> Store:
    """A study's place, opened once in a process."""
    return store_at(address)


def to_trial(spec: TrialSpec, address: str) -> Trial:
    """A trial as classcomp takes it, code and data that the user brought found on this node."""
    network: Network | None = None
    if spec.network is not None:
        path = _on_this_node(spec.network.path, address)
        network = Network(name=spec.cell.family, path=path)
    assert spec.hyperparameters is not None, "a trial runs with hyperparameters"
    return Trial(
        role=spec.role,
        family=spec.network_family,
        depth=spec.cell.depth,
        population_name=spec.population_name,
        population_parameters=parameters_on_this_node(spec.population_parameters, address),
        distortion=spec.cell.distortion,
        severity=spec.cell.severity,
        num_train=spec.cell.num_train,
        unit=spec.budget.unit,
        budget=spec.budget.to_budget,
        most=spec.budget.at_most,
        num_validation=spec.num_validation,
        fold=None if spec.num_folds is None else (spec.seed, spec.num_folds),
        hyperparameters=spec.hyperparameters,
        streams=spec.streams,
        network=network,
        scored_under=spec.scored_under,
        until=spec.budget.until,
        traced=spec.traced,
        capacity=1.0 if spec.cell.capacity is None else spec.cell.capacity,
        weights=None if spec.weights is None else _on_this_node(spec.weights, address),
    )


def parameters_on_this_node(parameters: Mapping[str, Any], address: str) -> dict[str, Any]:
    """A population's parameters, its data found on this node."""
    here = dict(parameters)
    if isinstance(here.get("path"), str):
        here["path"] = _on_this_node(here["path"], address)
    return here


def _on_this_node(path: str, address: str) -> str:
    """`.../carried/name` as a file of this node; any other path as it is."""
    file, colon, name = path.partition(":")
    if Path(file).parent.name != CARRIED:
        return path
    local = opened(address).local_copy(f"{CARRIED}/{Path(file).name}")
    return f"{local}{colon}{name}"
