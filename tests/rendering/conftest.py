"""The synthetic study that analysis is tested on, and exhibits to go with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from tests.analysis.conftest import levels, make, records

__all__ = ["landscape_of", "levels", "make", "make_exhibits", "records", "write_exhibits"]

Record = dict[str, Any]
Arrays = dict[str, "np.ndarray[Any, Any]"]


def landscape_of(records: list[Record], levels: dict[str, list[float]]) -> pd.DataFrame:
    """Return the landscape of a study's records."""
    return build_landscape(join(build_trials(records, levels)), levels)


def make_exhibits(seed: int, num_classes: int, *, is_planar: bool) -> Arrays:
    """Return what a classifier shows: made up, but of the shapes that a real one's have."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(num_classes), 60)
    centres = rng.standard_normal((num_classes, 5))
    features = centres[classes] + 0.4 * rng.standard_normal((len(classes), 5))
    features -= features.mean(axis=0)
    counts = np.full((num_classes, num_classes), 3) + 100 * np.eye(num_classes, dtype=np.int64)
    found: Arrays = {
        "confusion/counts": (counts + rng.integers(0, 9, counts.shape)).astype(np.int64),
        "features/points": features[:, :2],
        "features/labels": classes,
        "features/gram": (features @ features.T).astype(np.float32),
    }
    if is_planar:
        y, x = np.meshgrid(np.linspace(-2, 2, 60), np.linspace(-3, 3, 60), indexing="ij")
        tilt = 0.3 * rng.standard_normal()
        found["decision_map/bayes"] = (x * y > 0).astype(np.int64)
        found["decision_map/rule"] = ((x - tilt) * (y + tilt * x) > 0).astype(np.int64)
        found["decision_map/extent"] = np.array([-3.0, 3.0, -2.0, 2.0])
    return found


def write_exhibits(records: list[Record], folder: Path) -> None:
    """Write exhibits of every measuring trial that is done: XOR's in the plane, digits' not."""
    (folder / "exhibits").mkdir(parents=True)
    for number, record in enumerate(records):
        if (record["role"], record["status"]) == ("measure", "done"):
            is_planar = record["population"].startswith("xor")
            arrays = make_exhibits(number, 2 if is_planar else 10, is_planar=is_planar)
            np.savez(folder / "exhibits" / f"{record['trial_id']}.npz", **arrays)
