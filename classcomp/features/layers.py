"""Filters and activations of a network's layers.

One module for every family: layers go by the names PyTorch gives them and are read by hooks.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classcomp.models.base import Model


def layer_names(model: Model, inputs: Float[Tensor, " batch *shape"]) -> tuple[str, ...]:
    """Return the layers that `inputs` pass, in the order in which they are done.

    A layer is a module that is called: one that only holds others is none, nor one whose owner
    goes around it to its parts.
    """
    return tuple(_listen(model, inputs, _modules(model)))


def activations(
    model: Model, inputs: Float[Tensor, " batch *shape"], layers: Sequence[str]
) -> dict[str, Float[Tensor, "..."]]:
    """Return what each layer gives for `inputs`, in evaluation mode, as copies.

    The model is left as it was, its hooks and modes included, even where it raises. A layer
    that is passed twice gives its last value.

    Raises:
        ValueError: a layer is none of `layer_names`.
    """
    modules = _modules(model)
    heard = _listen(model, inputs, {name: modules[name] for name in layers if name in modules})
    for layer in layers:
        if layer not in heard:
            allowed = ", ".join(layer_names(model, inputs))
            raise ValueError(f"layer = {layer!r}: must be one of {allowed}")
    return {layer: heard[layer] for layer in layers}


def filters(model: Model, layer: str) -> Float[Tensor, "out in *kernel"]:
    """Return a copy of a layer's weights; only those of a convolution, either way, have a kernel.

    Raises:
        ValueError: there is no such layer, or it has no weights that mix its inputs.
    """
    weights = {
        name: module.weight.detach().clone()
        for name, module in _modules(model).items()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    }
    if layer not in weights:
        raise ValueError(f"layer = {layer!r}: must be one of {', '.join(weights)}")
    turned = isinstance(model.get_submodule(layer), nn.ConvTranspose2d)  # they have inputs first
    return weights[layer].transpose(0, 1) if turned else weights[layer]


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if name}


def _listen(model: Model, inputs: Tensor, modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Outputs of those modules that `inputs` pass, in the order in which they are done."""
    heard: dict[str, Tensor] = {}

    def hear(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(output, Tensor):  # others, of a network of the user's, have no picture
                heard.pop(name, None)
                heard[name] = output.detach().clone()  # the layer after it may work in place

        return hook

    modes = {module: module.training for module in model.modules()}
    with ExitStack() as stack, torch.no_grad():
        for name, module in modules.items():
            stack.enter_context(module.register_forward_hook(hear(name)))
        try:
            model.eval()
            model.pass_through(inputs)
        finally:
            for module, mode in modes.items():
                module.training = mode
    return heard
