"""A sample visited in rounds and a stream: what stands at a place depends on the place alone."""

import numpy as np
import torch
from torch import Tensor

from classcomp.training.sources import FreshStream, Sample


def counted(num: int) -> Sample:
    return Sample(inputs=torch.arange(float(num))[:, None], labels=torch.arange(num) % 2, seed=5)


def test_batches_know_where_their_examples_are_in_the_sample() -> None:
    sample = counted(10)
    batch = sample.examples(3, 20)
    assert torch.equal(batch.inputs, sample.inputs[batch.index])
    assert torch.equal(batch.labels, batch.index % 2)
    assert batch.targets is None


def test_each_round_visits_every_example_once_in_an_order_of_its_own() -> None:
    rounds = counted(10).examples(0, 40).index.reshape(4, 10)
    assert torch.equal(rounds.sort(dim=1).values, torch.arange(10).expand(4, 10))
    assert len({tuple(order.tolist()) for order in rounds}) == 4


def test_where_a_pass_ends_does_not_matter() -> None:
    sample = counted(7)
    whole = sample.examples(0, 30).index
    places, begin = [], 0
    for num in (1, 6, 7, 2, 14):
        places.append(sample.examples(begin, num).index)
        begin += num
    assert torch.equal(torch.cat(places), whole)


def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, None]:
    return torch.from_numpy(rng.random((num, 1))), torch.zeros(num), None


def test_a_stream_never_comes_back() -> None:
    source = FreshStream(draw=draw, seed=0)
    passes = [source.examples(begin, 4) for begin in range(0, 24, 4)]
    assert torch.cat([batch.index for batch in passes]).tolist() == list(range(24))
    assert len(torch.cat([batch.inputs for batch in passes]).unique()) == 24


def test_a_stream_is_the_same_each_time_it_is_asked() -> None:
    first, second = (FreshStream(draw=draw, seed=0).examples(8, 4) for _ in range(2))
    assert torch.equal(first.inputs, second.inputs)
    other = FreshStream(draw=draw, seed=1).examples(8, 4)
    assert not torch.equal(first.inputs, other.inputs)
