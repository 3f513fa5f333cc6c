"""Whether users' own networks can be built and asked, found out before a study starts.

`check_networks` needs the standard library only: the networks are tried in another process
(`python -m classcomp.checking`), so that the caller never loads torch, and survives whatever a
user's code does: print, exit, crash or never come back.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from classcomp.models.own import OwnFamily

BATCH = 4


def check_networks(request: Mapping[str, Any], *, timeout_s: float = 120.0) -> dict[str, Any]:
    """Build every network at every depth for every population, and run it on a few examples.

    Args:
        request: plain data: `networks`, a list of `{name, path, parameters}` with a list of
            constructor arguments to try, all of them, as `parameters`; `depths`;
            `populations`, a list of `{label, vector_shape, image_shape, num_classes}` with null
            where nothing is rendered; `num_train`, how many examples a scikit-learn classifier
            is fitted on.
        timeout_s: seconds for all of it.

    Returns:
        By network's name: `kind` ("torch", or "sklearn" for what is fitted), `takes`, whether
        the width is matched to the budget (`matched`), and `num_parameters` by population's
        label and depth, of the first arguments, or None.

    Raises:
        ValueError: one line on the first network that fails.
    """
    try:
        text = json.dumps(request)
    except TypeError as error:
        raise ValueError(f"networks: parameters must be plain values: {error}") from None
    with tempfile.TemporaryDirectory() as folder:
        answer, complaints = Path(folder) / "answer.json", Path(folder) / "stderr"
        command = [sys.executable, "-m", "classcomp.checking", str(answer)]
        with complaints.open("wb") as stderr:
            try:
                done = subprocess.run(
                    command,
                    input=text.encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    timeout=timeout_s,
                    check=False,
                )
                ended = _ended(done.returncode, complaints)
            except subprocess.TimeoutExpired:
                ended = f"took longer than {timeout_s:g} s"
        found = json.loads(answer.read_text()) if answer.exists() else {}
    if "error" in found:
        raise ValueError(found["error"])
    if "networks" not in found:
        raise ValueError(f"{found.get('checking', 'networks')}: trying it out {ended}")
    return found["networks"]


def _ended(status: int, complaints: Path) -> str:
    how = f"with exit status {status}"
    if status < 0:
        how = f"by {signal.Signals(-status).name}"
    lines = complaints.read_text(errors="replace").strip().splitlines()
    return f"ended {how}{': ' + lines[-1].strip() if lines else ''}"


def main(answer: Path) -> None:
    """Answer the request on stdin in a file: stdout is the user's to print on."""
    request = json.loads(sys.stdin.read())
    networks = {}
    try:
        for network in request["networks"]:
            _write(answer, {"checking": network["name"]})
            networks[network["name"]] = check_network(network, request)
    except ValueError as error:
        _write(answer, {"error": str(error)})
    else:
        _write(answer, {"networks": networks})


def check_network(network: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Try one network as `check_networks` says; here torch is loaded.

    Raises:
        ValueError: one line on what fails, and where.
    """
    from classcomp.models import count_parameters
    from classcomp.models.own import has_matched_width, own_family
    from classcomp.trial import Network

    family = own_family(Network(name=network["name"], path=network["path"]))
    tried = _try_torch if family.kind == "torch" else _try_sklearn
    # A scikit-learn classifier has no depth: trying one is trying all.
    depths = request["depths"] if family.kind == "torch" else request["depths"][:1]
    counts: dict[str, dict[int, int]] = {}
    for arguments in network["parameters"]:
        for population in request["populations"]:
            for depth in depths:
                model = tried(family, arguments, population, depth, request["num_train"])
                count = counts.setdefault(population["label"], {})
                count.setdefault(depth, count_parameters(model))
    return {
        "kind": family.kind,
        "takes": family.takes,
        "matched": has_matched_width(family, network["parameters"][0]),
        "num_parameters": counts if family.kind == "torch" else None,
    }


def _try_torch(
    family: "OwnFamily",
    arguments: Mapping[str, Any],
    population: Mapping[str, Any],
    depth: int,
    num_train: int,
) -> Any:
    """Return a network that gave logits and took a gradient."""
    import torch

    from classcomp.models.loading import one_line

    model, batch = _prepared(family, arguments, population, depth, BATCH)
    where = f"{family.name} at depth {depth} on {population['label']}"
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
    family: "OwnFamily",
    arguments: Mapping[str, Any],
    population: Mapping[str, Any],
    depth: int,
    num_train: int,
) -> Any:
    """Return a classifier that was fitted and gave probabilities."""
    import torch

    from classcomp.models.loading import one_line

    model, batch = _prepared(family, arguments, population, depth, num_train)
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
    family: "OwnFamily",
    arguments: Mapping[str, Any],
    population: Mapping[str, Any],
    depth: int,
    num: int,
) -> tuple[Any, Any]:
    """Return the network, and examples of what it would see: uniform on [0, 1], as pixels are."""
    import torch

    from classcomp.models.base import ArchitectureConfig, Batch
    from classcomp.models.own import build_own

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
        parameters=arguments,
        generator=generator,
    )
    labels = torch.arange(num)
    inputs = torch.rand(num, *shape, generator=generator)
    return model, Batch(inputs=inputs, labels=labels % classes, index=labels)


def _check_logits(logits: "Tensor", num: int, num_classes: int, where: str) -> None:
    import torch

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
