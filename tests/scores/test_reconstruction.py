"""Reconstruction errors by hand."""

import math

import pytest
import torch

from classcomp.scores.reconstruction import psnr_db
from classcomp.tasks.base import squared_errors


def test_squared_errors_are_means_over_coordinates():
    inputs = torch.zeros(2, 1, 2, 2)
    reconstructed = torch.tensor([[[[1.0, 0.0], [0.0, 3.0]]], [[[0.5, 0.5], [0.5, 0.5]]]])
    assert squared_errors(inputs, reconstructed).tolist() == [2.5, 0.25]
    assert squared_errors(torch.zeros(1, 2), torch.tensor([[1.0, 2.0]])).tolist() == [2.5]


def test_psnr():
    assert psnr_db(0.01) == pytest.approx(20)
    assert psnr_db(1.0, peak=255) == pytest.approx(20 * math.log10(255))
