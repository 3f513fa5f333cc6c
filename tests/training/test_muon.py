"""Muon against what it is an approximation of, and against Adam as torch has it."""

import numpy as np
import pytest
import torch
from torch import nn

from classcomp.training.muon import ADAM_BETAS, ADAM_SHARE, Muon, orthogonalised


@pytest.mark.parametrize("shape", [(6, 6), (4, 30), (30, 4)])
def test_orthogonalised_keeps_directions_and_evens_lengths(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).normal(size=shape) * np.linspace(0.2, 3, shape[1])
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    found = orthogonalised(torch.from_numpy(matrix)).numpy()
    inner = u.T @ found @ vt.T
    assert np.diag(inner).min() > 0.6
    assert np.diag(inner).max() < 1.3
    assert np.abs(inner - np.diag(np.diag(inner))).max() < 1e-6


def test_a_matrix_of_nothing_stays_nothing() -> None:
    assert not orthogonalised(torch.zeros(3, 5)).any()


def test_vectors_are_moved_by_adam() -> None:
    """torch's own Adam with the same numbers, on a loss that changes from step to step."""
    ours, theirs = (nn.Parameter(torch.linspace(-1, 1, 7)) for _ in range(2))
    optimizers = (
        Muon([ours], lr=0.1, weight_decay=0.5),
        torch.optim.Adam([theirs], lr=0.1 * ADAM_SHARE, betas=ADAM_BETAS, eps=1e-8),
    )
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        pull = torch.randn(7, generator=rng)
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            (parameter * pull).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_a_first_step_is_orthogonal_whatever_the_gradient_s_scale_and_shape() -> None:
    """Convolutions as matrices of outputs by the rest; decay takes its share first."""
    weight = nn.Parameter(torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(1)))
    before = weight.detach().clone()
    pull = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
    optimizer = Muon([weight], lr=0.1, weight_decay=0.5)
    (1e-3 * weight * pull).sum().backward()
    optimizer.step()
    moved = (weight.detach() - 0.95 * before).reshape(5, 18)
    scale = torch.linalg.svdvals(moved) / (0.1 * 0.2 * 18**0.5)
    assert float(scale.min()) > 0.6
    assert float(scale.max()) < 1.3
    assert float((moved * pull.reshape(5, 18)).sum()) < 0


def test_what_has_no_gradient_stays() -> None:
    parameter = nn.Parameter(torch.ones(2, 2))
    Muon([parameter], lr=1.0, weight_decay=1.0).step()
    assert torch.equal(parameter, torch.ones(2, 2))
