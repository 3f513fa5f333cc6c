"""Users' own networks tried out, in the process that `classcomp.checking` starts for them.

Reads the request on stdin and answers in the file that it is given: stdout is the user's to print
on.
"""

import json
import os
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from classcomp.models import (
    FAMILIES,
    build,
    count_parameters,
    hyperparameter_names,
    meets_budget,
    parameter_budget,
)
from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Batch, Classifier
from classcomp.models.own import OwnFamily, build_own, has_matched_width, own_family
from classcomp.models.pretrained_weights import fitted, read_weights
from classcomp.trial import Network
from classcomp.wording import one_line

BATCH = 4


def main(answer: Path) -> None:
    """Answer the request."""
    request = json.loads(sys.stdin.read())
    networks = {}
    try:
        for network in request["networks"]:
            _write(answer, {"checking": network["name"]})
            networks[network["name"]] = check_network(network, request)
        for asked in request.get("weights", ()):
            check_weights(asked)
        sizes = [least_size(asked) for asked in request.get("sizes", ())]
        counts = [matched_size(asked) for asked in request.get("counts", ())]
    except ValueError as error:
        _write(answer, {"error": str(error)})
    else:
        _write(answer, {"networks": networks, "sizes": sizes, "counts": counts})


def check_weights(asked: Mapping[str, Any]) -> None:
    """Read a file of weights and see whether the family's network takes them.

    Raises:
        ValueError: one line on what does not fit.
    """
    width = {} if asked["width"] is None else {"width": asked["width"]}
    model = build(
        asked["family"],
        depth=asked["depth"],
        input_shape=(1, 8, 8),  # no weight depends on it, nor on the classes
        num_classes=2,
        hyperparameters=width,
        generator=torch.Generator().manual_seed(0),
    )
    try:
        fitted(read_weights(asked["path"]), model.get_submodule("body"), repr(asked["path"]))
    except ValueError as error:
        raise ValueError(f"hyperparameters.{asked['family']}.{error}") from None


def least_size(asked: Mapping[str, Any]) -> tuple[int, int] | None:
    """Count the parameters of a family's smallest network, as `classcomp.checking.least_sizes`."""
    family = FAMILIES[asked["family"]]
    if not family.meets_budget:
        return None
    names = hyperparameter_names(asked["family"])
    own = {name: value for name, value in asked["hyperparameters"].items() if name in names}
    depth, capacity, shape = asked["depth"], asked.get("capacity", 1.0), tuple(asked["input_shape"])
    config = family.config(depth=depth, input_shape=shape, num_classes=asked["num_classes"], **own)
    with torch.device("meta"):
        smallest = family.module(config.counted, 1.0)
    least, budget = count_parameters(smallest), parameter_budget(depth, capacity)
    return None if meets_budget(smallest, depth, capacity) or least < budget else (least, budget)


def matched_size(asked: Mapping[str, Any]) -> int:
    """Count the parameters of the network that is built, as `classcomp.checking.matched_sizes`."""
    path = asked.get("path")
    model = build(
        asked["family"],
        network=None if path is None else Network(name=asked["family"], path=path),
        depth=asked["depth"],
        capacity=asked.get("capacity", 1.0),
        input_shape=tuple(asked["input_shape"]),
        num_classes=asked["num_classes"],
        hyperparameters=asked["hyperparameters"],
        generator=torch.Generator().manual_seed(0),
    )
    return count_parameters(model)


