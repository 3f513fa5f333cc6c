"""Latents found by descent: the z that an example is best given back from, without an encoder."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

DECAYS = (0.9, 0.999)
TINY = 1e-12
"""Added to a gradient's root mean square. Kingma and Ba have 1e-8, which gradients of a mean over
pixels may come near, so that steps would depend on the unit of these."""

Terms = Callable[[Float[Tensor, "batch numbers"]], Float[Tensor, " batch"]]
"""What is lowered: an entry for each example, of its own row alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """What Adam remembers of each row: of a row that is not visited it stays as it was.

    Attributes:
        mean: moving average of the gradients.
        square: of their squares.
        count: steps that the row has taken.
    """

    mean: Float[Tensor, "batch numbers"]
    square: Float[Tensor, "batch numbers"]
    count: Float[Tensor, "batch 1"]


def unmoved(rows: Float[Tensor, "batch numbers"]) -> Moments:
    """Return the moments of rows that have taken no step."""
    zeros = torch.zeros_like(rows)
    return Moments(mean=zeros, square=zeros, count=zeros[:, :1])


def adam_step(
    rows: Float[Tensor, "batch numbers"],
    gradient: Float[Tensor, "batch numbers"],
    moments: Moments,
    rate: float,
) -> tuple[Float[Tensor, "batch numbers"], Moments]:
    """Return rows after one step of Adam (Kingma and Ba 2015, algorithm 1), each by its own count.

    torch.optim.Adam moves all rows of a parameter at every step, those of examples that were not
    seen by their remembered gradients.
    """
    first, second = DECAYS
    mean = first * moments.mean + (1 - first) * gradient
    square = second * moments.square + (1 - second) * gradient.square()
    count = moments.count + 1
    step = mean / (1 - first**count)
    step = step / ((square / (1 - second**count)).sqrt() + TINY)
    return rows - rate * step, Moments(mean=mean, square=square, count=count)


def gradient_of(terms: Terms, rows: Float[Tensor, "batch numbers"]) -> Tensor:
    """Return the gradient of each example's term by its row; that of the weights is not computed.

    Also where gradients are switched off: what a model finds, it finds under `no_grad` too.
    """
    with torch.enable_grad():
        rows = rows.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(terms(rows).sum(), rows)
    return gradient


def lowered(
    terms: Terms, start: Float[Tensor, "batch numbers"], *, steps: int, rate: float
) -> Float[Tensor, "batch numbers"]:
    """Return rows after `steps` of Adam from `start`, at a rate that falls from `rate` to 0.

    Adam moves every number by its own gradients alone, so that an example's row does not depend on
    which others are there.
    """
    rows = start.detach()
    moments = unmoved(rows)
    for step in range(steps):
        gradient = gradient_of(terms, rows)
        rows, moments = adam_step(rows, gradient, moments, rate * (1 - step / steps))
    return rows
