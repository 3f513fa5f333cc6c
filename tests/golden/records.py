"""Records of two studies, made at an earlier commit; `records.json` says which and how."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "records.json").read_text())
"""`studies` holds, by study and trial id, what determines a trial, its status and its metrics."""

OTHER_MACHINE = 0.05
"""Risks on a processor that adds in another order: training is chaotic, ids are not."""


def timeless(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics without what a clock puts there."""
    return {name: value for name, value in metrics.items() if name not in ("wall_s", "cpu_s")}


def assert_same_metrics(found: Mapping[str, Any], golden: Mapping[str, Any], what: str) -> None:
    """Bit for bit on a machine like the one that the records come from; new metrics are allowed."""
    here = (torch.__version__, torch.backends.cpu.get_cpu_capability())
    missing = golden.keys() - found.keys()
    assert not missing, f"{what}: {missing}"
    kept = {name: found[name] for name in golden}
    if here == (GOLDEN["torch"], GOLDEN["cpu_capability"]):
        assert kept == golden, what
    else:
        for name in ("risk", "converged_risk", "validation_risk"):
            if golden.get(name) is not None:
                assert kept[name] == pytest.approx(golden[name], abs=OTHER_MACHINE), what
