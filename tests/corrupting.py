"""Laws whose images are corrupted, and draws from them."""

from typing import Any

import torch
from torch import Tensor

from classcomp.corruption import Corruption
from classcomp.draws import Draws, Presenter
from classcomp.populations import make
from tests.small_trial import trial_of

PIXELS = {"mu0": 0.0, "mu1": 0.4, "sigma0": 1.0, "sigma1": 1.0, "size": 6}
LAWS: dict[str, dict[str, Any]] = {
    "digits": {},
    "gaussian_images": PIXELS,
    "teacher": {"family": "linear", "size": 8},
}
SEEDS = trial_of().streams


def draws_of(
    name: str,
    kind: str = "outliers",
    share: float = 0.0,
    *,
    as_images: bool = True,
    of: type[Draws] = Draws,
) -> Draws:
    population, device = make(name, **LAWS[name]), torch.device("cpu")
    return of(
        population=population,
        present=Presenter(population=population, takes_images=as_images, device=device),
        device=device,
        streams=SEEDS,
        corruption=Corruption(kind=kind, share=share) if share else None,
    )


def changed(found: Tensor, clean: Tensor) -> set[int]:
    """Which examples are not what they were."""
    return set(torch.nonzero((found != clean).flatten(1).any(dim=1)).flatten().tolist())
