"""Records of two studies, made at an earlier commit; `records.json` says which and how.

    python -m tests.golden.records

makes them anew, where numbers are meant to change.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from classcomp.trial import CLOCKS

HERE = Path(__file__).parent
FILE = HERE / "records.json"
STUDIES = {"smoke": "smoke", "families": str(HERE / "families.toml")}
KEPT = (
    *("role", "family", "depth", "population", "distortion", "severity", "num_train", "seed"),
    *("budget_epochs", "max_epochs", "budget_steps", "max_steps", "num_validation"),
    *("hyperparameters", "status"),
)
OTHER_MACHINE = 0.1
"""Risks on a processor that adds in another order: training is chaotic, ids are not."""


def golden() -> dict[str, Any]:
    """What the file holds: `studies` has, by study and trial id, identity, status and metrics."""
    held: dict[str, Any] = json.loads(FILE.read_text())
    return held


def processor() -> str:
    """What arithmetic depends on; two models of one capability add in different orders."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    told = dict(line.partition(":")[::2] for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in told.items()}
    model = " ".join(named.get(key, "") for key in ("model name", "cpu family", "model"))
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def timeless(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics without what a clock puts there."""
    return {name: value for name, value in metrics.items() if name not in CLOCKS}


def assert_same_metrics(found: Mapping[str, Any], was: Mapping[str, Any], what: str) -> None:
    """Bit for bit on a machine like the one that the records come from; new metrics are allowed."""
    missing = was.keys() - found.keys()
    assert not missing, f"{what}: {missing}"
    kept = {name: found[name] for name in was}
    if processor() == golden()["processor"]:
        assert kept == was, what
    else:
        for name in ("risk", "validation_risk"):
            if was.get(name) is not None:
                assert kept[name] == pytest.approx(was[name], abs=OTHER_MACHINE), what


def _records(study: str) -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "study.run", study, "--results", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (ledger,) = Path(folder).glob("*/ledger/*.jsonl")
        records = [json.loads(line) for line in ledger.read_text().splitlines()]
    return {
        record["trial_id"]: {
            **{name: record[name] for name in KEPT if name in record},
            "metrics": timeless(record["metrics"]),
            "validation_curve": [
                point["validation_risk"]
                for point in record["curves"]
                if point["validation_risk"] is not None
            ],
        }
        for record in sorted(records, key=lambda r: r["trial_id"])
    }


def main() -> None:
    """Writes records.json."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True
    )
    made = {
        "commit": commit.stdout.strip(),
        "made_by": "python -m tests.golden.records",
        "processor": processor(),
        "studies": {name: _records(study) for name, study in STUDIES.items()},
    }
    FILE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
