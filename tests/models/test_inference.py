"""Descent on latents: against torch's own Adam, and where the best latents are known."""

import pytest
import torch
from torch import nn

from classcomp.models.gaps import seen_errors
from classcomp.models.inference import (
    TINY,
    Moments,
    adam_step,
    gradient_of,
    lowered,
    unmoved,
)
from classcomp.scores.inference import least_errors
from classcomp.testing import generator


def quartic(rows):
    return (rows - 1).pow(4).sum(dim=1) + rows.square().sum(dim=1)


def test_steps_are_those_of_torch_s_adam():
    rows = torch.randn(3, 4, generator=generator(0)).double()
    theirs = nn.Parameter(rows.clone())
    optimizer = torch.optim.Adam([theirs], lr=0.03, eps=TINY)
    moments = unmoved(rows)
    for _ in range(50):
        optimizer.zero_grad()
        quartic(theirs).sum().backward()
        optimizer.step()
        rows, moments = adam_step(rows, gradient_of(quartic, rows), moments, 0.03)
    torch.testing.assert_close(rows, theirs.detach(), rtol=1e-9, atol=1e-12)


def test_a_row_that_is_visited_now_and_then_moves_as_if_it_were_alone():
    start = torch.randn(2, 4, generator=generator(1)).double()
    rows, moments = start, unmoved(start)
    visits = ([0, 1], [1], [1], [0], [0, 1])
    for at in visits:
        held = Moments(mean=moments.mean[at], square=moments.square[at], count=moments.count[at])
        moved, held = adam_step(rows[at], gradient_of(quartic, rows[at]), held, 0.1)
        rows = rows.index_copy(0, torch.tensor(at), moved)
        moments = Moments(
            mean=moments.mean.index_copy(0, torch.tensor(at), held.mean),
            square=moments.square.index_copy(0, torch.tensor(at), held.square),
            count=moments.count.index_copy(0, torch.tensor(at), held.count),
        )
    for row in (0, 1):
        theirs = nn.Parameter(start[row].clone())
        optimizer = torch.optim.Adam([theirs], lr=0.1, eps=TINY)
        for _ in range(sum(row in at for at in visits)):
            optimizer.zero_grad()
            quartic(theirs[None]).sum().backward()
            optimizer.step()
        torch.testing.assert_close(rows[row], theirs.detach(), rtol=1e-9, atol=1e-12)
    assert moments.count.flatten().tolist() == [3, 4]


def test_a_minimum_is_found_where_gradients_are_switched_off():
    target = torch.randn(5, 3, generator=generator(2))
    with torch.no_grad():
        found = lowered(
            lambda z: (z - target).square().sum(dim=1), torch.zeros(5, 3), steps=400, rate=0.1
        )
    torch.testing.assert_close(found, target, atol=1e-3, rtol=0)
    assert not found.requires_grad


def test_no_steps_leave_the_start():
    start = torch.ones(2, 3)
    assert torch.equal(lowered(quartic, start, steps=0, rate=1.0), start)


def test_what_is_missing_says_nothing():
    inputs = torch.tensor([[1.0, float("nan"), 3.0], [float("nan")] * 3])
    made = torch.tensor([[2.0, 50.0, 5.0], [7.0, 8.0, 9.0]], requires_grad=True)
    errors = seen_errors(inputs, made)
    assert errors.tolist() == pytest.approx([5 / 3, 0.0])
    errors.sum().backward()
    assert made.grad.tolist() == [[pytest.approx(2 / 3), 0, pytest.approx(4 / 3)], [0, 0, 0]]


class Linear(nn.Module):
    """Decodes by a matrix: the best latents are a projection's."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(2, 6, generator=generator(3)))

    def decode(self, latents):
        return latents @ self.matrix

    def features(self, inputs):
        return torch.zeros(len(inputs), 2)


def test_the_least_error_of_a_linear_decoder_is_what_its_plane_leaves():
    model = Linear()
    inputs = torch.randn(7, 6, generator=generator(4))
    with torch.no_grad():
        found = least_errors(model, inputs, torch.zeros(7, 2), steps=500, rate=0.1)
        plane = torch.linalg.qr(model.matrix.T).Q
        left = inputs - inputs @ plane @ plane.T
    torch.testing.assert_close(found, left.square().mean(dim=1), rtol=1e-3, atol=1e-6)
    assert model.matrix.grad is None


def test_the_latents_found_are_among_those_that_are_tried():
    model = Linear()
    inputs = torch.randn(7, 6, generator=generator(4))
    with torch.no_grad():
        best = inputs @ torch.linalg.pinv(model.matrix)
        left = (inputs - model.decode(best)).square().mean(dim=1)
        found = least_errors(model, inputs, best, steps=1, rate=5.0)  # a step that overshoots
    assert (found <= left).all()


class Cubic(nn.Module):
    """z^3 / 3 - z: seen from above, descent is stuck at its local maximum, z = -1, and at 1."""

    def decode(self, latents):
        return latents.pow(3) / 3 - latents


@pytest.mark.parametrize(
    "found",
    [
        [-1.0, 3.0],  # their mean is 1: only the other's latents help the first
        [-1.0, -1.0, 7.0],  # the second's neighbour is stuck too: only the mean helps it
    ],
)
def test_latents_that_are_stuck_are_looked_for_from_elsewhere(found):
    inputs, latents = torch.full((len(found), 1), 5.0), torch.tensor(found)[:, None]
    with torch.no_grad():
        alone = lowered(
            lambda z: (Cubic().decode(z) - inputs).square().sum(dim=1), latents, steps=400, rate=0.1
        )
        errors = least_errors(Cubic(), inputs, latents, steps=400, rate=0.1)
    assert alone[0].item() == -1.0
    assert errors.max() < 1e-3
