"""Filters and responses against the layers' own arithmetic."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from classcomp.draws import Examples
from classcomp.exhibits.layers import MAX_MAPS, layer_arrays
from classcomp.models.base import Classifier
from classcomp.populations import make as make_population
from classcomp.tasks import Evaluation
from classcomp.testing import make


class Recurrent(Classifier):
    """A user's network: a layer that gives a tuple, and a convolution that nothing passes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.idle = nn.Conv2d(1, 3, 3), nn.Conv2d(1, 1, 3)
        self.lstm = nn.LSTM(36, 2, batch_first=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.lstm(self.conv(inputs).flatten(2))[0][:, -1]


def found_of(model: Classifier, inputs: torch.Tensor) -> dict[str, np.ndarray]:
    examples = Examples(inputs=inputs, labels=torch.zeros(len(inputs), dtype=torch.int64))
    population = make_population("two_gaussians", delta=2.0)
    return layer_arrays(Evaluation(model=model, examples=examples, population=population))


def images(num: int = 5) -> torch.Tensor:
    return torch.randn(num, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", ["autoencoder", "beta_vae", "robust_vae", "vgg"])
def test_filters_are_the_weights_and_maps_what_they_give(family: str) -> None:
    model, inputs = make(family, 2, (1, 8, 8), 3), images()
    found = found_of(model, inputs)
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    np.testing.assert_array_equal(found["kernels"], first.weight.detach().numpy())
    np.testing.assert_array_equal(found["image"], inputs[0].numpy())
    by_hand = F.conv2d(inputs[:1], first.weight, first.bias, padding=1)[0, :MAX_MAPS]
    np.testing.assert_allclose(found["maps"][0], by_hand.detach().numpy(), atol=1e-6)
    assert found["sizes"][0].tolist() == [len(first.weight), 8, 8]
    assert len(found["maps"]) == len(found["sizes"]) == 4


def test_the_last_map_of_an_autoencoder_is_the_image_that_comes_back() -> None:
    model, inputs = make("autoencoder", 2, (1, 8, 8), 3), images()
    found = found_of(model, inputs)
    with torch.no_grad():
        back = model.eval().reconstruct(inputs[:2])[0, 0].numpy()
    np.testing.assert_allclose(found["maps"][-1, 0], back, atol=1e-6)
    assert (found["maps"][-1, 1:] == 0).all(), "it has one channel"
    assert found["sizes"][-1].tolist() == [1, 8, 8]
    coarse = found["maps"][1]
    assert found["sizes"][1].tolist()[1:] == [4, 4]
    np.testing.assert_array_equal(coarse[:, ::2, ::2], coarse[:, 1::2, 1::2])


def test_a_network_of_any_layers_is_looked_at_as_far_as_it_convolves() -> None:
    found = found_of(Recurrent(), images())
    assert found["sizes"].tolist() == [[3, 6, 6]]


def test_what_sees_no_images_or_convolves_none_has_no_layers() -> None:
    assert found_of(make("linear_autoencoder", 1, (1, 8, 8), 3), images()) == {}
    assert found_of(make("linear", 1, (4,), 3), torch.zeros(5, 4)) == {}
