"""Where training gets its examples: a sample visited over and over, or a stream without end.

Every source is stateless: what stands at a place depends on the place and the seed alone, so that
an interrupted trial goes on with the examples it would have seen, and two branches of a trajectory
see the same ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from classcomp.models.base import Batch


class Source(Protocol):
    """An endless sequence of examples."""

    def examples(self, begin: int, num: int) -> Batch:
        """The `num` examples from place `begin` on, in the order in which they are visited."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A sample of N visited in rounds, each newly shuffled: a round is an epoch.

    Attributes:
        inputs: the sample.
        labels: its classes.
        seed: of the shuffles.
        targets: what is to be made of the inputs, where that is more than a class.
        renew: (place, positions in the sample) to inputs whose damage is drawn anew, and their
            targets; None: they look the same at every visit.
    """

    inputs: Float[Tensor, " n *shape"]
    labels: Int64[Tensor, " n"]
    seed: int
    targets: Float[Tensor, " n *wanted"] | None = None
    renew: Callable[[int, np.ndarray], tuple[Tensor, Tensor | None]] | None = None

    @property
    def places(self) -> Int64[Tensor, " n"]:
        """Of its examples, in their order: what `Batch.index` says of each."""
        return torch.arange(len(self.labels), device=self.labels.device)

    def examples(self, begin: int, num: int) -> Batch:
        """Places [begin, begin + num) of the rounds one after another."""
        size = len(self.labels)
        first, last = begin // size, (begin + num - 1) // size
        rounds = [
            np.random.default_rng([self.seed, r]).permutation(size) for r in range(first, last + 1)
        ]
        offset = begin - first * size
        chosen = np.concatenate(rounds)[offset : offset + num]
        batch = whole(self.inputs, self.labels, self.targets)
        batch = batch.at(torch.from_numpy(chosen).to(self.inputs.device))
        if self.renew is None:
            return batch
        inputs, targets = self.renew(begin, chosen)
        return replace(batch, inputs=inputs, targets=targets)


@dataclass(frozen=True, kw_only=True, slots=True)
class FreshStream:
    """Examples never seen before.

    Attributes:
        draw: (number, generator) to inputs, labels and what is to be learned in the labels' place:
            class probabilities, where the law is known, or what is to be made of the inputs.
        seed: of the stream.
    """

    draw: Callable[
        [int, np.random.Generator],
        tuple[Float[Tensor, " n *shape"], Int64[Tensor, " n"], Float[Tensor, " n *wanted"] | None],
    ]
    seed: int

    def examples(self, begin: int, num: int) -> Batch:
        """Draws of the place's own generator."""
        inputs, labels, targets = self.draw(num, np.random.default_rng([self.seed, begin]))
        places = torch.arange(begin, begin + num, device=inputs.device)
        return Batch(inputs=inputs, labels=labels, index=places, targets=targets)


def whole(
    inputs: Float[Tensor, " n *shape"],
    labels: Int64[Tensor, " n"],
    targets: Float[Tensor, " n *wanted"] | None = None,
) -> Batch:
    """A sample as one batch."""
    places = torch.arange(len(labels), device=labels.device)
    return Batch(inputs=inputs, labels=labels, index=places, targets=targets)
