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
    """Maps of one row and then of one column: in both the code before is the one before."""
    maps = [[0, 0, 1], [0, 1, 1], [0, 0, 0]]
    for size in ((1, 3), (3, 1)):
        found = prior_of(2, size, maps)(torch.tensor([[0, 1, 0]]))
        first = 4 / 5  # three zeros of three, and one of each
        second = (2 + 2 * 2 / 5) / (5 + 2)  # after 0 come 0, 0, 0, 1, 1
        third = (0 + 2 * 2 / 5) / (1 + 2)  # after 1 came 1
        assert found.item() == pytest.approx(-math.log2(first * second * third))


def test_the_code_before_a_row_s_first_is_above_it():
    maps = torch.tensor([[0, 2, 1, 2]])
    prior = prior_of(3, (2, 2), maps)
    expected = torch.zeros(3, 3, dtype=torch.int64)
    expected[0, 2] = expected[0, 1] = expected[1, 2] = 1
    assert torch.equal(prior.pairs, expected)


def test_all_maps_together_have_probability_one():
    maps = torch.randint(3, (20, 4), generator=generator(0))
    prior = prior_of(3, (2, 2), maps)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    assert (0.5 ** prior(every)).sum().item() == pytest.approx(1)


def test_batches_are_counted_together():
    maps = torch.randint(5, (30, 6), generator=generator(0))
    whole, parts = prior_of(5, (2, 3), maps), prior_of(5, (2, 3), maps[:11])
    parts.count(maps[11:])
    assert torch.equal(whole.singles, parts.singles)
    assert torch.equal(whole.pairs, parts.pairs)
    assert whole.singles.sum(dim=1).tolist() == [30] * 6
    assert whole.pairs.sum() == 30 * 5


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


def test_of_a_source_with_a_memory_it_reaches_the_entropy():
    """Rows of a chain that stays with probability .9: places alone know nothing of it."""
    rng = np.random.default_rng(0)

    def maps(num):
        found = np.zeros((num, 24), dtype=np.int64)
        found[:, 0] = rng.integers(4, size=num)
        for i in range(1, 24):
            before = found[:, i - 1] if i % 6 else found[:, i - 6]
            found[:, i] = np.where(rng.random(num) < 0.9, before, rng.integers(4, size=num))
        return found

    stay, leave = 0.9 + 0.1 / 4, 0.1 / 4
    rate = -stay * math.log2(stay) - 3 * leave * math.log2(leave)
    entropy = 2 + 23 * rate
    prior = prior_of(4, (4, 6), maps(4_000))
    bits = prior(torch.from_numpy(maps(4_000)))
    assert bits.mean().item() == pytest.approx(
        entropy, abs=4 * bits.std().item() / math.sqrt(4_000)
    )
    assert entropy < 0.4 * 24 * 2  # what each place by itself takes
