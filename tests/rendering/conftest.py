"""The synthetic study that analysis is tested on, and exhibits to go with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import COMPARISON_COLUMNS, LANDSCAPE_COLUMNS
from study.analysis.frames import to_rows, typed_frame
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from tests.analysis.conftest import levels, make, make_record, records

__all__ = [
    "landscape_of",
    "levels",
    "make",
    "make_exhibits",
    "make_record",
    "records",
    "write_exhibits",
]

Record = dict[str, Any]
Arrays = dict[str, "np.ndarray[Any, Any]"]


def landscape_of(records: list[Record], levels: dict[str, list[float]]) -> pd.DataFrame:
    """Return the landscape of a study's records."""
    return build_landscape(join(build_trials(records, levels)), levels)


def make_exhibits(
    seed: int,
    num_classes: int,
    *,
    is_planar: bool,
    is_coder: bool = False,
    generates: bool = False,
) -> Arrays:
    """Return what a model shows: made up, but of the shapes that a real one's have."""
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
    if generates:
        images = rng.random((3, 9, 1, 4, 5), dtype=np.float32)
        found |= {"samples/images": images[0], "samples/real": images[1]}
        found |= {"samples/along": images[:, :6], "samples/along_steps": np.array([4, 8, 16])}
        points = rng.standard_normal((2, 20, 2)).astype(np.float32)
        found |= {"samples/points": points[0], "samples/real_points": points[1]}
    return found | (make_coder_exhibits(rng) if is_coder else {})


def make_coder_exhibits(rng: np.random.Generator) -> Arrays:
    """Return what a model of two latents shows of images of 5x4 pixels in two classes."""
    return {
        "reconstructions/originals": rng.random((4, 1, 5, 4)),
        "reconstructions/decoded": rng.random((4, 1, 5, 4)),
        "reconstructions/labels": np.array([0, 0, 1, 1]),
        "traversals/images": rng.random((2, 9, 1, 5, 4)),
        "traversals/latents": np.array([1, 0]),
        "traversals/values": np.linspace([-1.0, -2.0], [1.0, 2.0], 9).T,
        "traversals/plane": rng.random((3, 3, 1, 5, 4)),
        "traversals/plane_values": np.array([[-1.0, 0.0, 1.0], [-2.0, 0.5, 2.0]]),
        "class_means/images": rng.random((2, 1, 5, 4)),
        "class_means/classes": np.array([0, 1]),
        "interpolations/images": rng.random((10, 1, 5, 4)),
        "interpolations/classes": np.array([1, 6]),
        "altered_latents/images": rng.random((5, 1, 5, 4)),
        "inference/steps": np.array([0, 1, 2]),
        "inference/mse": np.array([0.5, 0.25, 0.125]),
        "latent_map/mds": rng.standard_normal((40, 3)),
        "latent_map/unit_mds": rng.standard_normal((40, 3)),
        "latent_map/tsne": rng.standard_normal((40, 2)),
        "latent_map/labels": np.arange(40) % 2,
        "latent_map/quality": np.full((5, 3), 0.25),
        "latent_plane/points": rng.standard_normal((40, 2)),
        "latent_plane/labels": np.arange(40) % 2,
        "layers/kernels": rng.standard_normal((3, 1, 3, 3)),
        "layers/image": rng.random((1, 5, 4)),
        "layers/maps": rng.standard_normal((2, 8, 5, 4)),
        "layers/sizes": np.array([[3, 5, 4], [20, 3, 2]]),
    }


def write_exhibits(records: list[Record], folder: Path) -> None:
    """Write exhibits of every measuring trial that is done: XOR's in the plane, digits' not."""
    (folder / "exhibits").mkdir(parents=True)
    for number, record in enumerate(records):
        if (record["role"], record["status"]) == ("measure", "done"):
            is_planar = record["population"].startswith("xor")
            num_classes = 2 if is_planar else 10
            kinds = dict.fromkeys(("is_planar", "is_coder", "generates"), is_planar)
            arrays = make_exhibits(number, num_classes, **kinds)
            np.savez(folder / "exhibits" / f"{record['trial_id']}.npz", **arrays)


def cell_row(family: Any = "vgg", depth: Any = 1, **changes: Any) -> Record:
    """Return a row of the landscape: undistorted, settled; an error is `(value, lo, hi)`."""
    row: Record = {
        "family": family,
        "depth": depth,
        "population": "xor(sigma=0.5)",
        "distortion": "label_noise",
        "level": 0,
        "severity": 0.0,
        "num_train": 128,
        "num_seeds": 5,
        "estimation_num_seeds": 5,
        "num_missing": 0,
        "share_converged": 1.0,
        "bayes_risk": 0.07,
        "approximation_is_bound": False,
    }
    for name, value in changes.items():
        if isinstance(value, tuple):
            row |= dict(zip((name, f"{name}_lo", f"{name}_hi"), value, strict=True))
        else:
            row[name] = value
    return row


def landscape_frame(*rows: Record) -> pd.DataFrame:
    """Return rows as the landscape's table; what a row lacks is null."""
    return typed_frame(rows, LANDSCAPE_COLUMNS)


def landscape_row(*args: Any, **changes: Any) -> Record:
    """Return `cell_row` as it comes out of a table, with every column."""
    (row,) = to_rows(landscape_frame(cell_row(*args, **changes)))
    return row


def comparison_frame(*rows: Record) -> pd.DataFrame:
    """Return rows as the comparisons' table, over all cells of a population by default."""
    plain = {"scope": "population", "population": "xor(sigma=0.5)", "num_cells": 4}
    return typed_frame([plain | row for row in rows], COMPARISON_COLUMNS)
