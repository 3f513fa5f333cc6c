"""What a step does: objectives in turn, each by its own optimizer, on batches that know places."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from classcomp.models.base import Batch, Model, Objective
from classcomp.training.loop import DivergedError, Trainer
from classcomp.training.sources import whole


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


def trainer_of(stage: Model) -> Trainer:
    noise = torch.Generator().manual_seed(1)
    return Trainer(stage, learning_rate=0.1, weight_decay=0.0, noise=noise)


def ones(num: int) -> Batch:
    return whole(torch.ones(num, 1), torch.zeros(num, dtype=torch.int64))


def test_each_optimizer_moves_its_own_parameters_at_its_own_rate() -> None:
    game = Game(slow=0.5)
    stats = trainer_of(game).run_pass(ones(4), batch_size=4)
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
    trainer_of(game).run_pass(ones(8), batch_size=4)
    assert torch.equal(game.second.detach(), torch.ones(2))
    assert not torch.equal(game.first.detach(), torch.ones(2))


def test_a_pause_loses_neither_optimizer() -> None:
    quiet, paused = Game(), Game()
    trainer, before = trainer_of(quiet), trainer_of(paused)
    for _ in range(2):
        trainer.run_pass(ones(8), batch_size=4)
    before.run_pass(ones(8), batch_size=4)
    after = trainer_of(paused)
    after.load_state_dict(before.state_dict())
    after.run_pass(ones(8), batch_size=4)
    for name, value in quiet.state_dict().items():
        assert torch.equal(paused.state_dict()[name], value), name


def test_a_loss_without_end_is_an_error() -> None:
    nowhere = whole(torch.full((4, 1), math.nan), torch.zeros(4))
    with pytest.raises(DivergedError, match="nan"):
        trainer_of(Game()).run_pass(nowhere, batch_size=4)


def test_a_state_is_not_moved_by_who_goes_on_from_it() -> None:
    """Its tensors would be, were an optimizer to take them as they are: it moves in place."""
    before = trainer_of(Game())
    before.run_pass(ones(8), batch_size=4)
    state = copy.deepcopy(before.state_dict())
    expected = copy.deepcopy(state)
    after = trainer_of(Game())
    after.load_state_dict(state)
    after.run_pass(ones(8), batch_size=4)
    for kept, was in zip(state["optimizers"], expected["optimizers"], strict=True):
        for number, moments in was["state"].items():
            for name, value in moments.items():
                assert torch.equal(kept["state"][number][name], value), name


def test_a_pass_takes_whole_batches_and_its_rate_falls_from_step_to_step() -> None:
    game = Game(slow=0.0)
    stats = trainer_of(game).run_pass(ones(12), batch_size=4, rate_from=1.0, rate_to=0.0)
    assert [len(batch) for batch in game.seen[::2]] == [4, 4, 4]
    assert (stats.num_steps, stats.num_examples) == (3, 12)
    # AdamW under a constant gradient moves by its rate: .1 times 1, 2/3 and 1/3.
    torch.testing.assert_close(game.first.detach(), torch.full((2,), 1 - 0.2))
