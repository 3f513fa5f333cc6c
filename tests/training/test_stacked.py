"""Which families' seeds can be trained as one network, and why others cannot."""

import math

import pytest
import torch
from torch import Tensor

from classcomp.models import FAMILIES
from classcomp.models.base import Batch, Model
from classcomp.testing.model import batch_of, generator, make
from classcomp.training.loop import Trainer
from classcomp.training.sources import whole
from classcomp.training.stacked import run_stacked_pass, why_not

DRAWS, BRANCHES, COMPETES = "random operation", "data-dependent", "another objective"
ONE_BY_ONE = {
    "vae_svm": DRAWS,
    "vae_kmeans": DRAWS,
    "robust_vae": DRAWS,
    "vq_vae": "bincount",
    "beta_vae": BRANCHES,
    "latent_classifier": BRANCHES,
    "auto_decoder": "dynamic shape",
    "variational_auto_decoder": "dynamic shape",
    "gan": COMPETES,
}
"""Of docs/operations.md."""


@pytest.mark.parametrize("family", FAMILIES)
def test_families_that_are_stacked(family: str) -> None:
    shape = (2,) if FAMILIES[family].takes == "vectors" else (1, 8, 8)
    stage = make(family, 1, shape, 3).stages()[0]
    if not stage.objectives():
        pytest.skip("fitted, not trained")
    inputs = torch.randn(6, *shape, generator=generator(1))
    targets = inputs if FAMILIES[family].task == "denoising" else None
    stage.prepare(inputs)
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    reason = why_not(stage, batch_of(inputs, torch.arange(6) % 3, targets))
    assert ONE_BY_ONE.get(family, "") in (reason or ""), reason
    assert (reason is not None) == (family in ONE_BY_ONE), reason
    for name, value in before.items():
        assert torch.equal(stage.state_dict()[name], value), f"trying has moved {name}"


@pytest.mark.parametrize(("name", "value"), [("dropout", 0.5), ("flips", True)])
def test_what_draws_by_its_hyperparameters_is_not_stacked(name: str, value: object) -> None:
    stage = make("vgg", 1, (1, 8, 8), 2, **{name: value})
    inputs = torch.randn(4, 1, 8, 8, generator=generator(1))
    assert DRAWS in (why_not(stage, batch_of(inputs, torch.arange(4) % 2)) or "")


def test_frozen_layers_are_not_stacked() -> None:
    stage = make("resnet18", 1, (1, 8, 8), 2, trainable="head")
    inputs = torch.randn(4, 1, 8, 8, generator=generator(1))
    reason = why_not(stage, batch_of(inputs, torch.arange(4) % 2))
    assert reason == "some of its parameters are not trained"


class Line(Model):
    """w x and the rate, which counts its losses where no state dict has them, if it is asked to."""

    def __init__(self, *, counts: bool = False) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.counts, self.num = counts, 0

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        self.num += self.counts
        return (self.weight * batch.inputs).mean() + batch.rate


def test_what_is_kept_outside_a_state_dict_is_not_stacked() -> None:
    ones = whole(torch.ones(4, 1), torch.zeros(4, dtype=torch.int64))
    assert why_not(Line(), ones) is None
    assert why_not(Line(counts=True), ones) == (
        "training changes what it holds beside parameters and buffers"
    )


def test_a_seed_that_diverges_moves_no_other() -> None:
    noise = generator(0)
    trainers = [Trainer(Line(), learning_rate=0.1, weight_decay=0.0, noise=noise) for _ in range(2)]
    labels = torch.zeros(4, dtype=torch.int64)
    batches = [whole(torch.full((4, 1), value), labels) for value in (math.nan, 1.0)]
    lost, found = run_stacked_pass(trainers, batches, batch_size=2, rate_from=1.0, rate_to=0.5)
    assert math.isnan(lost.loss)
    # Steps of .1 and .075 under a constant gradient; losses 1 + 1 and .9 + .75.
    assert found.loss == pytest.approx((2 + 0.9 + 0.75) / 2)
    assert trainers[1].stage.state_dict()["weight"].item() == pytest.approx(0.825, abs=1e-6)
