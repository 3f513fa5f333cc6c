"""The codes' prior by hand, as a law that sums to 1, and on a source whose entropy is known."""

import itertools
import math

import numpy as np
import pytest
import torch

from classcomp.models.code_prior import CodePrior
from classcomp.testing import generator


def prior_of(num_codes, size, maps=()):
    found = CodePrior(num_codes, size)
    found.reset()
    if len(maps):
        found.count(torch.as_tensor(maps))
    return found


def test_before_anything_is_counted_every_code_takes_log2_k():
    codes = torch.tensor([[0, 1, 2, 3, 0, 0]])
    assert prior_of(8, (2, 3))(codes).item() == pytest.approx(6 * 3)


def test_bits_by_hand():
    """One row and one column: either has one neighbour. By Bayes' rule, half a count everywhere."""
    maps = [[0, 0, 1], [0, 1, 1], [0, 0, 0]]
    for size in ((1, 3), (3, 1)):
        found = prior_of(2, size, maps)(torch.tensor([[0, 1, 0]]))
        # Before a 0 were 0, 0, 0 and no 1; before a 1 were 0, 0 and 1.
        zero, one = {0: 3.5 / 4, 1: 0.5 / 4}, {0: 2.5 / 4, 1: 1.5 / 4}
        first = 3.5 / 4
        second = 1.5 * one[0] / (1.5 * one[0] + 2.5 * zero[0])  # at this place 1 once, 0 twice
        third = 1.5 * zero[1] / (1.5 * zero[1] + 2.5 * one[1])
        assert found.item() == pytest.approx(-math.log2(first * second * third))


def test_neighbours_are_counted_across_and_down():
    prior = prior_of(3, (2, 2), torch.tensor([[0, 2, 1, 2]]))
    across, down = (torch.zeros(3, 3, dtype=torch.int64) for _ in range(2))
    across[0, 2] = across[1, 2] = 1
    down[0, 1] = down[2, 2] = 1
    assert torch.equal(prior.across, across)
    assert torch.equal(prior.down, down)


def test_all_maps_together_have_probability_one():
    maps = torch.randint(3, (20, 4), generator=generator(0))
    prior = prior_of(3, (2, 2), maps)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    assert (0.5 ** prior(every)).sum().item() == pytest.approx(1)


def test_batches_are_counted_together():
    maps = torch.randint(5, (30, 6), generator=generator(0))
    whole, parts = prior_of(5, (2, 3), maps), prior_of(5, (2, 3), maps[:11])
    parts.count(maps[11:])
    for name, counts in whole.state_dict().items():
        assert torch.equal(counts, parts.state_dict()[name]), name
    assert whole.singles.sum(dim=1).tolist() == [30] * 6
    assert (whole.across.sum(), whole.down.sum()) == (30 * 4, 30 * 3)


def test_samples_are_of_the_law_that_bits_are_of():
    maps = torch.tensor([[0, 0, 1, 1]] * 6 + [[2, 1, 0, 0]] * 3 + [[1, 2, 2, 0]])
    prior = prior_of(3, (2, 2), maps)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    law = (0.5 ** prior(every)).numpy()
    num = 20_000
    drawn = prior.sample(num, generator(1))
    found = np.bincount((drawn * torch.tensor([27, 9, 3, 1])).sum(dim=1).numpy(), minlength=81)
    errors = (found / num - law) / np.sqrt(law * (1 - law) / num)
    assert np.abs(errors).max() < 4.5  # of 81
    assert torch.equal(drawn, prior.sample(num, generator(1)))


@pytest.mark.parametrize("is_turned", [False, True])
def test_of_a_source_with_a_memory_it_reaches_the_entropy(is_turned):
    """Rows, or columns, are chains that stay with probability .9: places know nothing of it."""
    rng = np.random.default_rng(0)

    def maps(num):
        found = rng.integers(4, size=(num, 4, 6))
        stays = rng.random((num, 4, 6)) < 0.9
        for i in range(1, 6):
            found[:, :, i] = np.where(stays[:, :, i], found[:, :, i - 1], found[:, :, i])
        found = found.transpose(0, 2, 1) if is_turned else found
        return torch.from_numpy(found.reshape(num, 24))

    stay, leave = 0.9 + 0.1 / 4, 0.1 / 4
    rate = -stay * math.log2(stay) - 3 * leave * math.log2(leave)
    entropy = 4 * (2 + 5 * rate)
    bits = prior_of(4, (6, 4) if is_turned else (4, 6), maps(4_000))(maps(4_000))
    error = bits.std().item() / math.sqrt(4_000)
    assert bits.mean().item() == pytest.approx(entropy, abs=4 * error)
    assert entropy + 4 * error < 0.6 * 24 * 2  # of what each place by itself takes
