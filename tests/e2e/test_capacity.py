"""A study along the axis of capacities: from its file to networks, tables and page."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

STUDY = """
name = "sizes"
families = ["linear", "gaussian_generator"]
depths = [1]
capacity = [0.25, 1, 4.0]
seeds = 3
num_train = [48]
[[populations]]
name = "xor"
[search]
trials = 0
[training]
budget_epochs = 3
max_epochs = 6
[best_in_class]
restarts = 0
[limit]
restarts = 1
num_stream = [600]
"""


@pytest.mark.long
def test_capacities_are_trained_told_and_drawn(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """A family that meets no budget is there once, and on none of the curves."""
    status, printed = finish_shared(STUDY, tmp_path)
    assert status == 0, printed
    folder = tmp_path / "results/sizes"
    trials = pd.read_parquet(folder / "trials.parquet").query("role == 'measure'")
    held = trials.groupby("family")["capacity"]
    assert sorted(held.get_group("linear")) == [0.25] * 3 + [1.0] * 3 + [4.0] * 3
    assert held.get_group("gaussian_generator").isna().tolist() == [True] * 3
    sizes = trials.query("family == 'linear'").groupby("capacity")["num_parameters"].unique()
    for capacity, (size,) in sizes.items():
        assert abs(size / (8_000 * capacity) - 1) <= 0.10
    points = pd.read_csv(folder / "capacities.csv").set_index("capacity")
    assert points["num_parameters"].to_dict() == {c: n for c, (n,) in sizes.items()}
    means = trials.query("family == 'linear'").groupby("capacity")["risk"].mean()
    assert points["risk"].tolist() == pytest.approx(means.tolist())
    assert points[["risk_lo", "converged_risk_hi", "estimation"]].notna().all(axis=None)
    peaks = pd.read_csv(folder / "peaks.csv").set_index("quantity")
    assert peaks["peak"].tolist() == [1.0, 1.0]
    for quantity in ("risk", "converged_risk"):
        parts = peaks.loc[quantity, ["rise_estimation", "rise_optimization"]].sum()
        limits = (
            points.loc[1.0, "limit_risk"] - points.loc[peaks.loc[quantity, "left"], "limit_risk"]
        )
        assert peaks.loc[quantity, "rise"] == pytest.approx(parts + limits)
    page = (folder / "report/index.html").read_text()
    assert '<h2 id="capacities">Capacity</h2>' in page
    assert (folder / "report/figures/capacities_00.svg").exists()
    assert "c: capacity" in " ".join(printed.split())
