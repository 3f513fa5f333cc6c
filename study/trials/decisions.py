"""What rules do on the evaluation sample: the form in which decisions and terms are kept.

    decisions/<trial_id>.npz    of a classifier `budget` and `converged`, what its rules decide,
                                bit-packed, and what they predict; of another task `budget_terms`
                                and `converged_terms`, what each example contributes to the risk,
                                or to the excess risk where that is known: (N,), float16, or
                                float32 where that does not reach; its `labels` (N,), and
                                `class_names` (K,) where classes have names; of either
                                `<corruption>_terms` (N,) with every image corrupted, where it is
                                scored under one, whose mean is that risk
    decisions/law-<key>.npz     what decisions are held against: the evaluation sample's posterior,
                                or the labels of real data; `class_names` (K,) where classes have
                                names

docs/protocol.md says what for; study.analysis.decisions reads a study's folder.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any

import numpy as np

from study.trials.trial import Cell, law_of

FOLDER = "decisions"

Array = np.ndarray[Any, np.dtype[Any]]


def law_key(cell: Cell) -> str:
    """The key of a cell's law: 16 hex digits; damage done to a sample is none of the law's."""
    law = law_of(cell)
    return _key(law.population, law.distortion, law.severity)


@lru_cache(maxsize=4096, typed=True)
def _key(population: str, distortion: str, severity: float) -> str:
    named = json.dumps([population, distortion, severity])
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def terms_name(branch: str) -> str:
    """The name of the array that holds a branch's terms of the risk."""
    return f"{branch}_terms"


def bits_of(num_classes: int) -> int:
    """Bits that a decision for one of K >= 2 classes takes."""
    return (num_classes - 1).bit_length()


def pack(classes: Array, num_classes: int) -> Array:
    """Decisions `(N,)` as bytes: of each its bits, the most significant first."""
    places = np.arange(bits_of(num_classes))[::-1]
    return np.packbits((classes[:, None] >> places & 1).astype(np.uint8))


def unpack(packed: Array, num: int, num_classes: int) -> Array:
    """What `pack` was given.

    Raises:
        ValueError: it was not `num` decisions for one of `num_classes`.
    """
    width = bits_of(num_classes)
    if packed.dtype != np.uint8 or packed.shape != (-(-num * width // 8),):
        raise ValueError(f"{packed.size} bytes of {packed.dtype} are not {num} decisions")
    places = np.arange(width)[::-1]
    bits = np.unpackbits(packed, count=num * width).reshape(num, width).astype(np.int64)
    classes: Array = bits[:, 0] if width == 1 else (bits << places).sum(axis=1)
    if num and classes.max() >= num_classes:
        raise ValueError(f"class {classes.max()} is none of {num_classes}")
    return classes
