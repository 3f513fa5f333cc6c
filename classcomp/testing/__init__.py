"""Contracts that a family keeps, as test classes to inherit; they need pytest.

`FamilyContract` for classifiers, `ReconstructionContract` for what gives its inputs back,
`DenoisingContract` for what takes their noise off, `GenerationContract` for what makes examples
from noise.

```python
from classcomp.testing import FamilyContract, Network

class TestMine(FamilyContract):
    family = "mynet"
    network = Network(name="mynet", path="/abs/my_net.py:MyNet")
```
"""

import pytest

for _name in ("model", "family", "vae", "reconstruction", "denoising", "generation"):
    pytest.register_assert_rewrite(f"classcomp.testing.{_name}")

from classcomp.testing.denoising import DenoisingContract  # noqa: E402
from classcomp.testing.family import FamilyContract  # noqa: E402
from classcomp.testing.generation import GenerationContract  # noqa: E402
from classcomp.testing.model import (  # noqa: E402
    IMAGE_GRID,
    VECTOR_GRID,
    batch_of,
    fit,
    generator,
    make,
    random_batch,
    risk,
)
from classcomp.testing.reconstruction import ReconstructionContract  # noqa: E402
from classcomp.testing.vae import VAEContract  # noqa: E402
from classcomp.trial import Network  # noqa: E402

__all__ = [
    "IMAGE_GRID",
    "VECTOR_GRID",
    "DenoisingContract",
    "FamilyContract",
    "GenerationContract",
    "Network",
    "ReconstructionContract",
    "VAEContract",
    "batch_of",
    "fit",
    "generator",
    "make",
    "random_batch",
    "risk",
]
