"""Muon: matrices moved by their orthogonalised momentum, everything else by Adam."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

MOMENTUM = 0.95
ADAM_BETAS = (0.9, 0.99)
ADAM_SHARE = 0.3
"""Adam's rate for biases and normalisation, as a share of the matrices'."""
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NUM_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Jordan et al. (2024, "Muon: an optimizer for hidden layers in neural networks").

    A weight of two axes or more is taken as a matrix, outputs by the rest. Its Nesterov momentum
    is replaced by (nearly) the closest orthogonal matrix, so that every direction is learned at
    one speed, scaled to the root mean square of an Adam step (Liu et al. 2025, "Muon is scalable
    for LLM training", eq. 4). Weight decay is decoupled, and of the matrices alone.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float
    ) -> None:
        """Binds to `parameters`; `lr` is the matrices'."""
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; a parameter without gradient stays where it is."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                if parameter.ndim >= 2:
                    self._step_matrix(parameter, gradient, group["lr"], group["weight_decay"])
                else:
                    self._step_adam(parameter, gradient, group["lr"] * ADAM_SHARE)

    def _step_matrix(
        self, weight: Tensor, gradient: Tensor, rate: float, weight_decay: float
    ) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(momentum, MOMENTUM)
        matrix = ahead.reshape(len(weight), -1)
        scale = 0.2 * max(matrix.shape) ** 0.5
        weight.mul_(1 - rate * weight_decay)
        weight.add_(orthogonalised(matrix).reshape(weight.shape), alpha=-rate * scale)

    def _step_adam(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        state["step"] += 1
        slow, slower = ADAM_BETAS
        mean = state["mean"].lerp_(gradient, 1 - slow) / (1 - slow ** state["step"])
        square = state["square"].lerp_(gradient**2, 1 - slower)
        spread = (square / (1 - slower ** state["step"])).sqrt_().add_(1e-8)
        parameter.addcdiv_(mean, spread, value=-rate)


def orthogonalised(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """Return U V' of a matrix U S V', singular values between .7 and 1.2 for 1.

    By Newton and Schulz's iteration with the coefficients of Jordan et al. (2024), which are
    chosen for speed: five iterations do for singular values down to a thousandth of the norm.
    """
    a, b, c = NEWTON_SCHULZ
    is_tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(NUM_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if is_tall else x
