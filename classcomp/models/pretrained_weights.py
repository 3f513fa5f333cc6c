"""Weights from a file, and whether they fit a network's body."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

HEAD = "fc."
"""What torchvision calls the linear layer: it is of the classes the weights were learned on."""

ALLOWED = "allowed is a state dict of tensors, as torch.save writes it"


def read_weights(path: str) -> dict[str, Tensor]:
    """Return the state dict that a file of torch holds, without running anything in it.

    Raises:
        ValueError: one line: the file is not there, cannot be read, or holds something else.
    """
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"weights = {path!r}: there is no such file") from None
    except Exception:  # whatever torch's readers raise, which says nothing of the file
        raise ValueError(f"weights = {path!r}: cannot be read as weights; {ALLOWED}") from None
    is_state = isinstance(held, Mapping) and all(isinstance(v, Tensor) for v in held.values())
    if not is_state or not held:
        kind = type(held).__name__
        raise ValueError(f"weights = {path!r}: holds {kind}; {ALLOWED}")
    return dict(held)


def fitted(state: Mapping[str, Tensor], body: nn.Module, where: str) -> dict[str, Tensor]:
    """Return what `body` takes of a state dict: its own names, the head and later stages left out.

    Args:
        state: as torchvision names it, the head included or not.
        body: a network before its pooling.
        where: the weights, for the error.

    Raises:
        ValueError: one line on the first tensor that is missing, of another shape or not finite.
    """
    found = {}
    for name, own in body.state_dict().items():
        if name not in state:
            if name.endswith("num_batches_tracked"):  # files older than torch 0.4.1 lack it
                found[name] = torch.zeros_like(own, device="cpu")
                continue
            raise ValueError(f"weights = {where}: there is no {name} in them")
        given = state[name]
        if given.shape != own.shape:
            raise ValueError(
                f"weights = {where}: {name} has shape {tuple(given.shape)}, the network's has "
                f"{tuple(own.shape)}"
            )
        if not torch.isfinite(given).all():
            raise ValueError(f"weights = {where}: {name} holds values that are not finite")
        found[name] = given.to(own.dtype)
    stages = tuple(f"layer{number}." for number in range(1, 5))
    unknown = [n for n in state if n not in found and not n.startswith((HEAD, *stages))]
    if unknown:
        raise ValueError(f"weights = {where}: the network has no {unknown[0]}")
    return found
