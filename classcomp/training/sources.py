"""Where a training pass gets its examples: a fixed sample, a fresh stream, or a cycled sample.

Every source is stateless: pass k depends on k and the seed alone, so that an interrupted trial
goes on with the examples it would have seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from classcomp.models.base import Batch


class Source(Protocol):
    """Examples by pass."""

    def examples(self, index: int) -> Batch:
        """The examples of pass `index`, counted from 0."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedSample:
    """The same N examples at every pass: a pass is an epoch."""

    inputs: Float32[Tensor, " n *shape"]
    labels: Int64[Tensor, " n"]

    def examples(self, index: int) -> Batch:
        """The whole sample."""
        return whole(self.inputs, self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class FreshStream:
    """Examples never seen before, drawn chunk by chunk.

    Attributes:
        draw: (number, generator) to inputs and labels.
        seed: of the stream.
        num_examples: in the whole stream, all chunks together.
        chunk_size: examples a pass; the last one gets the rest.
    """

    draw: Callable[
        [int, np.random.Generator], tuple[Float32[Tensor, " n *shape"], Int64[Tensor, " n"]]
    ]
    seed: int
    num_examples: int
    chunk_size: int

    def examples(self, index: int) -> Batch:
        """Chunk `index`; beyond the stream's end (a second stage) it goes on with fresh draws."""
        stage, within = divmod(index, num_passes(self.num_examples, self.chunk_size))
        begin = within * self.chunk_size
        num = min(self.chunk_size, self.num_examples - begin)
        inputs, labels = self.draw(num, np.random.default_rng([self.seed, index]))
        place = stage * self.num_examples + begin
        positions = torch.arange(place, place + num, device=inputs.device)
        return Batch(inputs=inputs, labels=labels, index=positions)


@dataclass(frozen=True, kw_only=True, slots=True)
class CycledSample:
    """One sample visited over and over in newly shuffled rounds, cut into chunks.

    Attributes:
        inputs: the sample.
        labels: its classes.
        seed: of the shuffles.
        num_examples: to be seen in a stage, repetitions counted.
        chunk_size: examples a pass.
    """

    inputs: Float32[Tensor, " n *shape"]
    labels: Int64[Tensor, " n"]
    seed: int
    num_examples: int
    chunk_size: int

    def examples(self, index: int) -> Batch:
        """Positions [index, index + 1) * chunk_size of the endless sequence of rounds."""
        stage, within = divmod(index, num_passes(self.num_examples, self.chunk_size))
        begin = within * self.chunk_size
        end = min(begin + self.chunk_size, self.num_examples)
        size = len(self.inputs)
        rounds = [
            np.random.default_rng([self.seed, stage, r]).permutation(size)
            for r in range(begin // size, (end - 1) // size + 1)
        ]
        offset = begin - (begin // size) * size
        chosen = torch.from_numpy(np.concatenate(rounds)[offset : offset + end - begin])
        return whole(self.inputs, self.labels).at(chosen.to(self.inputs.device))


def whole(inputs: Float32[Tensor, " n *shape"], labels: Int64[Tensor, " n"]) -> Batch:
    """A sample as one batch."""
    return Batch(
        inputs=inputs, labels=labels, index=torch.arange(len(labels), device=labels.device)
    )


def num_passes(num_examples: int, chunk_size: int) -> int:
    """Passes of `chunk_size` that make up `num_examples`."""
    return -(-num_examples // chunk_size)
