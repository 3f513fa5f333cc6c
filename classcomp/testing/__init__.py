"""Contracts that a family keeps, as test classes to inherit; they need pytest.

```python
from classcomp.testing import FamilyContract, Network

class TestMine(FamilyContract):
    family = "mynet"
    network = Network(name="mynet", path="/abs/my_net.py:MyNet")
```
"""

import pytest

pytest.register_assert_rewrite("classcomp.testing.family", "classcomp.testing.autoencoder")

from classcomp.testing.autoencoder import VAEContract  # noqa: E402
from classcomp.testing.family import (  # noqa: E402
    IMAGE_GRID,
    VECTOR_GRID,
    FamilyContract,
    batch_of,
    fit,
    generator,
    make,
    random_batch,
    risk,
)
from classcomp.trial import Network  # noqa: E402

__all__ = [
    "IMAGE_GRID",
    "VECTOR_GRID",
    "FamilyContract",
    "Network",
    "VAEContract",
    "batch_of",
    "fit",
    "generator",
    "make",
    "random_batch",
    "risk",
]
