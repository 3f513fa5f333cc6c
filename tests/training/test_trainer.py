"""What a step does: objectives in turn, each by its own optimizer, on batches that know places."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from classcomp.models.base import Batch, Model, Objective
from classcomp.training.loop import DivergedError, Trainer
from classcomp.training.sources import CycledSample, FixedSample, FreshStream, whole


class Game(Model):
    """Two players with opposed objectives of both their parameters, and the batches they saw."""

    def __init__(self, slow: float = 0.5) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.ones(2))
        self.second = nn.Parameter(torch.ones(2))
        self.slow = slow
        self.seen: list[Batch] = []

    def objectives(self) -> tuple[Objective, ...]:
        return (
            Objective(parameters=(self.first,), loss=self.product),
            Objective(parameters=(self.second,), loss=self.minus, rate=self.slow),
        )

    def product(self, batch: Batch, generator: torch.Generator) -> Tensor:
        self.seen.append(batch)
        return (self.first * self.second).sum() * batch.inputs.mean()

    def minus(self, batch: Batch, generator: torch.Generator) -> Tensor:
        return -3 * self.product(batch, generator)


def trainer_of(stage: Model, *, batch_size: int = 4, learning_rate: float = 0.1) -> Trainer:
    order, noise = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    return Trainer(
        stage,
        learning_rate=learning_rate,
        weight_decay=0.0,
        batch_size=batch_size,
        order=order,
        noise=noise,
    )


def ones(num: int) -> Batch:
    return whole(torch.ones(num, 1), torch.zeros(num, dtype=torch.int64))


def test_each_optimizer_moves_its_own_parameters_at_its_own_rate() -> None:
    game = Game(slow=0.5)
    stats = trainer_of(game).run_pass(ones(4))
    # AdamW's first step is the rate times the sign of the gradient.
    torch.testing.assert_close(game.first.detach(), torch.full((2,), 0.9))
    torch.testing.assert_close(game.second.detach(), torch.full((2,), 1.05))
    assert stats.num_steps == 1
    # The second player sees what the first has done: losses 2 and -3 * .9 * 2.
    assert stats.loss == pytest.approx(2 - 5.4)
    # Gradients (1, 1) and -2.7 (1, 1) at this: second = 1; no other objective's are left in.
    assert stats.gradient_norm == pytest.approx(math.hypot(1, 1, 2.7, 2.7))


def test_an_objective_of_rate_zero_does_not_move() -> None:
    game = Game(slow=0.0)
    trainer_of(game).run_pass(ones(8))
    assert torch.equal(game.second.detach(), torch.ones(2))
    assert not torch.equal(game.first.detach(), torch.ones(2))


def test_a_pause_loses_neither_optimizer() -> None:
    quiet, paused = Game(), Game()
    trainer, before = trainer_of(quiet), trainer_of(paused)
    for _ in range(2):
        trainer.run_pass(ones(8))
    before.run_pass(ones(8))
    after = trainer_of(paused)
    after.load_state_dict(before.state_dict())
    after.run_pass(ones(8))
    for name, value in quiet.state_dict().items():
        assert torch.equal(paused.state_dict()[name], value), name


def test_a_loss_without_end_is_an_error() -> None:
    with pytest.raises(DivergedError, match="nan"):
        trainer_of(Game()).run_pass(whole(torch.full((4, 1), math.nan), torch.zeros(4)))


def test_batches_know_where_their_examples_are_in_the_sample() -> None:
    game = Game()
    sample = torch.arange(10.0)[:, None]
    source = FixedSample(inputs=sample, labels=torch.arange(10) % 2)
    trainer_of(game).run_pass(source.examples(0))
    batches = game.seen[::2]  # each is seen by both objectives
    assert [len(batch) for batch in batches] == [4, 4, 2]
    index = torch.cat([batch.index for batch in batches])
    assert sorted(index.tolist()) == list(range(10))
    assert index.tolist() != list(range(10))
    for batch in batches:
        assert torch.equal(batch.inputs, sample[batch.index])
        assert torch.equal(batch.labels, batch.index % 2)


def test_a_cycled_sample_gives_its_examples_places() -> None:
    sample = torch.arange(7.0)[:, None]
    source = CycledSample(
        inputs=sample, labels=torch.zeros(7), seed=0, num_examples=20, chunk_size=6
    )
    passes = [source.examples(index) for index in range(4)]
    assert [len(batch) for batch in passes] == [6, 6, 6, 2]
    for batch in passes:
        assert torch.equal(batch.inputs, sample[batch.index])


def test_a_stream_s_places_never_come_twice() -> None:
    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(rng.random((num, 1))), torch.zeros(num)

    source = FreshStream(draw=draw, seed=0, num_examples=10, chunk_size=4)
    index = torch.cat([source.examples(number).index for number in range(6)])  # two stages
    assert index.tolist() == list(range(20))
