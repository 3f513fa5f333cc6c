"""A row whose decisions and law are read, for fuzzing."""

from typing import Any

from study.trials.decisions import law_key
from study.trials.trial import CELL_NAMES, cell_of

ROW: dict[str, Any] = {
    **dict.fromkeys(CELL_NAMES),
    **{"family": "linear", "depth": 1, "population": "xor", "distortion": "none"},
    **{"severity": 0.0, "num_train": 64, "trial_id": "a" * 16, "task": "classification"},
    **{"is_resplit": None, "risk": 0.5, "excess_risk": 0.1},
}
CELL = f"law-{law_key(cell_of(ROW))}.npz"
"""The file of its law."""