def check_network(network: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Try one network as `check_networks` says.

    Raises:
        ValueError: one line on what fails, and where.
    """
    family = own_family(Network(name=network["name"], path=network["path"]))
    tried = _try_torch if family.kind == "torch" else _try_sklearn
    # A scikit-learn classifier has no depth: trying one is trying all.
    depths = request["depths"] if family.kind == "torch" else request["depths"][:1]
    counts: dict[str, dict[int, int]] = {}
    is_matched = has_matched_width(family, network["parameters"][0])
    capacities = request.get("capacities", [1.0]) if is_matched else [1.0]
    places = list(product(network["parameters"], request["populations"], depths, capacities))
    for arguments, population, depth, capacity in places:
        model = tried(family, arguments, population, depth, capacity, request["num_train"])
        count = counts.setdefault(population["label"], {})
        count.setdefault(depth, count_parameters(model))
    return {
        "kind": family.kind,
        "takes": family.takes,
        "matched": is_matched,
        "num_parameters": counts if family.kind == "torch" else None,
    }


def _try_torch(
    family: OwnFamily,
    arguments: Mapping[str, Any],
    population: Mapping[str, Any],
    depth: int,
    capacity: float,
    num_train: int,
) -> Classifier:
    """Return a network that gave logits and took a gradient."""
    model, batch = _prepared(family, arguments, population, depth, capacity, BATCH)
    size = f"depth {depth}" if capacity == 1.0 else f"depth {depth}, c = {capacity:g}"
    where = f"{family.name} at {size} on {population['label']}"
    try:
        count_parameters(model)
    except ValueError:
        raise ValueError(
            f"{where}: it has parameters without a size (LazyLinear and its like); give them one"
        ) from None
    try:
        in_training = model.train()(batch.inputs)
        alone = model.eval()(batch.inputs[:1])
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}: its forward raises {one_line(error)}") from None
    _check_logits(in_training, BATCH, population["num_classes"], where)
    _check_logits(alone, 1, population["num_classes"], where)
    try:
        model.train().loss(batch, torch.Generator().manual_seed(0)).backward()
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}: its backward raises {one_line(error)}") from None
    if all(parameter.grad is None for parameter in model.parameters()):
        raise ValueError(f"{where}: the loss's gradient reaches none of its parameters")
    return model


def _try_sklearn(
    family: OwnFamily,
    arguments: Mapping[str, Any],
    population: Mapping[str, Any],
    depth: int,
    capacity: float,
    num_train: int,
) -> Classifier:
    """Return a classifier that was fitted and gave probabilities."""
    model, batch = _prepared(family, arguments, population, depth, capacity, num_train)
    where = f"{family.name} on {population['label']}"
    try:
        model.fit_head(batch.inputs, batch.labels, torch.Generator().manual_seed(0))
        decided, probabilities = model.decide(batch.inputs[:BATCH])
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}: fitted on {num_train} it raises {one_line(error)}") from None
    if not torch.isfinite(probabilities).all() or decided.shape != (len(batch.inputs[:BATCH]),):
        raise ValueError(f"{where}: it gives probabilities that are not finite")
    return model


def _prepared(
    family: OwnFamily,
    arguments: Mapping[str, Any],
    population: Mapping[str, Any],
    depth: int,
    capacity: float,
    num: int,
) -> tuple[Classifier, Batch]:
    """Return the network, and examples of what it would see: uniform on [0, 1], as pixels are."""
    rendered = population["image_shape"]
    if family.takes == "images" and rendered is None:
        raise ValueError(f"{family.name} takes images, {population['label']} has none")
    flat = family.takes == "vectors" or rendered is None
    shape = tuple(population["vector_shape"] if flat else rendered)
    classes = population["num_classes"]
    generator = torch.Generator().manual_seed(0)
    model = build_own(
        family,
        architecture=ArchitectureConfig(depth=depth, input_shape=shape, num_classes=classes),
        capacity=capacity,
        parameters=arguments,
        generator=generator,
    )
    labels = torch.arange(num)
    inputs = torch.rand(num, *shape, generator=generator)
    return model, Batch(inputs=inputs, labels=labels % classes, index=labels)


def _check_logits(logits: Tensor, num: int, num_classes: int, where: str) -> None:
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"{where}: returns {type(logits).__name__}, not a tensor of logits (B, K)")
    if tuple(logits.shape) != (num, num_classes):
        raise ValueError(
            f"{where}: returns shape {tuple(logits.shape)} for a batch of {num}, "
            f"not logits ({num}, {num_classes})"
        )
    if not logits.is_floating_point() or not torch.isfinite(logits).all():
        raise ValueError(f"{where}: returns logits that are no finite numbers")


def _write(answer: Path, content: Mapping[str, Any]) -> None:
    answer.write_text(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # The answer is given: threads that a user's code left running do not hold it up.
    os._exit(0)
