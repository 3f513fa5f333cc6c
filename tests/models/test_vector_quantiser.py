"""The quantiser against Lloyd and Max's optimum, and its steps by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from classcomp.models.vector_quantiser import DEAD, DECAY, VectorQuantiser
from classcomp.testing import generator

# Max (1960), table I: levels above 0 and the mean squared error of N(0, 1).
LLOYD_MAX = {
    4: ((0.4528, 1.510), 0.11748),
    8: ((0.2451, 0.7560, 1.344, 2.152), 0.03455),
}


def started(num_codes, num_dims=1, seed=0):
    found = VectorQuantiser(num_codes, num_dims)
    found.reset(generator(seed))
    return found


def learned(quantiser, *, steps=12_000, num=256):
    draws, restarts = generator(1), generator(2)
    for _ in range(steps):
        points = torch.randn(num, 1, generator=draws)
        quantiser.learn(points, quantiser.nearest(points), restarts)
    return quantiser


def gaussian_error(levels):
    """E (x - nearest level)^2 of N(0, 1), in closed form."""
    levels = np.sort(levels)
    ends = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    mass, height = np.diff(norm.cdf(ends)), norm.pdf(ends)
    first = -np.diff(height)  # of x, over each cell
    second = mass - np.diff(np.where(np.isfinite(ends), ends, 0) * height)
    return float((second - 2 * levels * first + levels**2 * mass).sum())


def test_the_error_s_closed_form_knows_max_s_table():
    for half, error in LLOYD_MAX.values():
        assert gaussian_error([-v for v in half] + list(half)) == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize("num_codes", LLOYD_MAX)
def test_of_gaussian_scalars_it_is_lloyd_and_max_s(num_codes):
    half, error = LLOYD_MAX[num_codes]
    quantiser = learned(started(num_codes))
    levels = quantiser.codebook[:, 0].sort().values.double().numpy()
    assert gaussian_error(levels) < 1.01 * error
    assert gaussian_error(levels) > 0.999 * error  # nothing is better
    np.testing.assert_allclose(levels, [-v for v in half[::-1]] + list(half), atol=0.08)


@pytest.mark.parametrize(("num_codes", "is_fixed"), [(30, True), (31, False)])
def test_the_best_codes_of_gaussian_scalars_are_dead_from_31_on(num_codes, is_fixed):
    """Lloyd's iteration by closed forms: how often the rarest of the best codes is taken."""
    levels = np.sqrt(3) * norm.ppf((np.arange(num_codes) + 0.5) / num_codes)
    for _ in range(2_500):
        ends = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
        mass = np.diff(norm.cdf(ends))
        levels = -np.diff(norm.pdf(ends)) / mass
    assert (mass.min() * num_codes >= DEAD) == is_fixed
    assert gaussian_error(levels) == pytest.approx(1 - (mass * levels**2).sum())
    quantiser = started(num_codes)
    quantiser.codebook.copy_(torch.tensor(levels, dtype=torch.float32)[:, None])
    quantiser.usage.copy_(torch.tensor(256 * mass))
    points = torch.from_numpy(norm.ppf((np.arange(256) + 0.5) / 256)).float()[:, None]
    quantiser.learn(points, quantiser.nearest(points), generator(0))
    moved = (quantiser.codebook[:, 0] - torch.tensor(levels, dtype=torch.float32)).abs().max()
    assert (moved < 0.02) == is_fixed


def test_codes_that_nothing_takes_come_back():
    """All but one lie far out: without restarts one code would stand for everything."""
    quantiser = started(8)
    quantiser.codebook.copy_(torch.tensor([[0.0]] + [[1e4 + i] for i in range(7)]))
    quantiser.usage.fill_(32.0)
    learned(quantiser)
    assert quantiser.codebook.abs().max() < 4
    assert gaussian_error(quantiser.codebook[:, 0].double().numpy()) < 1.01 * LLOYD_MAX[8][1]


def test_a_step_by_hand():
    quantiser = started(3, 2)
    before = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 50.0]])
    quantiser.codebook.copy_(before)
    quantiser.usage.copy_(torch.tensor([2.0, 3.0, 0.03]))
    points = torch.tensor([[1.0, 1.0], [3.0, -1.0], [11.0, 2.0]])
    codes = quantiser.nearest(points)
    assert codes.tolist() == [0, 0, 1]
    quantiser.learn(points, codes, generator(0))
    usage = DECAY * torch.tensor([2.0, 3.0]) + (1 - DECAY) * torch.tensor([2.0, 1.0])
    sums = DECAY * torch.tensor([[0.0, 0.0], [30.0, 0.0]])
    sums += (1 - DECAY) * torch.tensor([[4.0, 0.0], [11.0, 2.0]])
    torch.testing.assert_close(quantiser.codebook[:2], sums / usage[:, None])
    torch.testing.assert_close(quantiser.usage[:2], usage)
    assert 0.03 * DECAY < DEAD * 1  # an equal share is one point: the third was dead
    assert quantiser.codebook[2].tolist() in points.tolist()
    assert quantiser.usage[2] == 1


def test_the_first_batch_replaces_every_code():
    """Two points: with three codes one has to share."""
    quantiser = started(3)
    points = torch.tensor([[5.0], [7.0]])
    quantiser.learn(points, quantiser.nearest(points), generator(0))
    assert sorted(set(quantiser.codebook[:, 0].tolist())) == [5.0, 7.0]


def test_nearest_is_nearest():
    quantiser = started(17, 5)
    points = torch.randn(200, 5, generator=generator(3))
    expected = torch.cdist(points, quantiser.codebook).argmin(dim=1)
    assert torch.equal(quantiser.nearest(points), expected)
    maps = points.view(4, 50, 5)
    assert torch.equal(quantiser(maps), quantiser.codebook[expected].view(4, 50, 5))


def test_restarts_are_the_generator_s():
    points = torch.randn(40, 2, generator=generator(3))
    books = []
    for seed in (0, 0, 1):
        quantiser = started(16, 2)
        before = torch.get_rng_state()
        quantiser.learn(points, quantiser.nearest(points), generator(seed))
        assert torch.equal(before, torch.get_rng_state())
        books.append(quantiser.codebook)
    assert torch.equal(books[0], books[1])
    assert not torch.equal(books[0], books[2])


def test_a_state_goes_on_where_it_was():
    whole, half = started(8), started(8, seed=5)
    learned(whole, steps=20)
    half.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
    for quantiser in (whole, half):
        learned(quantiser, steps=20)
    assert torch.equal(whole.codebook, half.codebook)
    assert torch.equal(whole.usage, half.usage)
    assert math.isfinite(whole.codebook.sum())
